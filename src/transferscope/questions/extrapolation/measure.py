"""How far does the basin reach beyond two networks, on the straight line through them?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack

import numpy as np

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...numerics.crossing import first_crossing
from ...probes.evaluate import EngineOptions, How
from ...probes.evaluation import check_options
from ...probes.metrics import as_error
from ...progress import Progress, silent
from .._path_evidence import unlearned
from .._paths import LEVEL, BarePair, Joined, Path, Traced, Tracer, curve_rows, grid, principal
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RISE", "Edge", "ExtendedPath", "Extrapolation", "Reached", "extrapolation"]

RISE = 0.02
"""The rise of the error that the claim is about."""


@dataclass(frozen=True)
class Edge:
    """Where the basin ends on one side: how far beyond an end point the error has risen by the threshold.

    Attributes:
        images: name of the set.
        metric: of what; accuracy and AUC as 1 − it.
        side: ``a`` (λ < 0) or ``b`` (λ > 1).
        beyond: distance from the end point in units of ‖θ_b − θ_a‖; inf when not within the grid; nan when the end
            point itself is not finite.
        low: lower end of its 95 % bootstrap interval over images, of these two networks; inf when not within the
            grid.
        high: upper end.
        reach: how far the grid goes on this side, in the same unit.
        threshold: the rise, in units of the metric.
        n: number of images.
    """

    images: str
    metric: str
    side: Literal["a", "b"]
    beyond: float
    low: float
    high: float
    reach: float
    threshold: float
    n: int

    @property
    def at(self) -> float:
        """Its λ, infinite when not within the grid."""
        return -self.beyond if self.side == "a" else 1.0 + self.beyond


@dataclass(frozen=True, eq=False)
class Reached:
    """How far the basin reaches beyond both networks of a pair: one number a pair.

    Attributes:
        images: name of the set.
        metric: of what; accuracy and AUC as 1 − it.
        beyond: mean over both sides of the distance at which the error has risen by ``rise``, in units of
            ‖θ_b − θ_a‖; what the grid does not reach counts as its reach; nan when an end is not finite.
        draws: float32 ``(resamples,)``, the same on resampled images, which are the same for all pairs.
        reach: how far the grid goes, the shorter side.
        rise: in units of the metric: 2 points, whatever the setting; of the loss the setting.
        capped: on how many of the two sides the edge is not within the grid.
        n: number of images.
    """

    images: str
    metric: str
    beyond: float
    draws: np.ndarray
    reach: float
    rise: float
    capped: int
    n: int


@dataclass(frozen=True, eq=False)
class ExtendedPath:
    """One pair of networks.

    Attributes:
        path: the metrics on the line through them.
        edges: where the basin ends, by set, metric and side.
        reached: how far it reaches on both sides together, by set, in the metric that claims are judged by; none
            where the grid is beyond one of the networks only.
    """

    path: Path
    edges: tuple[Edge, ...]
    reached: tuple[Reached, ...] = ()

    def edge(self, images: str, metric: str, side: str) -> Edge | None:
        """Return one edge, ``None`` where the grid has nothing on that side."""
        return next((e for e in self.edges if (e.images, e.metric, e.side) == (images, metric, side)), None)


@dataclass(frozen=True, eq=False)
class Extrapolation(Result):
    """Metrics on the lines through pairs of networks, and where the basin ends on each side.

    The basin ends at the first λ beyond an end point where the error has risen by ``threshold`` over the end point's,
    interpolated linearly between the points of the grid. It is looked for from each end outwards; whether there is a
    barrier between the two ends is :class:`~transferscope.questions.barrier.measure.Barrier`'s question.

    The claim (Neyshabur et al. 2020, B.6: two P-T lie close to the boundary) is about one number a pair, the mean of
    both edges for a rise of 2 points; judged is its geometric mean over pairs, with an interval over networks, each
    of which is left out in turn, and images. Networks that learned nothing are left out.

    Attributes:
        paths: one a pair.
        left_out: pairs that could not be evaluated, and networks that learned nothing.
        threshold: rise of error, or of 1 − AUC, at which the basin ends.
        loss_threshold: rise of the loss, in nats, at which it ends in loss.
        resamples: bootstrap resamples over images.
        how: how the numbers were computed.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "extrapolation"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.3",
        "Neyshabur et al. 2020, B.6",
        "Neyshabur et al. 2020, Fig. 18",
    )

    paths: tuple[ExtendedPath, ...]
    left_out: tuple[LeftOut, ...]
    threshold: float
    loss_threshold: float
    resamples: int
    how: How
    witnesses: tuple[Witness, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Return one row a pair, set, metric and λ."""
        import pandas as pd

        return pd.DataFrame([row for p in self.paths for row in curve_rows(p.path)])

    def edges(self) -> pd.DataFrame:
        """Return one row a pair, set, metric and side."""
        import pandas as pd

        rows = [
            {"kind": p.path.kind, "a": p.path.a, "b": p.path.b, "images": e.images, "n": e.n, "metric": e.metric,
             "side": e.side, "lambda": e.at, "beyond": e.beyond, "low": e.low, "high": e.high, "reach": e.reach,
             "distance": e.beyond * p.path.length}
            for p in self.paths
            for e in p.edges
        ]  # fmt: skip
        return pd.DataFrame(rows)


def extrapolation(
    net: Network,
    pairs: Sequence[BarePair],
    sets: Mapping[str, ImageSet],
    *,
    witnesses: Sequence[Witness] = (),
    lambdas: int | Sequence[float] | np.ndarray = 31,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    loss_threshold: float = 0.1,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Extrapolation:
    """Measure a network on the straight lines through pairs of its weights, beyond both (Neyshabur et al. 2020, B.6).

    θ_λ = (1 − λ)θ_a + λθ_b for λ from −1 to 2.

    Args:
        net: the network of all.
        pairs: two solutions each; plain weights are called A and B, of a second pair C and D, ….
        sets: image sets by name.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        lambdas: number of points from −1 to 2, or their λ; 0 and 1 are always among them.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: rise of error, or of 1 − AUC, at which the basin ends.
        loss_threshold: rise of the loss, in nats.
        resamples: bootstrap resamples over images.
        seed: of the resamples.
        progress: told after every point, of the points of all pairs.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when solutions are not of this network, no pair can be evaluated, the grid stays within 0…1, or an
            option is unknown.

    >>> import torch
    >>> from transferscope.models.network import Input
    >>> from transferscope.models.solution import as_solution
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1, 2, bias=False))
    >>> net = Network(module, "tiny", 2, Input((1, 1), 1, (0.0,), (1.0,)))
    >>> pixels, labels, ids = np.full((4, 1, 1, 1), 255, np.uint8), np.array([0, 0, 0, 1]), np.array(list("wxyz"))
    >>> sets = {"test": ImageSet(pixels, labels, ("a", "b"), ids)}
    >>> a, b = (as_solution({"1.weight": torch.tensor([[w], [0.0]])}, name) for name, w in (("A", 2.0), ("B", 1.0)))
    >>> path = extrapolation(net, [(a, b)], sets, lambdas=[-1.0, 1.5, 2.5], metrics=["error"], device="cpu").paths[0]
    >>> path.path.curve("test", "error").values  # the weight is 2 − λ: all are called "a" until λ = 2
    array([0.25, 0.25, 0.25, 0.25, 0.75])
    >>> edge = path.edge("test", "error", "b")  # from 0.25 at 1.5 to 0.75 at 2.5: 0.27 at 1.54
    >>> round(edge.at, 3), path.edge("test", "error", "a").at
    (1.54, -inf)
    """
    check_options(options, extrapolation)
    places = grid(lambdas, -1.0, 2.0)
    if places[0] >= 0 and places[-1] <= 1:
        raise UsageError("lambdas: nothing lies beyond the end points; expected a grid such as −1 to 2")
    thresholds = {"loss": loss_threshold}
    joined = Joined.of(net, pairs)
    tracer = Tracer(net, joined, sets, places, metrics=metrics, resamples=resamples, seed=seed, **options)
    paths = tuple(
        ExtendedPath(
            t.path,
            tuple(
                edge
                for curve in t.path.curves
                if curve.metric != "accuracy" or (curve.images, "error") not in t.draws
                for side in ("a", "b")
                if (edge := _edge(t, curve.images, curve.metric, side, thresholds.get(curve.metric, threshold)))
            ),
            tuple(found for images in t.path.sets if (found := _reached(t, images, loss_threshold))),
        )
        for t in tracer.paths(progress)
    )
    missing = (*joined.left_out, *unlearned(paths))
    return Extrapolation(paths, missing, threshold, loss_threshold, resamples, tracer.how, tuple(witnesses))


def _crossings(
    traced: Traced, images: str, metric: str, side: str, threshold: float
) -> tuple[float, np.ndarray, float] | None:
    """Where the error has risen on one side, the same on resampled images, and how far the grid goes."""
    path = traced.path
    places = -path.lambdas[::-1] if side == "a" else path.lambdas - 1.0
    outward = np.flatnonzero(places >= 0)
    if len(outward) < 2:
        return None
    order = np.arange(len(places))[::-1][outward] if side == "a" else outward
    curve = path.curve(images, metric)
    beyond = _crossing(places[outward], as_error(metric, curve.values[order]), threshold)
    draws = _crossing(places[outward], as_error(metric, traced.draws[images, metric].numpy()[:, order]), threshold)
    return float(beyond), draws, float(places[outward][-1])


def _reached(traced: Traced, images: str, loss_threshold: float) -> Reached | None:
    """Both sides of one pair, in the metric that claims are judged by."""
    metric = principal(traced.path, images)
    rise = loss_threshold if metric == "loss" else RISE
    sides = [found for side in ("a", "b") if (found := _crossings(traced, images, metric, side, rise))]
    if len(sides) < 2:
        return None
    beyond = float(np.mean([min(at, reach) for at, _, reach in sides]))
    draws = np.mean([np.minimum(at, reach) for _, at, reach in sides], axis=0)
    if any(math.isnan(at) for at, _, _ in sides):
        beyond = math.nan
    return Reached(
        images, metric, beyond, draws.astype(np.float32), min(reach for *_, reach in sides), rise,
        sum(math.isinf(at) for at, _, _ in sides), traced.path.curve(images, metric).n,
    )  # fmt: skip


def _edge(traced: Traced, images: str, metric: str, side: str, threshold: float) -> Edge | None:
    found = _crossings(traced, images, metric, side, threshold)
    if found is None:
        return None
    beyond, draws, reach = found
    low, high = (math.nan, math.nan)
    if not np.isnan(draws).any():
        tail = (1 - LEVEL) / 2
        # No interpolation between draws: some may be infinite.
        low, high = (float(q) for q in np.quantile(draws, [tail, 1 - tail], method="inverted_cdf"))
    return Edge(
        images, metric, "a" if side == "a" else "b", beyond, low, high, reach, threshold,
        traced.path.curve(images, metric).n,
    )  # fmt: skip


def _crossing(distances: np.ndarray, errors: np.ndarray, threshold: float) -> np.ndarray:
    """Return the distance at which errors ``(…, m)`` have first risen by the threshold over the first of them.

    Linear between points; inf when they never do; nan when the first is nan. An error that is not finite counts as
    risen, from the point before it.

    >>> _crossing(np.array([0.0, 1.0, 2.0]), np.array([[0.0, 0.1, 0.3], [0.0, 0.1, 0.2], [0.0, 0.1, 0.1]]), 0.2)
    array([1.5, 2. , inf])
    """
    first = errors[..., :1]
    with np.errstate(invalid="ignore"):
        risen = np.where(np.isfinite(errors), errors - first - threshold, np.inf)
    found = first_crossing(distances, np.where(np.isfinite(first), risen, np.inf))
    return np.where(np.isfinite(first[..., 0]), found, np.nan)
