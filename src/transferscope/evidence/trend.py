"""How numbers change along checkpoints, layers or λ: one slope or rank a network, and networks are the sample."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .images import Numbers

__all__ = ["rank_correlations", "slopes"]


def slopes(x: Numbers, ys: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the least-squares slope of each row.

    b_j = Σ(x − x̄)(y_j − ȳ_j)/Σ(x − x̄)². The checkpoints (layers, modules, λ) of one network are not independent, so
    no interval is made from them: hand the slopes to ``mean`` or ``contrast``. With one network, or one pre-training,
    the slope is a description.

    Args:
        x: ``(points,)``, such as the epoch of each checkpoint.
        ys: ``(networks, points)``, or one row a pre-training.

    Returns:
        ``(networks,)``; nan for a row with a number that is not finite, and for all when x does not vary.

    Raises:
        UsageError: when a row has not as many numbers as x, or there are fewer than 2.

    >>> slopes([0.0, 1.0, 2.0], np.array([[1.0, 3.0, 5.0], [0.0, 0.0, 3.0]])).tolist()
    [2.0, 1.5]
    """
    where, rows = _checked(x, ys)
    centred = where - where.mean()
    square = float(centred @ centred)
    if not (math.isfinite(square) and square > 0):
        return np.full(len(rows), math.nan)
    with np.errstate(invalid="ignore"):
        found = (rows - rows.mean(1, keepdims=True)) @ centred / square
    return np.where(np.isfinite(rows).all(1), found, math.nan)


def rank_correlations(x: Numbers, ys: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Kendall's τ-b of each row with x: whether it rises, whatever its shape (Kendall 1945).

    To describe, or with at least 5 networks; to judge fewer, use :func:`slopes`. Of numbers that wander τ is often
    near −1 or 1, and a few such values agree by chance: Student's interval of their mean leaves out the truth in 7 to
    9 % of cases with 3 or 4 networks, in 5 to 6 % with 5 and more (simulated; slopes in 4 to 6 %).

    Args:
        x: ``(points,)``.
        ys: ``(networks, points)``, or one row a pre-training.

    Returns:
        ``(networks,)``, from −1 to 1, for ``mean`` or ``contrast``; nan for a row with a number that is not finite,
        or where x or the row does not vary.

    Raises:
        UsageError: when a row has not as many numbers as x, or there are fewer than 2.

    >>> rank_correlations([0.0, 1.0, 2.0], np.array([[1.0, 3.0, 9.0], [0.0, 2.0, 1.0]])).round(4).tolist()
    [1.0, 0.3333]
    """
    from scipy.stats import kendalltau

    where, rows = _checked(x, ys)
    found = [
        float(kendalltau(where, row).statistic)
        if np.isfinite(row).all() and np.isfinite(where).all() and np.ptp(row) > 0 and np.ptp(where) > 0
        else math.nan
        for row in rows
    ]
    return np.array(found, dtype=np.float64)


def _checked(x: Numbers, ys: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    where, rows = np.asarray(x, dtype=np.float64), np.asarray(ys, dtype=np.float64)
    if where.ndim != 1 or rows.ndim != 2 or rows.shape[1] != len(where) or len(where) < 2:
        raise UsageError(
            f"trend of numbers of shape {rows.shape} at {where.shape} points; expected (networks, points)"
        )
    return where, rows
