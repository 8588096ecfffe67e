"""The first of many groups of points whose mean metric is within a bound, without evaluating the others to the end.

Sums of losses and errors only grow: a group is abandoned as soon as its sum over the images seen exceeds what the
bound allows over all. Hardest images first, most are after one batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..progress import Progress
from .metrics import Metric, contributions

__all__ = ["Search", "members_of", "scan"]


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        group: place of the first group within the bound, ``None`` when there is none.
        value: its mean metric; nan when there is none.
        looked: images looked at, each point counted.
        all: images that whole surfaces would have looked at.
    """

    group: int | None
    value: float
    looked: int
    all: int


def members_of(groups: np.ndarray, points: int) -> list[range]:
    """Return the points of each group, which must follow one another.

    Raises:
        UsageError: when there is not one number a point, or groups are torn apart.

    >>> members_of(np.array([0, 0, 1]), 3)
    [range(0, 2), range(2, 3)]
    """
    if len(groups) != points:
        raise UsageError(f"{len(groups)} group numbers for {points} points; give one a point")
    starts = [0, *(np.flatnonzero(np.diff(groups)) + 1).tolist(), points]
    found = [range(a, b) for a, b in pairwise(starts)]
    if len(np.unique(groups)) != len(found):
        raise UsageError("the points of a group must follow one another")
    return found


def scan(
    groups: Sequence[range],
    batches: Sequence[tuple[int, Tensor]],
    labels: Tensor,
    logits: Callable[[int, Tensor, range], Iterator[Tensor]],
    metric: Metric,
    bound: float,
    progress: Progress,
) -> Search:
    """Look at groups one after another until one is within the bound.

    Args:
        groups: their points.
        batches: place of the first image and the images, hardest first.
        labels: of all images, in this order.
        logits: of a batch (its number and images) at points, ``(p, b, k)`` at a time.
        metric: ``loss`` or ``error``.
        bound: on the mean over images and points of a group.
        progress: told after every group.
    """
    n, looked = len(labels), 0
    for place, members in enumerate(groups):
        limit = bound * n * len(members) * (1 + 1e-12)  # the bound itself is within, whatever its rounding
        total = 0.0
        for number, (start, x) in enumerate(batches):
            part = labels[start : start + len(x)]
            for some in logits(number, x, members):
                each = contributions(metric, some.flatten(0, 1), part.repeat(len(some)))
                total += float(each.to(torch.float64).sum())
            looked += len(x) * len(members)
            if not total <= limit:  # what is not a number is not within the bound
                break
        progress(place + 1, len(groups), "cells")
        if total <= limit:
            return Search(place, total / (n * len(members)), looked, n * sum(map(len, groups)))
    return Search(None, float("nan"), looked, n * sum(map(len, groups)))
