"""As many of each group as can be had: samples of a given size with groups as even as they go."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

__all__ = ["equal_shares", "of_each"]


def of_each(sizes: NDArray[np.integer], total: int) -> NDArray[np.int64]:
    """Return how many to take of each group: all of those under a level, and up to the level of the others.

    The level x is the one with Σ min(x, size) = total, as in the hierarchical sampling of Vo et al. 2024; what is
    left over below the next whole number goes to the first groups that have more.

    Args:
        sizes: ``(groups,)`` how many each has.
        total: how many are wanted, at most all.

    Raises:
        UsageError: for more than there are, or fewer than none.

    >>> of_each(np.array([2, 9, 5]), 11).tolist(), of_each(np.array([2, 9, 5]), 13).tolist()
    ([2, 5, 4], [2, 6, 5])
    """
    if not 0 <= total <= int(sizes.sum()):
        raise UsageError(f"{total} of {int(sizes.sum())} cannot be taken")
    low, high = 0, int(sizes.max(initial=0))
    while low < high:  # the largest whole level that takes no more than wanted
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(sizes, middle).sum() <= total else (low, middle - 1)
    taken: NDArray[np.int64] = np.minimum(sizes, low).astype(np.int64)
    taken[np.flatnonzero(sizes > low)[: total - int(taken.sum())]] += 1
    return taken


def equal_shares(groups: NDArray[np.integer], total: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return places of a sample with as many of each group as can be had, at random within a group.

    Args:
        groups: ``(n,)`` the group of each.
        total: size of the sample.
        rng: of the draw.

    Returns:
        Sorted places, int64 ``(total,)``.

    Raises:
        UsageError: for more than there are.

    >>> groups = np.array([0] * 8 + [1] * 2 + [2] * 6)
    >>> np.bincount(groups[equal_shares(groups, 10, np.random.default_rng(0))]).tolist()
    [4, 2, 4]
    """
    order = rng.permutation(len(groups))
    _, within, sizes = np.unique(groups[order], return_inverse=True, return_counts=True)
    by_group = np.argsort(within, kind="stable")
    rank = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    # What is left over below the level goes to groups at random, not to those with the smallest numbers.
    shuffled = rng.permutation(len(sizes))
    taken = np.empty(len(sizes), np.int64)
    taken[shuffled] = of_each(sizes[shuffled], total)
    return np.sort(order[by_group[rank < np.repeat(taken, sizes)]])
