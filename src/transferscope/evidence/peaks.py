"""How high a path rises, and how much better its middle is than its ends: chosen on half the images at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .crossfit import CrossFitted, cross_fitted
from .estimate import Estimate
from .images import averaged
from .pairs import Pairs, pair_mean
from .sampling import estimated

__all__ = ["Gain", "Peak", "excess", "gain", "kind_gain", "kind_peak", "peak"]

Array = NDArray[np.floating]
Names = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Peak:
    """The highest rise of the error on a path over the straight line between its ends.

    "A barrier" is judged by ``height``, "no barrier" by ``places``: the first asks for one place that is high, the
    second for all places to be low. So both need no correction for the number of places.

    Attributes:
        height: the rise at the place chosen on the other half of the images.
        at: the place that is highest on all images, for a figure.
        naive: the highest rise on all images, as the papers define the height; it looks higher than it is.
        places: the rise at each place.
    """

    height: Estimate
    at: int
    naive: float
    places: tuple[Estimate, ...]

    @property
    def ceiling(self) -> float | None:
        """The highest of the one-sided 95 % upper limits over places; ``None`` when one is not known."""
        return _largest([e.under(0.95) for e in self.places])

    def p_under(self, margin: float) -> float | None:
        """Return the one-sided p-value of "the rise is under the margin at every place": the largest over places.

        Source: intersection-union test, Berger 1982.
        """
        return _largest([e.p_under(margin) for e in self.places])

    def p_over(self, margin: float) -> float | None:
        """Return the one-sided p-value of "the rise is over the margin somewhere", by the cross-fitted height."""
        return self.height.p_over(margin)


@dataclass(frozen=True)
class Gain:
    """How much lower the error is in the middle of a path than at its better end.

    ``least`` is the one to judge by: "better than both ends" is for both to be beaten. ``value`` is to print. It
    looks a little too good where the ends are nearly alike, since the end that is better on one half of the images
    may not be the better one (simulated for one pair: over zero in up to 14 % where it should be in 2.5 %).

    Attributes:
        value: error of the better end minus error in the middle; both chosen on the other half of the images.
        ends: error of the first end minus error in the middle, and the same of the last end.
        at: the place in the middle that is lowest on all images, for a figure.
        naive: the gain with both chosen on all images.
    """

    value: Estimate
    ends: tuple[Estimate, Estimate]
    at: int
    naive: float

    @property
    def least(self) -> Estimate:
        """The gain over the end that is harder to beat: the one with the lower limit.

        Source: intersection-union test, Berger 1982.
        """
        return min(self.ends, key=lambda e: -math.inf if e.low is None or math.isnan(e.value) else e.low)

    def p_over(self, margin: float = 0.0) -> float | None:
        """Return the one-sided p-value of "the middle is better than both ends": the larger of the two."""
        return _largest([e.p_over(margin) for e in self.ends])


def excess(
    errors: Array, lambdas: Sequence[float] | Array, *, over: Literal["line", "mean"] = "line"
) -> NDArray[np.float64]:
    """Return by how much each image's error on a path exceeds that between the two ends.

    E(λ) − [(1 − λ)E(0) + λE(1)] (Entezari et al. 2022), or E(λ) − (E(0) + E(1))/2 (Frankle et al. 2020). Means over
    images are the excess of the path's error, so that an AUC enters by 1 − influence value.

    Args:
        errors: ``(places, images)``: 1 where wrong, a loss, ….
        lambdas: ``(places,)``; 0 and 1 must be there.
        over: the straight line between the ends, or their mean.

    Returns:
        The excess at the places strictly between 0 and 1, in the order given.

    Raises:
        UsageError: when an end is missing, or the shapes do not fit.

    >>> excess(np.array([[0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]), [0.0, 0.5, 1.0])
    array([[1. , 0.5]])
    """
    where = np.asarray(lambdas, dtype=np.float64)
    values = np.asarray(errors, dtype=np.float64)
    if values.ndim != 2 or where.shape != values.shape[:1]:
        raise UsageError(f"errors of shape {values.shape} at {where.shape} places; expected (places, images)")
    ends = []
    for end in (0.0, 1.0):
        if not (where == end).any():
            raise UsageError(f"rise over a line: λ = {end:g} is not among the places; it must hold both ends")
        ends.append(values[int(np.flatnonzero(where == end)[0])])
    inside = (where > 0) & (where < 1)
    share = where[inside, None] if over == "line" else 0.5
    return np.asarray(values[inside] - ((1 - share) * ends[0] + share * ends[1]))


def peak(rises: Array, *, seed: int = 0, level: float = 0.95) -> Peak:
    """Return the highest rise of one path: of these two networks, so it is over images only.

    Args:
        rises: ``(places, images)``: each image's excess over the straight line, as :func:`excess` gives it.
        seed: of the halves.
        level: of the intervals.

    Raises:
        UsageError: when there is no place, or fewer than 2 images.

    >>> rises = np.concatenate([np.zeros((1, 400)), np.tile([0.0, 1.0, 0.0, 0.0], (1, 100))])
    >>> found = peak(rises)
    >>> found.at, found.naive, round(found.height.low, 3), found.p_over(0.1) < 0.001
    (1, 0.25, 0.199, True)
    """
    values = _paths([rises])[0]

    def choose(half: NDArray[np.intp]) -> int:
        return _argmax(_means(values[:, half]))

    found = cross_fitted(choose, lambda place: values[place], values.shape[1], seed=seed)
    means = _means(values)
    places = [
        estimated(float(m), [], averaged(row[None], [1.0]).noise, level=level)
        for m, row in zip(means, values, strict=True)
    ]
    at = _argmax(means)
    return Peak(found.estimate(level=level), at, float(means[at]), tuple(places))


def kind_peak(
    rises: Sequence[Array], names: Names, kinds: Mapping[str, str], *, seed: int = 0, level: float = 0.95
) -> Peak:
    """Return the highest rise of the mean path of a kind of pairs: over networks and images.

    The place of a pair is chosen on one half of the images by the mean rise of the pairs that share no network with
    it (of all pairs where there are none), and its rise there is measured on the other half. So neither images nor
    networks are judged where they helped to choose. The mean over pairs then has the interval of :func:`pair_mean`,
    and so has the rise at each place.

    All of this is about the mean path of the kind. The mean of the pairs' own heights is another number, which has no
    such upper limit; and a place chosen by all pairs alike finds a barrier too often where networks differ from place
    to place (simulated with 4 to 8 networks: 6 to 11 % where it should be 2.5 %; by other pairs 1 to 5 %).

    Args:
        rises: one ``(places, images)`` a pair; the same places and images for all.
        names: the two networks of each pair.
        kinds: kind of each network that varies; see :class:`Pairs`.
        seed: of the halves.
        level: of the intervals.

    Raises:
        UsageError: when paths differ in shape, or there is no path.
    """
    values = np.stack(_paths(rises))
    pairs, others = np.arange(len(values)), _others(names)

    def choose(half: NDArray[np.intp]) -> list[int]:
        return [_argmax(means) for means in others @ _means(values[:, :, half])]

    found = cross_fitted(choose, lambda chosen: values[pairs, chosen], values.shape[2], seed=seed)
    places = [_pair_mean(values[:, place], names, kinds, level) for place in range(values.shape[1])]
    means = _means(values).mean(0)
    at = _argmax(means)
    return Peak(_pair_mean(found.values, names, kinds, level), at, float(means[at]), tuple(places))


def gain(
    errors: Array, middle: Sequence[int], *, ends: tuple[int, int] = (0, -1), seed: int = 0, level: float = 0.95
) -> Gain:
    """Return how much better the middle of one path is than its better end: of these two networks, over images only.

    Args:
        errors: ``(places, images)``, larger is worse.
        middle: the places from which the best is chosen.
        ends: the two places to beat.
        seed: of the halves.
        level: of the intervals.

    >>> errors = np.array([[1.0, 0.0] * 50, [0.0, 0.0] * 50, [1.0, 1.0] * 50])
    >>> found = gain(errors, [1])
    >>> found.naive, found.value.value, found.ends[1].value, found.at
    (0.5, 0.5, 1.0, 1)
    """
    values = _paths([errors])

    def estimate(found: CrossFitted[Any], which: int) -> Estimate:
        return replace(found, values=found.values[which, 0]).estimate(level=level)

    return _gain(np.stack(values), np.ones((1, 1)), middle, ends, seed, estimate)


def kind_gain(
    errors: Sequence[Array],
    names: Names,
    kinds: Mapping[str, str],
    middle: Sequence[int],
    *,
    ends: tuple[int, int] = (0, -1),
    seed: int = 0,
    level: float = 0.95,
) -> Gain:
    """Return how much better the middle of the paths of a kind of pairs is than the better ends, over networks.

    The place in the middle is chosen as in :func:`kind_peak`, by pairs that share no network where there are such;
    the better end is the pair's own.

    Args:
        errors: one ``(places, images)`` a pair, larger is worse.
        names: the two networks of each pair.
        kinds: kind of each network that varies; see :class:`Pairs`.
        middle: the places from which the best is chosen.
        ends: the two places to beat.
        seed: of the halves.
        level: of the intervals.
    """
    values = np.stack(_paths(errors))

    def estimate(found: CrossFitted[Any], which: int) -> Estimate:
        return _pair_mean(found.values[which], names, kinds, level)

    return _gain(values, _others(names), middle, ends, seed, estimate)


def _gain(
    values: NDArray[np.float64],
    others: NDArray[np.float64],
    middle: Sequence[int],
    ends: tuple[int, int],
    seed: int,
    estimate: Callable[[CrossFitted[Any], int], Estimate],
) -> Gain:
    if not len(middle):
        raise UsageError("gain in the middle of a path: no place in the middle; give at least one")
    inner, outer = values[:, list(middle)], values[:, list(ends)]
    pairs = np.arange(len(values))

    def choose(half: NDArray[np.intp]) -> tuple[list[int], NDArray[np.intp]]:
        best = [_argmax(-means) for means in others @ _means(inner[:, :, half])]
        return best, _means(outer[:, :, half]).argmin(1)

    def measure(chosen: tuple[list[int], NDArray[np.intp]]) -> NDArray[np.float64]:
        best = inner[pairs, chosen[0]]
        with np.errstate(invalid="ignore"):
            return np.stack([outer[pairs, chosen[1]] - best, outer[:, 0] - best, outer[:, 1] - best])

    found = cross_fitted(choose, measure, values.shape[2], seed=seed)
    at = _argmax(-_means(inner).mean(0))
    with np.errstate(invalid="ignore"):
        naive = float((_means(outer).min(1) - _means(inner)[:, at]).mean())
    value, first, last = (estimate(found, which) for which in range(3))
    return Gain(value, (first, last), int(middle[at]), naive)


def _pair_mean(examples: NDArray[np.float64], names: Names, kinds: Mapping[str, str], level: float) -> Estimate:
    return pair_mean(Pairs(tuple(names), examples.mean(1), kinds, examples), level=level)


def _paths(rises: Sequence[Array]) -> list[NDArray[np.float64]]:
    paths = [np.asarray(r, dtype=np.float64) for r in rises]
    if not paths or any(p.ndim != 2 or p.shape != paths[0].shape or not len(p) for p in paths):
        shapes = sorted({p.shape for p in paths})
        raise UsageError(f"numbers on paths of shapes {shapes}; expected (places, images), the same for every path")
    return paths


def _others(names: Names) -> NDArray[np.float64]:
    """Weights ``(pairs, pairs)``: for each pair, the mean over those that share no network with it, else over all."""
    apart = np.array([[set(one).isdisjoint(two) for two in names] for one in names], dtype=np.float64)
    apart[~apart.any(1)] = 1.0
    return np.asarray(apart / apart.sum(1, keepdims=True))


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(values.mean(-1))


def _argmax(means: NDArray[np.float64]) -> int:
    """The highest place; of equals the one nearest the middle of the list, of these the first."""
    ordered = np.where(np.isnan(means), -np.inf, means)
    distance = np.abs(np.arange(len(means)) - (len(means) - 1) / 2)
    return int(np.lexsort((distance, -ordered))[0])


def _largest(numbers: Sequence[float | None]) -> float | None:
    known = [n for n in numbers if n is not None]
    return max(known) if known and len(known) == len(numbers) else None
