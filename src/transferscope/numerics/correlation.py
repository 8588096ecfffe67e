"""Pearson's correlation with its p-value and interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .intervals import Interval, normal_quantile

__all__ = ["Correlation", "pearson"]


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of n pairs.

    Attributes:
        r: the correlation; nan when there are fewer than 2 pairs or one side does not vary.
        p: two-sided p-value of r = 0 for normal data; nan when r is, or with 2 pairs.
        interval: of r, by Fisher's transformation; ``None`` under 4 pairs, or when r is nan.
        n: pairs used.
        dropped: pairs left out because one of the two is not finite.
    """

    r: float
    p: float
    interval: Interval | None
    n: int
    dropped: int


def pearson(x: ArrayLike, y: ArrayLike, level: float = 0.95) -> Correlation:
    """Correlate two lists of numbers.

    r = Σ(x − x̄)(y − ȳ)/√(Σ(x − x̄)²·Σ(y − ȳ)²); p from t = r√((n − 2)/(1 − r²)); interval
    tanh(artanh r ± z/√(n − 3)) (Fisher 1921).

    Args:
        x: first numbers.
        y: second numbers, as many.
        level: of the interval.

    Returns:
        The correlation; pairs in which a number is not finite are left out and counted.

    Raises:
        UsageError: when the lists differ in length, or the level is not between 0 and 1.

    >>> c = pearson([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(c.r, 4), round(c.p, 4), c.n
    (0.8, 0.1041, 5)
    """
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(a) != len(b):
        raise UsageError(f"correlation of {len(a)} and {len(b)} numbers; give as many of one as of the other")
    if not 0.0 < level < 1.0:
        raise UsageError(f"confidence level {level}; expected a number between 0 and 1, such as 0.95")
    kept = np.isfinite(a) & np.isfinite(b)
    a, b, n, dropped = a[kept], b[kept], int(kept.sum()), int((~kept).sum())
    if n < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlation(math.nan, math.nan, None, n, dropped)
    # As scipy.stats.pearsonr, without the second and a half that importing scipy.stats takes in each process.
    a, b = _direction(a), _direction(b)
    r = float(np.clip(a @ b, -1.0, 1.0))
    if n == 2:  # two points always lie on a line
        return Correlation(r, math.nan, None, n, dropped)
    from scipy.special import stdtr

    gone = (1 - r) * (1 + r)
    p = 2 * float(stdtr(n - 2, -abs(r) * math.sqrt((n - 2) / gone))) if gone else 0.0
    if n == 3:
        return Correlation(r, p, None, n, dropped)
    if not gone:
        return Correlation(r, p, Interval(r, r, level), n, dropped)
    half = normal_quantile(level) / math.sqrt(n - 3)
    low, high = (math.tanh(math.atanh(r) + sign * half) for sign in (-1, 1))
    return Correlation(r, p, Interval(low, high, level), n, dropped)


def _direction(x: np.ndarray) -> np.ndarray:
    """Return x − x̄ of length 1; scaled first, so that no square runs out of what a number can be."""
    x = x - x.mean()
    x = x / np.abs(x).max()
    return np.asarray(x / np.linalg.norm(x))
