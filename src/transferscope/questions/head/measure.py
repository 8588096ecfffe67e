"""What the weight decay, or learning rate, of the head does to a pre-training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch

from ...data.imageset import ImageSet, ImageSplits
from ...errors import UsageError
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness, chance_of
from ...evidence.images import averaged
from ...evidence.left_out import LeftOut
from ...evidence.near_best import NearBest, near_best
from ...models.network import Granularity, Network
from ...params import Params, norm
from ...probes.margins import Form, margins
from ...probes.outcomes import outcomes
from ...progress import Progress, silent
from ..probe.measure import Probed, probe
from ..probe.protocol import Method, ProbeProtocol
from ..result import Result
from .grid import Grid, grid_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Head", "Pretrained", "head"]

Setting = Literal["head_weight_decay", "head_lr"]


@dataclass(frozen=True, eq=False)
class Pretrained:
    """A network of the grid.

    Attributes:
        label: its name in tables and figures.
        params: its weights, with the final layer; ``None`` where it diverged. Then its metrics are chance, and it has
            no margins and no norms.
        setting: its weight decay, or factor on the learning rate, of the head; nan where it is not known.
        seed: of its pre-training.
    """

    label: str
    params: Params | None
    setting: float = math.nan
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Head(Result):
    """Upstream and downstream metric, margins and norms over a setting of the head.

    Attributes:
        setting: ``head_weight_decay`` or ``head_lr``.
        networks: labels.
        settings: of each; nan where it is not known.
        seeds: of each pre-training.
        right: ``(networks, n)`` what each upstream test image adds to the metric.
        places: where margins are: modules in forward order, last what the head is given.
        margins: ``(networks, places, m)`` of upstream test images, signed.
        spread: ``(networks, places)`` root of the total variance of the features there.
        modules: of which norms are, in forward order, without the head.
        norms: ``(networks, modules)`` ‖θ‖₂ of each.
        head_norms: ``(networks, 2)`` ‖W‖₂ of the head's weight, and with its bias.
        targets: names of the downstream tasks.
        readings: where few-shot is done, in forward order, last what the head is given.
        few: ``(networks, targets, readings, draws)`` few-shot accuracy.
        each: by target ``(networks, readings, images)``, its share of draws right.
        shots: images a class.
        draws: of them.
        form: of the margins' outputs.
        upstream: name of the upstream images.
        witnesses: the pre-trainings, with what is wrong with each.
        left_out: what is not on the grid.
    """

    question: ClassVar[str] = "head"
    cites: ClassVar[tuple[str, ...]] = ()

    setting: Setting
    networks: tuple[str, ...]
    settings: tuple[float, ...]
    seeds: tuple[int, ...]
    right: np.ndarray
    places: tuple[str, ...]
    margins: np.ndarray
    spread: np.ndarray
    modules: tuple[str, ...]
    norms: np.ndarray
    head_norms: np.ndarray
    targets: tuple[str, ...]
    readings: tuple[str, ...]
    few: np.ndarray
    each: dict[str, np.ndarray]
    shots: int
    draws: int
    form: Form
    upstream: str
    witnesses: tuple[Witness, ...] = ()
    left_out: tuple[LeftOut, ...] = ()

    @property
    def grid(self) -> Grid | None:
        """The seeds that have every value of the setting; ``None`` without two values."""
        return grid_of(self.settings, self.seeds)[0]

    @property
    def n(self) -> int:
        """Upstream test images."""
        return int(self.right.shape[1])

    def median_margins(self, normalised: bool = True) -> np.ndarray:
        """Return the median margin ``(networks, places)``, over the spread of the features there or as it is."""
        unknown = np.isnan(self.margins)
        medians = np.median(np.where(unknown, 0.0, self.margins), axis=2)
        medians[unknown.all(2)] = math.nan  # it diverged
        return medians / np.where(self.spread > 0, self.spread, math.nan) if normalised else medians

    def lower(self) -> list[int]:
        """Return the places of the lower half of readings."""
        return list(range(max(1, len(self.readings) // 2)))

    def upstream_change(self) -> Estimate:
        """Return the change of the upstream metric a tenfold setting."""
        return self._grid().change(self.right.mean(1), list(self.right))

    def downstream_change(self, target: str, readings: Sequence[int] = (-1,)) -> Estimate:
        """Return the change of few-shot accuracy a tenfold setting, the mean over some readings."""
        each = self.each[target][:, list(readings)].mean(1)
        drawn = self.few[:, self.targets.index(target), list(readings)].mean(1)
        return self._grid().change(drawn.mean(1), list(each), drawn)

    def head_margin_change(self) -> Estimate:
        """Return the change of the median margin at the head's input over its features' spread, a tenfold setting."""
        return self._grid().change(self.median_margins()[:, -1])

    def layer_margin_change(self) -> Estimate:
        """Return the change of the median margin over its spread, the mean over modules, a tenfold setting."""
        return self._grid().change(self.median_margins()[:, :-1].mean(1))

    def head_norm_change(self) -> Estimate:
        """Return the change of the logarithm of the head's norm a tenfold setting."""
        return self._grid().change(_log(self.head_norms[:, 0]))

    def lower_norm_change(self) -> Estimate:
        """Return the change of the mean logarithm of the norms of the lower half of modules, a tenfold setting."""
        lower = _log(self.norms[:, : max(1, len(self.modules) // 2)])
        return self._grid().change(lower.mean(1))

    def best(self, target: str | None = None) -> NearBest:
        """Return the setting that is best, of these networks, and those that are not told apart from it.

        Args:
            target: by few-shot accuracy on it; ``None`` for the upstream metric.
        """
        rows = self._grid().rows.T  # (values, seeds)
        if target is None:
            numbers, each = self.right.mean(1), self.right
        else:
            numbers, each = self.few[:, self.targets.index(target), -1].mean(1), self.each[target][:, -1]
        share = np.full(rows.shape[1], 1 / rows.shape[1])
        return near_best(numbers[rows].mean(1)[:, None], np.stack([averaged(each[r], share).values for r in rows]))

    def _grid(self) -> Grid:
        grid = self.grid
        if grid is None:
            raise UsageError(f"there are no two values of {self.setting} over 0 to compare; give more pre-trainings")
        return grid

    def frame(self) -> pd.DataFrame:
        """Return one row for each network, quantity and place."""
        import pandas as pd

        rows = []
        plain, scaled = self.median_margins(normalised=False), self.median_margins()
        for i, label in enumerate(self.networks):
            same = {"network": label, self.setting: self.settings[i], "seed": self.seeds[i]}

            def add(quantity: str, place: str, value: float, same: Mapping[str, object] = same) -> None:
                rows.append({**same, "quantity": quantity, "place": place, "value": value})

            add("upstream metric", "", float(self.right[i].mean()))
            add("head norm", "weight", float(self.head_norms[i, 0]))
            add("head norm", "weight and bias", float(self.head_norms[i, 1]))
            for at, module in enumerate(self.modules):
                add("norm", module, float(self.norms[i, at]))
            for at, place in enumerate(self.places):
                add("median margin", place, float(plain[i, at]))
                add("median margin over spread", place, float(scaled[i, at]))
                add("spread", place, float(self.spread[i, at]))
            for t, target in enumerate(self.targets):
                for at, place in enumerate(self.readings):
                    add(f"{self.shots}-shot accuracy on {target}", place, float(self.few[i, t, at].mean()))
        return pd.DataFrame(rows)


def head(
    net: Network,
    networks: Sequence[Pretrained],
    upstream: ImageSet,
    targets: Mapping[str, ImageSplits] | None = None,
    *,
    setting: Setting = "head_weight_decay",
    modules: Granularity = "block",
    shots: int = 10,
    draws: int = 5,
    form: Form = "logit",
    top_k: int = 1,
    most: int | None = 2000,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Head:
    """Measure what a setting of the head in pre-training does upstream, downstream, to margins and to norms.

    Per network: the metric on upstream test images; margins of these at every module
    (:func:`~transferscope.probes.margins.margins`), at the head's input exactly; norms of all modules and of the
    head; few-shot accuracy by λ from leave-one-out on each target, from the features of every module
    (:func:`~transferscope.questions.probe.measure.probe`), with the same supports for all networks.

    Source: Abnar et al. 2022, §5 (head weight decay and learning rate apart, layer margins of Elsayed et al. 2018).

    Args:
        net: the network of all of them, with the source's classes.
        networks: one or more.
        upstream: test images of the source.
        targets: downstream tasks; their images in the network's size.
        setting: what the grid is over.
        modules: granularity of margins, norms and features.
        shots: images a class.
        draws: of them.
        form: margins of ``logit`` or ``softmax`` outputs.
        top_k: margins to the nearest of so many other classes.
        most: margins are of so many upstream images at most.
        witnesses: the pre-trainings, with what is wrong with each.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told how many networks are done.

    Raises:
        UsageError: for no networks, or two of one seed and setting.
        DataError: when images do not suit the network, or there are too few for the shots.
        ModelError: when the network has no head to tell apart.
    """
    there = [n for n in networks if n.params is not None]
    if not there:
        raise UsageError("the head of no networks; give at least one")
    _, left = grid_of([n.setting for n in networks], [n.seed for n in networks])
    some = upstream if most is None else upstream.sample(most)
    own = set(net.head_tensors())
    parts = [m for m in net.modules(modules) if not own.issuperset(m.tensors) or not m.tensors]
    learned = {name for name, _ in net.module.named_parameters()}
    right, found, norms, head_norms = [], [], [], []
    for number, network in enumerate(there):
        params, weight = network.params, f"{net.head}.weight"
        assert params is not None
        right.append(outcomes(net, params, upstream, device=device))
        found.append(margins(net, params, some, modules, form=form, top_k=top_k, device=device))
        norms.append([norm({t: params[t] for t in m.tensors if t in learned}) for m in parts])
        head_norms.append([norm({weight: params[weight]}), norm({t: params[t] for t in own})])
        progress(number + 1, len(networks) * (1 + len(targets or {})), "networks")
    places = [i for i, n in enumerate(networks) if n.params is not None]

    def among(values: np.ndarray, instead: float) -> np.ndarray:
        """Put what those that diverged count as among the numbers of the others."""
        whole = np.full((len(networks), *values.shape[1:]), instead, dtype=np.result_type(values, np.float32))
        whole[places] = values
        return whole

    few, each, readings = [], {}, tuple[str, ...]()
    protocol = ProbeProtocol(shots=(shots,), draws=draws, linear=False, k=0)
    method = Method("loo" if shots > 1 else "fixed", shots)
    for number, (target, images) in enumerate((targets or {}).items()):
        seen = probe(
            [Probed(f"{i}", net, n.params, images) for i, n in enumerate(there) if n.params is not None],
            modules=modules, protocol=protocol, device=device,
        )  # fmt: skip
        at = seen.methods.index(method)
        rows = [seen.of(f"{i}") for i in range(len(there))]
        few.append(among(seen.values[np.array(rows), at], chance_of(images.test)))
        each[target] = among(seen.each[np.array(rows), at], chance_of(images.test))
        readings = tuple(seen.places[i].name for i in rows[0])
        progress(len(networks) * (2 + number), len(networks) * (1 + len(targets or {})), "networks")
    return Head(
        setting=setting,
        networks=tuple(n.label for n in networks),
        settings=tuple(n.setting for n in networks),
        seeds=tuple(n.seed for n in networks),
        right=among(np.stack(right), chance_of(upstream)),
        places=found[0].places,
        margins=among(np.stack([m.values for m in found]).astype(np.float32), math.nan),
        spread=among(np.stack([m.spread for m in found]), math.nan),
        modules=tuple(m.name for m in parts),
        norms=among(np.array(norms), math.nan),
        head_norms=among(np.array(head_norms), math.nan),
        targets=tuple(targets or {}),
        readings=readings,
        few=np.stack(few, 1) if few else np.zeros((len(networks), 0, 0, draws)),
        each=each,
        shots=shots,
        draws=draws,
        form=form,
        upstream=upstream.name,
        witnesses=tuple(witnesses),
        left_out=tuple(left),
    )


def _log(values: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        found: np.ndarray = np.log(values)
    return found
