"""Weighted Kendall's τ: how well one order of candidates agrees with another, the top counting most."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError

__all__ = ["weighted_tau"]


def weighted_tau(x: ArrayLike, y: ArrayLike) -> float:
    """Return the weighted rank correlation with additive hyperbolic weights, mean of the ranks by x and by y.

    Source: Vigna 2015, as the comparisons of transferability scores use it (``scipy.stats.weightedtau``). With ten
    candidates its standard deviation over candidates is about 0.2.

    Args:
        x: one number a candidate, larger is better.
        y: another number of each.

    Returns:
        τ from −1 to 1; nan with fewer than 2 candidates that have both numbers, or where one side does not vary.

    Raises:
        UsageError: when there are not as many of one as of the other.

    >>> [round(weighted_tau([1, 2, 3], other), 12) for other in ([10, 20, 30], [3, 2, 1])]
    [1.0, -1.0]
    """
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(a) != len(b):
        raise UsageError(f"weighted τ of {len(a)} and {len(b)} numbers; give as many of one as of the other")
    both = np.isfinite(a) & np.isfinite(b)
    a, b = a[both], b[both]
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    from scipy.stats import weightedtau

    return float(weightedtau(a, b).statistic)
