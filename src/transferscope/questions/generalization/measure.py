"""Does network criticality foretell how well networks generalise that all fit their training images?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from ...data.imageset import ImageSet
from ...errors import UsageError, nearest
from ...evidence.estimate import Estimate
from ...evidence.left_out import LeftOut
from ...evidence.ranks import Granulated, granulated, rank_contrast, rank_correlation
from ...models.network import Network
from ...params import Params
from ...probes.outputs import Outputs
from ...probes.partial_results import Kept
from ...probes.points import Points
from ...progress import Progress, silent
from .._configuration import configuration
from ..base import Granularity
from ..criticality.measure import criticality
from ..result import Result
from .complexity import MEASURES, Complexity

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "ARCHITECTURE",
    "CRITICALITY",
    "Generalization",
    "NetworkRow",
    "Predicted",
    "TrainedNetwork",
    "generalization",
]

CRITICALITY = "criticality"
ARCHITECTURE = "architecture"
SIGMAS = tuple(0.01 * 2.0 ** (k / 2) for k in range(15))
"""Noise of a module, as a share of the root mean square of its weights: 0.01 to 1.28, two values an octave."""

Predicted: TypeAlias = Literal["error", "gap"]


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network that was trained until it fits its training images.

    Attributes:
        name: what to call it.
        net: the network.
        start: its weights before training; ``None`` where there are none left.
        params: its weights after it; ``None`` where it diverged.
        train: the images it was trained on, with the labels it was trained on.
        test: other images, the same ones for all networks.
        family: its architecture.
        factors: its hyper-parameters.
        ended: ``finished`` or how it did not.
    """

    name: str
    net: Network
    start: Params | None
    params: Params | None
    train: ImageSet
    test: ImageSet
    family: str = ""
    factors: Mapping[str, float] | None = None
    ended: str = "finished"


@dataclass(frozen=True, eq=False)
class NetworkRow:
    """One network that fits its training images.

    Attributes:
        name: what it is called.
        family: its architecture.
        factors: its hyper-parameters.
        train_error: on its training images, as labelled.
        test_error: on the test images.
        values: of each measure, in the order of the result's ``measures``.
        modules: μ_i of each module in forward order.
        looked: images that the search for μ looked at, as a share of those of whole surfaces.
    """

    name: str
    family: str
    factors: dict[str, float]
    train_error: float
    test_error: float
    values: tuple[float, ...]
    modules: dict[str, float]
    looked: float

    @property
    def configuration(self) -> str:
        """What networks share that differ in their seed alone; its name where no hyper-parameter is known."""
        return configuration(self.family, self.factors) if self.factors else self.name


@dataclass(frozen=True, eq=False)
class Generalization(Result):
    """Measures of networks that all fit their training images, and how well each orders them by test error.

    How claims are judged: configurations are the sample, with each of them (all its seeds) left out in turn, and test
    images.

    Attributes:
        networks: those that fit.
        measures: ``criticality`` and nine others; of each a larger number foretells a larger error.
        errors: bool ``(networks, images)``, which test images each gets wrong.
        n: training images on which measures are taken (the least of all networks), and test images.
        fitted: the largest training error that counts as fitting.
        margin: how much more error than the trained network has noise may cause.
        draws: of the noise.
        left_out: networks that diverged or do not fit.
    """

    question: ClassVar[str] = "generalization"
    cites: ClassVar[tuple[str, ...]] = ("Sedghi (slides)", "Chatterji et al. 2020", "Jiang et al. 2020")

    networks: tuple[NetworkRow, ...]
    measures: tuple[str, ...]
    errors: np.ndarray
    n: tuple[int, int]
    fitted: float
    margin: float
    draws: int
    left_out: tuple[LeftOut, ...]

    def values(self, measure: str) -> np.ndarray:
        """Return a measure of each network.

        Raises:
            UsageError: when it was not taken.
        """
        if measure not in self.measures:
            raise UsageError(f"measure {measure!r} was not taken{nearest(measure, self.measures)}")
        at = self.measures.index(measure)
        return np.array([row.values[at] for row in self.networks], dtype=np.float64)

    def predicted(self, what: Predicted = "error") -> np.ndarray:
        """Return the test error of each network, or the gap to its training error."""
        test = np.array([row.test_error for row in self.networks], dtype=np.float64)
        return test if what == "error" else test - np.array([row.train_error for row in self.networks])

    def tau(self, measure: str, what: Predicted = "error") -> Estimate:
        """Return Kendall's τ of a measure with the test error or the gap, over networks and images."""
        return self._taus[measure, what]

    def ahead_of(self, other: str) -> Estimate:
        """Return by how much the τ of criticality with the test error is larger than that of another measure."""
        return self._ahead[other]

    def within(self, measure: str) -> Granulated:
        """Return how a measure orders networks that differ in one hyper-parameter alone."""
        return self._within[measure]

    @cached_property
    def _taus(self) -> dict[tuple[str, Predicted], Estimate]:
        kinds: tuple[Predicted, ...] = ("error", "gap")
        # Training errors are on other images; of the gap, what test images vary is the same.
        gaps = np.array([row.train_error for row in self.networks])[:, None]
        each = {"error": self.errors.astype(np.float64), "gap": self.errors - gaps}
        return {
            (m, what): rank_correlation(self.values(m), self.predicted(what), each[what], self._alike)
            for m in self.measures
            for what in kinds
        }

    @cached_property
    def _ahead(self) -> dict[str, Estimate]:
        own, error, each = self.values(CRITICALITY), self.predicted(), self.errors.astype(np.float64)
        others = [m for m in self.measures if m != CRITICALITY]
        return {m: rank_contrast(own, self.values(m), error, each, self._alike) for m in others}

    @property
    def _alike(self) -> list[str]:
        return [row.configuration for row in self.networks]

    @cached_property
    def _within(self) -> dict[str, Granulated]:
        factors = levels(self.networks)
        return {m: granulated(factors, self.values(m), self.predicted()) for m in self.measures}

    def frame(self) -> pd.DataFrame:
        """Return one row a network: its hyper-parameters, errors and measures."""
        import pandas as pd

        return pd.DataFrame(
            {
                "network": row.name, ARCHITECTURE: row.family, **row.factors, "train error": row.train_error,
                "test error": row.test_error, **dict(zip(self.measures, row.values, strict=True)),
            }
            for row in self.networks
        )  # fmt: skip

    def measure_frame(self) -> pd.DataFrame:
        """Return one row a measure: τ with error and gap and its interval, Ψ, and ψ of each hyper-parameter."""
        import pandas as pd

        rows: list[dict[str, Any]] = []
        for m in self.measures:
            row: dict[str, Any] = {"measure": m, "is": MEASURES.get(m, "Σμ_i")}
            for what in ("error", "gap"):
                e = self.tau(m, what)
                row |= {f"tau {what}": e.value, f"tau {what} low": e.low, f"tau {what} high": e.high}
            found = self.within(m)
            row |= {"Psi": found.mean.value, "Psi low": found.mean.low, "Psi high": found.mean.high}
            row |= {f"psi {f}": e.value for f, e in zip(found.factors, found.each, strict=True)}
            rows.append(row)
        return pd.DataFrame(rows)


def levels(networks: Sequence[NetworkRow]) -> list[dict[str, str | int]]:
    """Return the hyper-parameters of networks as places among the values of their own architecture.

    So that the wide networks of one architecture stand beside the wide ones of another, whatever their widths are.
    """
    values: dict[tuple[str, str], list[float]] = {}
    for row in networks:
        for factor, value in row.factors.items():
            values.setdefault((row.family, factor), []).append(value)
    places = {key: sorted(set(of)) for key, of in values.items()}
    return [
        {ARCHITECTURE: row.family} | {f: places[row.family, f].index(v) for f, v in row.factors.items()}
        for row in networks
    ]


def generalization(
    networks: Iterable[TrainedNetwork],
    *,
    modules: Granularity = "block",
    alphas: int = 6,
    sigmas: Sequence[float] = SIGMAS,
    draws: int = 3,
    fitted: float = 0.01,
    margin: float = 0.01,
    images: int | None = None,
    seed: int = 0,
    device: str = "auto",
    kept: Kept | None = None,
    total: int = 0,
    progress: Progress = silent,
) -> Generalization:
    """Hold network criticality and nine other measures against the test error (Chatterji et al. 2020).

    Only networks that fit their training images are compared, as measures of complexity are about what training
    error does not say. τ is Kendall's over all of them; ψ and Ψ compare those that differ in one hyper-parameter
    alone (Jiang et al. 2020), which a measure that merely follows one hyper-parameter does not pass.

    Args:
        networks: the trained networks, looked at one after another.
        modules: which modules are moved for μ_i: ``layer``, ``block`` or ``stage``.
        alphas: places between start and end.
        sigmas: noise of a module, in shares of the root mean square of its weights.
        draws: of noise.
        fitted: the largest training error that counts as fitting.
        margin: ε is the training error and so much more.
        images: take measures on at most this many training images of each network.
        seed: of noise.
        device: where to compute.
        kept: where partial results are kept, a network at a time.
        total: how many networks there are, for progress; 0 where it is not known.
        progress: told how many networks are done.

    Raises:
        UsageError: for test images that differ, several labels an image, or no network that fits.
    """
    rows: list[NetworkRow] = []
    wrong: list[np.ndarray] = []
    left: list[LeftOut] = []
    ids: np.ndarray | None = None
    seen = tested = 0
    for done, one in enumerate(networks):
        if one.train.multilabel:
            raise UsageError(f"{one.name}: has several labels an image; its error takes one")
        if ids is not None and not np.array_equal(ids, one.test.ids):
            raise UsageError(f"{one.name}: has other test images than the networks before; give the same to all")
        ids, tested = one.test.ids, len(one.test)
        key = f"network {one.name}"
        if one.params is None or one.start is None:
            left.append(LeftOut(one.name, one.ended if one.params is None else "the weights of its start are gone"))
        else:
            before = kept.load(key) if kept is not None else None
            found = before if before is not None else _measured(
                one, modules, alphas, sigmas, draws, fitted, margin, images, seed, device
            )  # fmt: skip
            if kept is not None and before is None:
                kept.save(key, found)
            train_error, test_error = found["errors"].tolist()
            if not train_error <= fitted:  # nor where it is not a number
                left.append(LeftOut(one.name, f"does not fit its training images (over {100 * fitted:g} % wrong)"))
            else:
                names = [m.decode() for m in found["modules"].tolist()]
                rows.append(
                    NetworkRow(
                        one.name, one.family, dict(one.factors or {}), train_error, test_error,
                        tuple(found["values"].tolist()), dict(zip(names, found["mu"].tolist(), strict=True)),
                        float(found["looked"][0]),
                    )
                )  # fmt: skip
                wrong.append(found["wrong"].astype(bool))
                seen = min(seen or 10**9, int(found["looked"][1]))
        progress(done + 1, max(total, done + 1), "networks")
    if not rows:
        raise UsageError(
            "no network fits its training images: "
            + (left[0].text if left else "none was given; train longer, or raise 'fitted'")
        )
    return Generalization(
        tuple(rows), (CRITICALITY, *MEASURES), np.stack(wrong), (seen, tested), fitted, margin, draws, tuple(left)
    )


def _measured(
    one: TrainedNetwork, modules: Granularity, alphas: int, sigmas: Sequence[float], draws: int, fitted: float,
    margin: float, images: int | None, seed: int, device: str,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Errors of a network, and all measures where it fits; as arrays, so that they can be kept."""
    assert one.params is not None and one.start is not None
    train = one.train if images is None else one.train.sample(images)
    sets = {"train": train, "all": one.train, "test": one.test}
    engine = Outputs(one.net, sets, metrics=("error",), per_example=True, norm="interpolated", device=device)
    found = engine.run(Points.listed([one.params]))
    errors = np.array([float(found[part].values["error"][0]) for part in ("all", "test")])
    wrong = np.asarray(found["test"].examples["error"][0]) > 0.5
    nothing = np.zeros(0)
    if not errors[0] <= fitted:
        return {"errors": errors, "wrong": wrong, "values": nothing, "modules": nothing, "mu": nothing,
                "looked": np.array([math.nan, len(train)])}  # fmt: skip
    epsilon = float(found["train"].values["error"][0]) + margin
    valleys = criticality(
        one.net, [(one.start, one.params)], train, modules=modules, paths=["direct"], alphas=alphas, sigmas=sigmas,
        draws=draws, margin=margin, surface=False, screen=False, seed=seed, device=device,
    ).valleys  # fmt: skip
    others = Complexity.of(one.net, one.start, one.params, engine, train, epsilon=epsilon, draws=draws, seed=seed)
    cells = len(valleys) * alphas * len(sigmas) * draws
    mu = np.array([v.mu for v in valleys])
    return {
        "errors": errors,
        "wrong": wrong,
        "values": np.array([mu.sum(), *others.values]),
        "modules": np.array([v.module.encode() for v in valleys]),
        "mu": mu,
        "looked": np.array([sum(v.points for v in valleys) / cells, len(train)]),
    }
