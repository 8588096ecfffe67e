"""How metric, relative drop and speed change with the size of blocks: a row of sizes for each seed, the sample."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...evidence.contrast import contrast, mean
from ...evidence.estimate import Estimate
from ...evidence.trend import slopes
from .._counted import Series

__all__ = ["drop_slope", "log_slope", "log_slope_less", "slope"]


def slope(sizes: Sequence[int], of: Series) -> Estimate:
    """Return by how much a number rises when the side of the blocks doubles, by least squares over log₂ of the side.

    Args:
        sizes: sides of the blocks, two or more.
        of: runs of one seed at all sizes in a row.

    >>> slope([1, 2, 4], Series(np.array([[0.25, 0.5, 0.75]] * 3))).value
    0.25
    """
    return mean(*of.times(_weights(sizes)))


def drop_slope(sizes: Sequence[int], pretrained: Series, random: Series) -> Estimate:
    """Return by how many percentage points the relative drop 100·(P − R)/P rises when the side doubles.

    P and R are the means over networks at a size; the slope is −100·Σ_b w_b·R_b/P_b. By the delta method an RI-T j
    counts with −100·Σ_b w_b·R_jb/P_b and a P-T i with 100·Σ_b w_b·R_b·(P_ib − P_b)/P_b², and so does each image.

    Args:
        sizes: sides of the blocks, two or more.
        pretrained: metrics of P-T.
        random: metrics of RI-T.

    >>> low, high = Series(np.array([[0.5, 0.5]])), Series(np.array([[0.5, 1.0]]))
    >>> drop_slope([1, 2], high, low).value  # from 0 to 50 %
    50.0
    """
    if not (len(pretrained) and len(random)):
        return Estimate(math.nan)
    p, r = pretrained.values.mean(0), random.values.mean(0)
    if not (p > 0).all():
        return Estimate(math.nan, n=len(pretrained) + len(random))
    w = _weights(sizes)
    of_p, of_r = 100 * w * r / p**2, 100 * w / p
    (first, first_rows), (second, second_rows) = pretrained.times(of_p), random.times(of_r)
    centre = float(of_p @ p)
    rows = None if first_rows is None or second_rows is None else (first_rows - centre, second_rows)
    return contrast(first - centre, second, rows)


def log_slope(sizes: Sequence[int], of: Series) -> Estimate:
    """Return by how much the logarithm of a number rises when the side doubles.

    Args:
        sizes: sides of the blocks, two or more.
        of: numbers over 0, as :func:`slope` takes them; others make it nan.

    >>> round(math.exp(log_slope([1, 2, 4], Series(np.array([[0.1, 0.2, 0.4]]))).value), 6)
    2.0
    """
    return mean(_log_slopes(sizes, of))


def log_slope_less(sizes: Sequence[int], of: Series, times: float, other: Series) -> Estimate:
    """Return :func:`log_slope` of some networks less a multiple of that of others.

    Args:
        sizes: sides of the blocks, two or more.
        of: numbers of some networks.
        times: the multiple.
        other: numbers of others.
    """
    return contrast(_log_slopes(sizes, of), times * _log_slopes(sizes, other))


def _log_slopes(sizes: Sequence[int], of: Series) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return slopes(np.log2(sizes), np.log(of.values))


def _weights(sizes: Sequence[int]) -> NDArray[np.float64]:
    """What the number at each size counts in the slope."""
    return slopes(np.log2(sizes), np.eye(len(sizes)))
