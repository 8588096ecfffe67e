"""The first of many groups of points whose mean metric is within a bound, without evaluating the others to the end.

Sums of losses and errors only grow: a group is abandoned as soon as its sum over the images seen exceeds what the
bound allows over all. Hardest images first, most are after one batch.

Where bfloat16 is faster, a group may be abandoned on its word when that is well beyond the bound; whatever else is
looked at again in the search's own precision, so that the group found is within the bound, and its value exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..progress import Progress
from .metrics import Contributions, Metric
from .sweep import Live, Sweep

__all__ = ["Looks", "Search", "members_of", "scan"]

Look: TypeAlias = Callable[[int, range], Tensor]
"""From the number of a batch and points to logits ``(p, b, k)``."""

_FLIPPED, _AWAY = 0.02, 0.05
"""How far bfloat16 is believed to be off: a sum, by this share of the images and this share of itself. Rounding
changes losses by about 1e-3 of themselves and a few predictions in a thousand."""


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes:
        group: place of the first group within the bound, ``None`` when there is none.
        value: its mean metric; nan when there is none.
        looked: images looked at, each point counted, in both precisions.
        all: images that whole surfaces would have looked at.
        screened: groups abandoned on the word of bfloat16.
    """

    group: int | None
    value: float
    looked: int
    all: int
    screened: int = 0


class Looks:
    """Logits of batches at points; what crosses the cut of a batch is kept for the next points.

    Args:
        sweep: the plan, or ``None`` for whole passes.
        whole: logits ``(b, k)`` of a whole pass at a point.
        images: of a batch, by its number.
        room: bytes that may be kept.
        screen: the kind of device on which products are taken in bfloat16; by default they are not.
    """

    def __init__(
        self,
        sweep: Sweep | None,
        whole: Callable[[int, Tensor], Tensor],
        images: Callable[[int], Tensor],
        room: int,
        *,
        screen: str = "",
    ) -> None:
        self._sweep, self._whole, self._images, self._room = sweep, whole, images, room
        self._screen = screen
        self._kept: dict[int, Live] = {}

    def __call__(self, number: int, chosen: range) -> Tensor:
        """Return the logits ``(p, b, k)`` of a batch at the chosen points."""
        if not self._screen:
            return self._stacked(number, chosen)
        with torch.autocast(self._screen, torch.bfloat16):
            return self._stacked(number, chosen).to(torch.float32)

    def _stacked(self, number: int, chosen: range) -> Tensor:
        if self._sweep is None:
            x = self._images(number)
            return torch.stack([self._whole(i, x) for i in chosen])
        kept = self._kept.get(number)
        live = self._sweep.live(self._images(number)) if kept is None else kept
        found = torch.cat([some for _, some in self._sweep.logits(live, chosen)])
        if kept is None and live.bytes <= self._room:  # what was made of it at the anchors counts as well
            self._kept[number] = live
            self._room -= live.bytes
        return found


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
    batches: Sequence[slice],
    labels: Tensor,
    looks: Look,
    metric: Metric,
    bound: float,
    progress: Progress,
    screen: Look | None = None,
) -> Search:
    """Look at groups one after another until one is within the bound.

    Args:
        groups: their points.
        batches: places of the images of each batch, hardest first.
        labels: of all images, in this order.
        looks: gives the logits.
        metric: ``loss`` or ``error``.
        bound: on the mean over images and points of a group.
        progress: told after every group.
        screen: gives them faster and nearly; not believed, and left out, once it is off where both were asked.
    """
    n, looked, screened = len(labels), 0, 0

    def total(of: Look, members: range, allowed: float, *, nearly: bool) -> tuple[float, bool]:
        """Sum over the images until it is beyond what is allowed; say whether it never was."""
        nonlocal looked
        found, seen, within = 0.0, 0, True
        for number, place in enumerate(batches):
            part, logits = labels[place], of(number, members)
            truth = part.repeat(len(logits), *(1,) * (part.ndim - 1))  # labels of an image may be a row
            each = Contributions(truth)(metric, logits.flatten(0, 1))
            found, seen = found + float(each.to(torch.float64).sum()), seen + len(each)
            looked += len(each)
            limit = allowed + _off(found, seen) if nearly else allowed
            within = found <= limit  # what is not a number is not within the bound
            if not within:
                break
        return found, within

    for place, members in enumerate(groups):
        allowed = bound * n * len(members) * (1 + 1e-12)  # the bound itself is within, whatever its rounding
        about, near = 0.0, True
        if screen is not None:
            about, near = total(screen, members, allowed, nearly=True)
        if not near and about > allowed:
            screened += 1
            progress(place + 1, len(groups), "cells")
            continue
        found, within = total(looks, members, allowed, nearly=False)
        progress(place + 1, len(groups), "cells")
        if within and screen is not None and not abs(about - found) <= _off(found, n * len(members)) / 2:
            again = scan(groups, batches, labels, looks, metric, bound, progress)
            return replace(again, looked=again.looked + looked)
        if within:
            return Search(place, found / (n * len(members)), looked, n * sum(map(len, groups)), screened)
    return Search(None, float("nan"), looked, n * sum(map(len, groups)), screened)


def _off(total: float, seen: int) -> float:
    """How far a sum over so many images may be off in bfloat16."""
    return _FLIPPED * seen + _AWAY * total
