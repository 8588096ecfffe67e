"""Which module of a network has the features that a target wants?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from ...data.imageset import ImageSet, ImageSplits
from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.draws import over_draws, with_draws
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness, chance_of
from ...evidence.left_out import LeftOut
from ...evidence.near_best import NearBest, near_best
from ...models.network import Granularity, Network
from ...params import Params
from ...probes.partial_results import Kept
from ...probes.readings import Reading, readings
from ...progress import Progress, silent
from ..result import Result
from .protocol import Method, ProbeProtocol, measured_at, prepare

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Method", "Place", "Probe", "ProbeProtocol", "Probed", "probe"]

MARGIN = 0.01
"""A module is close to the best when it is shown to be no more than this under it: a point of accuracy."""


@dataclass(frozen=True, eq=False)
class Probed:
    """A network whose modules are looked at.

    Attributes:
        label: its name in tables and figures.
        net: the network.
        params: its weights; without a final layer of their own, that of the network is not looked at.
        images: the target's images as this network wants to see them, the same ones for all networks.
        kind: pre-trainings that differ in their seed alone share one; empty for others.
    """

    label: str
    net: Network
    params: Params
    images: ImageSplits
    kind: str = ""


@dataclass(frozen=True)
class Place:
    """Where features were taken.

    Attributes:
        network: label of the network.
        module: its module, or ``input of fc``.
        reading: how its output becomes one vector, see :class:`~transferscope.probes.readings.Reading`.
        width: how many numbers an image has.
        depth: of the module among those of the network, from 0 for the first to 1 for the last.
    """

    network: str
    module: str
    reading: str
    width: int
    depth: float

    @property
    def name(self) -> str:
        """Module, and reading where it is not the plain mean.

        >>> Place("a", "layer1", "mean of positions", 16, 0.0).name, Place("a", "1", "class token", 9, 0.5).name
        ('layer1', '1 (class token)')
        """
        plain = self.reading in ("", "mean of positions", "mean of tokens", "all values")
        return self.module if plain else f"{self.module} ({self.reading})"


@dataclass(frozen=True, eq=False)
class Probe(Result):
    """How well simple classifiers do on the frozen features of every module.

    Attributes:
        networks: their labels, in the order in which they were given.
        kinds: of each network, see :class:`Probed`.
        places: of all networks, in forward order of each.
        methods: ways from features to a classifier.
        values: ``(places, methods, draws)`` accuracy on test images; a method without draws has one number, the
            others are nan.
        each: ``(places, methods, n)`` the share of draws in which each test image is right.
        used: ``(places, methods, draws)`` λ of few-shot or decay of the linear probe.
        protocol: what is the same for all.
        support_ids: ``(draws, classes, most)`` ids of the training images of few-shot: n shots are the first n.
        images: name of the images.
        trained_on: training images of the linear probe and the nearest neighbours.
        chosen_on: validation images, on which the decay of the linear probe is chosen.
        n: test images.
        classes: how many.
        chance: accuracy of always naming the most frequent class.
        target: what the images are called in a study.
        witnesses: the pre-trainings, with what is wrong with each.
        kin: labels of the witnesses of each kind, those without weights included.
        left_out: shots without enough images, and what else is not there.
    """

    question: ClassVar[str] = "probe"
    cites: ClassVar[tuple[str, ...]] = ()

    networks: tuple[str, ...]
    kinds: tuple[str, ...]
    places: tuple[Place, ...]
    methods: tuple[Method, ...]
    values: np.ndarray
    each: np.ndarray
    used: np.ndarray
    protocol: ProbeProtocol
    support_ids: np.ndarray
    images: str
    trained_on: int
    chosen_on: int
    n: int
    classes: int
    chance: float
    target: str = ""
    witnesses: tuple[Witness, ...] = ()
    kin: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def headline(self) -> Method:
        """The method that sentences are about: few-shot with the most shots, λ by leave-one-out where there is it."""
        few = [m for m in self.methods if m.kind == "loo"] or [m for m in self.methods if m.kind == "fixed"]
        return max(few, key=lambda m: m.shots)

    def of(self, network: str) -> list[int]:
        """Return the rows of a network's places, in forward order."""
        return [i for i, place in enumerate(self.places) if place.network == network]

    def estimate(self, row: int, method: Method) -> Estimate:
        """Return the accuracy at a place, over draws of the support and test images; of these networks."""
        values, each = self._numbers(row, method)
        return over_draws(values, each)

    def difference(self, a: int, b: int, method: Method) -> Estimate:
        """Return how far the accuracy at one place lies over that at another, with the same supports and images."""
        first, second = self._numbers(a, method), self._numbers(b, method)
        return over_draws(first[0] - second[0], first[1] - second[1])

    def near(self, network: str, method: Method) -> NearBest:
        """Return the best of a network's places and those near it, counted among its places."""
        known = self._known.get((network, method))
        if known is None:
            rows, at = self.of(network), self.methods.index(method)
            draws = np.isfinite(self.values[rows[0], at])
            known = near_best(self.values[rows, at][:, draws], self.each[rows, at], margin=MARGIN)
            self._known[network, method] = known
        return known

    def tops(self) -> dict[str, list[float]]:
        """Return what each network gains from half way to its last place, of those that share a kind, by kind."""
        return {kind: [float(each.mean()) for each, _ in found] for kind, found in self._gains().items()}

    def top_gain(self, kind: str) -> Estimate:
        """Return the accuracy at the last place less that half way, over the pre-trainings of a kind, and images.

        The draws of the support, which all of them share, vary, too.
        """
        found = self._gains()[kind]
        each = np.stack([each for each, _ in found])
        return with_draws(mean(each.mean(1), each, over="pre-trainings"), np.mean([drawn for _, drawn in found], 0))

    def gain_over(self, network: str, other: str, method: Method) -> dict[str, Estimate]:
        """Return how far one network lies over another at each place that both have."""
        theirs = {(self.places[i].module, self.places[i].reading): i for i in self.of(other)}
        pairs = [(i, theirs.get((self.places[i].module, self.places[i].reading))) for i in self.of(network)]
        return {self.places[i].name: self.difference(i, j, method) for i, j in pairs if j is not None}

    def half_way(self, network: str) -> int:
        """Return the row of the place half way through a network: the last with a depth of at most ½."""
        rows = self.of(network)
        return max((i for i in rows if self.places[i].depth <= 0.5), default=rows[0])

    def _gains(self) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
        """Of each network of a kind, the gain from half way to the last place, of each image and of each draw."""
        at, found = self.methods.index(self.headline), dict[str, list[tuple[np.ndarray, np.ndarray]]]()
        for network, kind in zip(self.networks, self.kinds, strict=True):
            if kind:
                last, middle = self.of(network)[-1], self.half_way(network)
                each = self.each[last, at].astype(np.float64) - self.each[middle, at]
                found.setdefault(kind, []).append((each, self.values[last, at] - self.values[middle, at]))
        return found

    def _numbers(self, row: int, method: Method) -> tuple[np.ndarray, np.ndarray]:
        at = self.methods.index(method)
        values = self.values[row, at]
        return values[np.isfinite(values)], self.each[row : row + 1, at].astype(np.float64)

    @cached_property
    def _known(self) -> dict[tuple[str, Method], NearBest]:
        return {}

    def frame(self) -> pd.DataFrame:
        """Return one row for each place and method: accuracy with its interval, and how it stands to the best."""
        import pandas as pd

        rows = []
        for network in self.networks:
            for method in self.methods:
                near, at = self.near(network, method), self.methods.index(method)
                for place, i in enumerate(self.of(network)):
                    found, used = self.estimate(i, method), self.used[i, at]
                    rows.append(
                        {
                            "network": network,
                            "module": self.places[i].module,
                            "reading": self.places[i].reading,
                            "width": self.places[i].width,
                            "depth": self.places[i].depth,
                            "method": method.name,
                            "shots": method.shots or math.nan,
                            "accuracy": found.value,
                            "low": _number(found.low),
                            "high": _number(found.high),
                            "over": found.over,
                            "draws": int(np.isfinite(self.values[i, at]).sum()),
                            "penalty": _median(used),
                            "best": place == near.best,
                            "tied_with_best": place in near.tied,
                            "close_to_best": place in near.close,
                            "n": self.n,
                        }
                    )  # fmt: skip
        return pd.DataFrame(rows)


def probe(
    networks: Sequence[Probed],
    *,
    modules: Granularity | Sequence[str] = "block",
    protocol: ProbeProtocol | None = None,
    support: np.ndarray | None = None,
    target: str = "",
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    kept: Kept | None = None,
    progress: Progress = silent,
) -> Probe:
    """Evaluate few-shot ridge, a linear probe and nearest neighbours on the frozen features of every module.

    Each network sees the images once; nothing in it is trained. Supports are drawn once and shared by all modules
    and networks, so that every difference is paired. Fits are to training images, the decay of the linear probe is
    chosen on validation images, and accuracies are those of test images.

    Source: big_vision's few-shot evaluation (Zhai et al. 2022), used by Abnar et al. 2022 (Fig. 6: at every module).

    Args:
        networks: one or more, on the same images in the same order.
        modules: a granularity, or names of modules.
        protocol: shots, draws, λ and what else there is to say; default: big_vision's with 5 draws and, beside
            its λ, one by leave-one-out.
        support: ids of the training images of few-shot, ``(draws, classes, most)``, instead of a draw.
        target: what the images are called.
        witnesses: the pre-trainings, with what is wrong with each.
        device: ``cpu``, ``cuda`` or ``auto``; features are computed there, classifiers on the CPU.
        kept: where features are kept in case of a stop.
        progress: told how many places are done.

    Raises:
        UsageError: for no networks, two of one label, different images, or shots and draws that cannot be.
        DataError: for several labels an image, or a class with too few images for any number of shots.
        ModelError: when a module does not exist or has no features.
    """
    ask = _checked(networks, protocol or ProbeProtocol())
    prepared, left = prepare(networks[0].images, ask, support)
    places: list[Place] = []
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for number, network in enumerate(networks):
        seen = _features(number, network, modules, ask.pooled, device, kept)
        depths = _depths([r.module for r in seen["test"]])
        for at, reading in enumerate(seen["test"]):
            found.append(measured_at(prepared, {part: of[at].features for part, of in seen.items()}))
            places.append(
                Place(network.label, reading.module, reading.kind, reading.features.shape[1], depths[reading.module])
            )
            progress(number * len(depths) + at + 1, len(networks) * len(seen["test"]), "places")
    images = networks[0].images
    return Probe(
        networks=tuple(n.label for n in networks),
        kinds=tuple(n.kind for n in networks),
        places=tuple(places),
        methods=prepared.protocol.methods(),
        values=np.stack([values for values, _, _ in found]),
        each=np.stack([each for _, each, _ in found]),
        used=np.stack([used for _, _, used in found]),
        protocol=prepared.protocol,
        support_ids=np.asarray(images.train.ids).astype(str)[prepared.supports],
        images=images.test.name,
        trained_on=len(images.train),
        chosen_on=len(images.val) if prepared.protocol.linear else 0,
        n=len(images.test),
        classes=prepared.classes,
        chance=chance_of(images.test),
        target=target,
        witnesses=tuple(witnesses),
        left_out=tuple(left),
    )


def _features(
    number: int,
    network: Probed,
    modules: Granularity | Sequence[str],
    pooled: bool,
    device: str | torch.device,
    kept: Kept | None,
) -> dict[str, list[Reading]]:
    """The readings of all parts, or what an earlier sitting kept of them."""
    known = kept.load(f"features-{number}") if kept is not None else None
    parts: dict[str, ImageSet] = {
        "train": network.images.train, "val": network.images.val, "test": network.images.test
    }  # fmt: skip
    if known is not None:
        names = [tuple(str(name).split("\t")) for name in known["names"]]
        return {
            part: [Reading(m, k, known[f"{part}-{i}"]) for i, (m, k) in enumerate(names)]
            for part in parts
            if f"{part}-0" in known
        }
    found = {
        part: readings(network.net, network.params, images, modules, pooled=pooled, device=device)
        for part, images in parts.items()
        if len(images)
    }
    if kept is not None:
        listed = np.array([f"{r.module}\t{r.kind}" for r in found["test"]])
        arrays = {f"{part}-{i}": r.features for part, of in found.items() for i, r in enumerate(of)}
        kept.save(f"features-{number}", {"names": listed, **arrays})
    return found


def _checked(networks: Sequence[Probed], ask: ProbeProtocol) -> ProbeProtocol:
    if not networks:
        raise UsageError("a probe of no networks; give at least one")
    twice = [label for label, count in Counter(n.label for n in networks).items() if count > 1]
    if twice:
        raise UsageError(f"two networks are called {twice[0]!r}; give each a label of its own")
    if not ask.shots or sorted(set(ask.shots)) != list(ask.shots) or ask.shots[0] < 1 or ask.draws < 1:
        raise UsageError(
            f"{ask.shots} shots, {ask.draws} draws; expected rising numbers from 1 on, and 1 draw at least"
        )
    first = networks[0].images
    for other in networks[1:]:
        for part in ("train", "val", "test"):
            mine, theirs = getattr(first, part), getattr(other.images, part)
            if not np.array_equal(mine.ids, theirs.ids) or not np.array_equal(mine.labels, theirs.labels):
                raise UsageError(f"{other.label} and {networks[0].label} are on different images; give both the same")
    return ask


def _depths(modules: Sequence[str]) -> dict[str, float]:
    """From 0 for the first module to 1 for the last, evenly."""
    order = list(dict.fromkeys(modules))
    return {name: at / max(1, len(order) - 1) for at, name in enumerate(order)}


def _median(used: np.ndarray) -> float:
    known = used[np.isfinite(used)]
    return float(np.median(known)) if len(known) else math.nan


def _number(end: float | None) -> float:
    return math.nan if end is None else end
