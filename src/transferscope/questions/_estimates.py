"""Means of a few runs with the uncertainty that so few allow: over seeds, or else over the test images.

From three runs on, intervals are over seeds (Student, Welch, Fieller). With fewer nothing is known about seeds; of an
accuracy the interval is then that of a proportion of the test images (Wilson, Newcombe), and of anything else there
is none. Runs tested on the same images count as independent there, which makes differences wider than need be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from ..numerics.intervals import mean_difference, mean_interval, t_quantile, wilson
from ._phrases import bracket, verdict_of
from .result import Verdict

__all__ = ["Estimate", "difference", "estimate", "ratio"]

_ENOUGH = 3
"""Runs from which on an interval is over seeds."""


@dataclass(frozen=True)
class Estimate:
    """A number with what is known about it.

    Attributes:
        value: the number; nan where there were no runs.
        low: lower end of its interval, ``None`` when there is none.
        high: upper end.
        over: what the interval is over: ``seeds``, ``test images``, or empty.
    """

    value: float
    low: float | None = None
    high: float | None = None
    over: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether the number is over zero, by its interval."""
        return verdict_of(self.low, self.high)

    def points(self, digits: int = 1) -> str:
        """Return the interval in hundredths, in brackets with what it is over; empty when there is none.

        >>> Estimate(0.1, 0.05, 0.15, "seeds").points(), Estimate(0.1).points()
        (' (5.0 to 15.0 over seeds)', '')
        """
        if self.low is None or self.high is None:
            return ""
        return self._over(bracket(100 * self.low, 100 * self.high, digits))

    def plain(self, digits: int = 2) -> str:
        """Return the interval as it is, in brackets with what it is over; empty when there is none."""
        return self._over(bracket(self.low, self.high, digits))

    def _over(self, text: str) -> str:
        return text.removesuffix(")") + f" over {self.over})" if text else ""


def estimate(values: Sequence[float], images: int | None = None, *, level: float = 0.95) -> Estimate:
    """Return the mean of some runs.

    Args:
        values: one number a run.
        images: how many test images a value is a share of; ``None`` when it is no such share.
        level: of the interval.

    >>> estimate([0.5], 100)
    Estimate(value=0.5, low=0.4038315303659956, high=0.5961684696340044, over='test images')
    """
    if not values:
        return Estimate(math.nan)
    mean = mean_interval(values, level)
    if mean.interval and mean.n >= _ENOUGH:
        return Estimate(mean.mean, mean.interval.low, mean.interval.high, "seeds")
    if images and math.isfinite(mean.mean):
        low, high = _share(mean.mean, images, level)
        return Estimate(mean.mean, low, high, "test images")
    return Estimate(mean.mean)


def difference(
    first: Sequence[float], second: Sequence[float], images: int | None = None, *, level: float = 0.95
) -> Estimate:
    """Return by how much the mean of some runs exceeds that of others.

    Over test images: x − y − √((x − l_x)² + (u_y − y)²) to x − y + √((u_x − x)² + (y − l_y)²) with the ends l, u of
    Wilson's intervals (Newcombe 1998, method 10).

    Args:
        first: one number a run.
        second: the same of the other runs.
        images: how many test images a value is a share of; ``None`` when it is no such share.
        level: of the interval.

    >>> d = difference([56 / 70], [48 / 80], 75)
    >>> round(d.value, 4), d.over, d.verdict
    (0.2, 'test images', 'agrees')
    """
    if not (first and second):
        return Estimate(math.nan)
    found = mean_difference(first, second, level)
    if found.interval and min(len(first), len(second)) >= _ENOUGH:
        return Estimate(found.mean, found.interval.low, found.interval.high, "seeds")
    if not images or not math.isfinite(found.mean):
        return Estimate(found.mean)
    x, y = float(np.mean(first)), float(np.mean(second))
    (low_x, high_x), (low_y, high_y) = _share(x, images, level), _share(y, images, level)
    down, up = math.hypot(x - low_x, high_y - y), math.hypot(high_x - x, y - low_y)
    return Estimate(found.mean, found.mean - down, found.mean + up, "test images")


def ratio(
    above: Sequence[float], below: Sequence[float], images: int | None = None, *, level: float = 0.95
) -> Estimate:
    """Return the ratio of two means of positive numbers.

    The interval holds all ρ ≥ 0 with (x̄ − ρȳ)² ≤ t²(v + ρ²w), v and w the squared errors of the means (Fieller 1954)
    and t with Welch's degrees of freedom; over test images with the normal quantile for t and the half width of
    Wilson's intervals for t√v, t√w.

    Args:
        above: one number a run.
        below: the same of the other runs; an infinite ratio, of a mean of zero, is given as nan.
        images: how many test images a value is a share of; ``None`` when it is no such share.
        level: of the interval.

    >>> ratio([2.0, 2.0, 2.0], [4.0, 4.0, 4.0])
    Estimate(value=0.5, low=0.5, high=0.5, over='seeds')
    """
    if not (above and below) or not (y := float(np.mean(below))) > 0:
        return Estimate(math.nan)
    x = float(np.mean(above))
    value = x / y
    if min(len(above), len(below)) >= _ENOUGH:
        v, w = (float(np.var(a, ddof=1)) / len(a) for a in (above, below))
        spread = v + value**2 * w
        if spread == 0:
            return Estimate(value, value, value, "seeds")
        freedom = spread**2 / (v**2 / (len(above) - 1) + (value**2 * w) ** 2 / (len(below) - 1))
        t, over = t_quantile(level, freedom), "seeds"
    elif images and math.isfinite(value):
        t, over = NormalDist().inv_cdf(0.5 + level / 2), "test images"
        v, w = (((high - low) / 2 / t) ** 2 for low, high in (_share(p, images, level) for p in (x, y)))
    else:
        return Estimate(value)
    ends = _fieller(x, y, t * t * v, t * t * w)
    return Estimate(value, *ends, over) if ends else Estimate(value)


def _fieller(x: float, y: float, v: float, w: float) -> tuple[float, float] | None:
    """Ends of {ρ ≥ 0: (x − ρy)² ≤ v + ρ²w}; none where that has no upper end."""
    a = y * y - w
    if a <= 0:
        return None
    root = math.sqrt(max(0.0, (x * y) ** 2 - a * (x * x - v)))
    return max(0.0, (x * y - root) / a), (x * y + root) / a


def _share(p: float, images: int, level: float) -> tuple[float, float]:
    """Wilson's interval; a mean over runs on the same images counts as one of them."""
    interval = wilson(round(min(1.0, max(0.0, p)) * images), images, level)
    return min(interval.low, p), max(interval.high, p)
