"""One downstream task against one upstream task: the cloud, its hull, the laws of both, and what they promise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...evidence.estimate import Estimate, measured
from ...numerics.hull import UpperHull, upper_hull
from ...numerics.law_profile import FloorProfile, floor_profile
from ...numerics.law_resampling import Laws, laws_of_halves, laws_of_images
from ...numerics.logit_law import CLIP, LogitLaw, fit_logit_law, held_out, logit
from ...numerics.power_law import PowerLaw, fit_power_law

__all__ = ["LEAST_VERTICES", "Fit", "HeldOutErrors", "Noise", "Options", "TaskLaw", "task_law"]

LEAST_VERTICES = 5
"""Vertices up to the peak that a law of three numbers takes; with fewer the hull is a chord or nearly one."""

_LEAST_MODELS = 8
_RANGE = (0.025, 0.975)
_GRID = 80


@dataclass(frozen=True)
class Options:
    """How laws are fitted and judged; see :func:`~transferscope.questions.scaling.measure.scaling`."""

    start: float | None
    end: float | None
    margin: float
    draws: int
    level: float
    tail: bool


@dataclass(frozen=True, eq=False)
class Fit:
    """A law, what is known of its floor, and what raising the upstream accuracy buys by it.

    Attributes:
        law: of errors: e_DS = k·e_US^α + e_∞.
        floor: which floors go with the points.
        reference: k·e_ref^α, what the error e_ref of the median model adds; comparable where k is not.
        gain: downstream accuracy bought from ``start`` to ``end``. Of the law of all points with an interval over
            models; of the hull without.
        gain_range: 2.5 % and 97.5 % quantiles of the gain over laws of random halves of the models, a range and no
            interval; nan where there are too few models.
        slope: what one more point upstream buys at ``end``, in points.
        stops: upstream accuracy from which the whole rest of the way to 1 buys less than the margin, by the law; nan
            where the law has no excess.
        stops_range: its range over halves.
        grid: upstream accuracies from the least to 1, at which the law is drawn.
        band: 2.5 % and 97.5 % quantiles over halves of downstream accuracy there, (2, grid); empty without halves.
    """

    law: PowerLaw
    floor: FloorProfile
    reference: float
    gain: Estimate
    gain_range: tuple[float, float]
    slope: float
    stops: float
    stops_range: tuple[float, float]
    grid: np.ndarray
    band: np.ndarray

    @property
    def saturates(self) -> float:
        """The accuracy that the law has at an upstream accuracy of 1: 1 − e_∞."""
        return 1.0 - self.law.floor


@dataclass(frozen=True)
class HeldOutErrors:
    """Root mean squared errors on models that were held out, in accuracy.

    Attributes:
        power: of the power law, each model held out once.
        logit: of the line in logits.
        power_best: of the power law fitted without the best tenth, on this tenth.
        logit_best: of the line.
        difference: mean of squared error of the line less that of the power law, over models (each held out once);
            above 0 where the power law is better.
    """

    power: float
    logit: float
    power_best: float
    logit_best: float
    difference: Estimate


@dataclass(frozen=True)
class Noise:
    """What test images do, by drawing every accuracy anew from its number of images.

    Attributes:
        gain: standard deviation of the gain by the law of all points.
        lift: how far the hull's law lies above itself after drawing, at ``end``: the winner's curse, which is in the
            hull itself as well.
    """

    gain: float
    lift: float


@dataclass(frozen=True, eq=False)
class TaskLaw:
    """All that is said of a downstream task and an upstream task.

    Attributes:
        us: upstream task.
        task: downstream task, with its shots.
        base: downstream task without them.
        shots: images a class; ``None`` where nothing is said, infinite for all.
        names: the models that have both accuracies.
        x: their upstream accuracy.
        y: their downstream accuracy.
        vertices: the hull's, by rising upstream accuracy, as places in ``x``.
        peak: place among them of the best; those after it are a descending tail.
        start: upstream accuracy at which the gain starts.
        end: at which it ends.
        points: law of all models; ``None`` where there is none.
        hull: law of the hull up to its peak.
        refused: why there is no law of all models; empty where there is.
        hull_refused: why there is none of the hull.
        line: linear in logits, as of Kornblith et al. 2019.
        held_out: how both laws predict models they have not seen; ``None`` where too few accuracies differ.
        noise: what test images do, where their number is known.
    """

    us: str
    task: str
    base: str
    shots: float | None
    names: tuple[str, ...]
    x: np.ndarray
    y: np.ndarray
    vertices: np.ndarray
    peak: int
    start: float
    end: float
    points: Fit | None
    hull: Fit | None
    refused: str
    hull_refused: str
    line: LogitLaw | None
    held_out: HeldOutErrors | None
    noise: Noise | None

    @property
    def tail(self) -> int:
        """Vertices after the best: more upstream, less downstream."""
        return len(self.vertices) - 1 - self.peak

    @property
    def rising(self) -> UpperHull:
        """The hull up to its peak."""
        kept = self.vertices[: self.peak + 1].astype(np.int64)
        return UpperHull(kept, self.x[kept], self.y[kept], self.peak)


def task_law(
    us: str,
    task: tuple[str, str, float | None],
    names: tuple[str, ...],
    x: np.ndarray,
    y: np.ndarray,
    images: tuple[int | None, int | None],
    options: Options,
    generator: np.random.Generator,
) -> TaskLaw:
    """Fit and judge the laws of a task.

    Args:
        us: upstream task.
        task: label, name and shots.
        names: of the models.
        x: upstream accuracies, all finite; at least one.
        y: downstream accuracies, as many.
        images: test images of both; ``None`` where not known.
        options: how.
        generator: of the draws.
    """
    hull = upper_hull(x, y)
    start = float(np.median(x)) if options.start is None else options.start
    end = float(x.max()) if options.end is None else options.end
    refused = _refused(x, y)
    rising = hull if options.tail else hull.rising()
    hull_refused = refused or _hull_refused(hull, rising)
    enough = len(x) >= _LEAST_MODELS
    points = of_hull = None
    noise = None
    if not refused:
        laws = laws_of_halves(x, y, options.draws, generator, hull=False) if enough else None
        points = _fit(x, y, x, laws, start, end, options, len(x))
    if not hull_refused:
        laws = laws_of_halves(x, y, options.draws, generator, hull=True, tail=options.tail) if enough else None
        of_hull = _fit(rising.x, rising.y, x, laws, start, end, options, None)
    if points is not None and images != (None, None):
        noise = _noise(x, y, images, of_hull, start, end, options, generator)
    smallest = min((n for n in images if n is not None), default=None)
    clip = CLIP if smallest is None else 0.5 / smallest
    return TaskLaw(
        us, *task, names, x, y, hull.index, hull.peak, start, end, points, of_hull, refused, hull_refused,
        None if refused or len(np.unique(logit(x, clip))) < 2 else fit_logit_law(x, y, clip),
        _held_out(x, y, clip, generator) if points is not None and enough else None, noise,
    )  # fmt: skip


def _refused(x: np.ndarray, y: np.ndarray) -> str:
    different = len(np.unique(x))
    if different < LEAST_VERTICES:
        return f"{different} different upstream accuracies, a law of three numbers takes {LEAST_VERTICES}"
    if np.ptp(y) == 0:
        return "all models have the same downstream accuracy"
    if fit_power_law(1 - x, 1 - y).k <= 0:
        return "downstream accuracy does not rise with upstream accuracy"
    return ""


def _hull_refused(hull: UpperHull, used: UpperHull) -> str:
    if hull.peak == 0:
        return "the hull only descends: the model worst upstream is best downstream"
    if len(used.x) < LEAST_VERTICES:
        chord = "a straight chord" if len(used.x) == 2 else f"{len(used.x)} vertices"
        why = "downstream accuracy is convex or too noisy in upstream accuracy" if len(used.x) < 4 else "too few"
        return f"up to its peak the hull is {chord} ({why}), a law of three numbers takes {LEAST_VERTICES}"
    return ""


def _fit(
    x: np.ndarray,
    y: np.ndarray,
    models: np.ndarray,
    laws: Laws | None,
    start: float,
    end: float,
    options: Options,
    n: int | None,
) -> Fit:
    """Fit a law to points; ``n`` models make its interval, none where the points are a hull."""
    law = fit_power_law(1 - x, 1 - y)
    a, b = (float(v) for v in law([1 - start, 1 - end]))
    gain = Estimate(a - b)
    gains = stops = np.empty(0)
    grid, band = np.linspace(float(models.min()), 1.0, _GRID), np.empty((2, 0))
    if laws is not None and len(laws.k):
        band = np.quantile(1 - laws.at(1 - grid), _RANGE, axis=0)
        errors = laws.at([1 - start, 1 - end])
        gains, stops = errors[:, 0] - errors[:, 1], _stops(laws, options.margin)
    if n is not None and len(gains) > 1 and n > 3:
        spread = float(np.var(gains, ddof=1)) * n / (n - 3)
        gain = measured(a - b, over="networks", n=n, spread=spread, freedom=n - 3, level=options.level)
    slope = law.slope(1 - end) if end < 1 else math.nan
    reference = float(law.excess(1 - float(np.median(models))))
    stop = 1 - law.where_excess(options.margin)
    return Fit(
        law, floor_profile(1 - x, 1 - y, law, options.level), reference, gain, _range(gains), slope,
        max(stop, 0.0) if math.isfinite(stop) else math.nan, _range(stops[np.isfinite(stops)]),
        grid, band,
    )  # fmt: skip


def _stops(laws: Laws, margin: float) -> np.ndarray:
    with np.errstate(divide="ignore", over="ignore"):
        found = 1 - np.exp((math.log(margin) - np.log(laws.k)) / laws.alpha)
    return np.asarray(np.where(laws.k > 0, np.maximum(found, 0.0), np.nan))


def _range(values: np.ndarray) -> tuple[float, float]:
    if len(values) < 20:
        return math.nan, math.nan
    low, high = np.quantile(values, _RANGE)
    return float(low), float(high)


def _noise(
    x: np.ndarray,
    y: np.ndarray,
    images: tuple[int | None, int | None],
    hull: Fit | None,
    start: float,
    end: float,
    options: Options,
    generator: np.random.Generator,
) -> Noise:
    errors = laws_of_images(x, y, *images, options.draws, generator, hull=False).at([1 - start, 1 - end])
    lift = math.nan
    if hull is not None:
        drawn = laws_of_images(x, y, *images, options.draws, generator, hull=True, tail=options.tail)
        lift = float(hull.law(1 - end)) - float(np.mean(drawn.at(1 - end)))
    return Noise(float(np.std(errors[:, 0] - errors[:, 1], ddof=1)), lift)


def _held_out(x: np.ndarray, y: np.ndarray, clip: float, generator: np.random.Generator) -> HeldOutErrors | None:
    each = held_out(x, y, "random", generator=generator, clip=clip)
    best = held_out(x, y, "best", generator=generator, clip=clip)
    if each is None or best is None:
        return None
    squares = (each.logit - each.actual) ** 2 - (each.power - each.actual) ** 2
    n = len(squares)
    difference = measured(
        float(squares.mean()), over="networks", n=n, spread=float(np.var(squares, ddof=1)) / n, freedom=n - 1
    )
    return HeldOutErrors(*each.rmse, *best.rmse, difference)
