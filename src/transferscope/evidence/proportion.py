"""Shares of images of one fixed network, and correlations over targets."""

from __future__ import annotations

import math

import numpy as np

from ..errors import UsageError
from .estimate import Estimate, measured
from .images import Numbers
from .sampling import LEAST

__all__ = ["correlation", "proportion"]


def proportion(successes: int, n: int, *, level: float = 0.95) -> Estimate:
    """Return a share of images, such as the accuracy of one network, with Wilson's interval (1927).

    Args:
        successes: how many of the n.
        n: how many images; with none there is no number.
        level: of the interval.

    Returns:
        The estimate over images: of this network only. It has its interval at this level, and no p-value.

    Raises:
        UsageError: unless 0 ≤ successes ≤ n.

    >>> e = proportion(8, 10)
    >>> e.value, round(e.low, 4), round(e.high, 4), e.over
    (0.8, 0.4902, 0.9433, 'images')
    """
    if not 0 <= successes <= n:
        raise UsageError(f"proportion {successes} of {n}; expected 0 ≤ successes ≤ n")
    if n == 0:
        return Estimate(math.nan, level=level)
    from ..numerics.intervals import wilson

    ends = wilson(successes, n, level)
    return Estimate(successes / n, float(ends.low), float(ends.high), level, "images", n, n)


def correlation(x: Numbers, y: Numbers, *, level: float = 0.95) -> Estimate:
    """Return Pearson's correlation over targets with Fisher's interval, tanh(artanh r ± z/√(n − 3)) (Fisher 1921).

    Args:
        x: one number a target.
        y: another number of each.
        level: of the interval.

    Returns:
        The estimate over targets, with an interval from 4 targets on; nan when there are fewer than 3, when one side
        does not vary, or when a number is not finite.

    Raises:
        UsageError: when there are not as many of one as of the other.

    >>> e = correlation([1.0, 2.0, 3.0, 4.0, 5.0], [2.0, 1.0, 4.0, 3.0, 5.0])
    >>> round(e.value, 4), round(e.low, 4), round(e.high, 4), e.over, e.n
    (0.8, -0.2796, 0.9862, 'targets', 5)
    """
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    n = len(a)
    if n != len(b):
        raise UsageError(f"correlation of {n} and {len(b)} numbers; give as many of one as of the other")
    if n < 3 or not (np.isfinite(a).all() and np.isfinite(b).all()) or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(math.nan, n=n, level=level, scale="fisher")
    from ..numerics.correlation import pearson

    r = pearson(a, b).r
    if n < LEAST["targets"]:
        return Estimate(r, n=n, level=level, scale="fisher")
    return measured(r, over="targets", n=n, spread=1 / (n - 3), freedom=math.inf, scale="fisher", level=level)
