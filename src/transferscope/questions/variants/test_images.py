"""Numbers about runs from several starts on resampled sets of the same test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from ...numerics.bootstrap import percentile_interval, resampled_means
from .._estimates import Estimate
from .groups import VariantGroup

__all__ = ["Sample"]


class Sample:
    """One set of resamples for all starts, so that differences between them are paired.

    Args:
        groups: the runs.
        resamples: how many sets of test images are drawn.
    """

    def __init__(self, groups: Sequence[VariantGroup], resamples: int) -> None:
        self._place: dict[str, int] = {}
        rows: list[np.ndarray] = []
        for group in groups:
            self._place[group.start] = len(rows)
            rows += [*group.scores, *group.ensembles, *_mistakes(group)]
        values = torch.from_numpy(np.stack(rows))
        self._means = values.mean(1, keepdim=True).T
        self._draws = resampled_means(values, seed=0, resamples=resamples)

    def final(self, group: VariantGroup, other: VariantGroup | None = None) -> Estimate:
        """Mean metric of the members, or how much it exceeds that of others."""
        return self._estimate(*(self._finals(g) for g in (group, other) if g is not None))

    def ensemble(self, group: VariantGroup, members: int, other: VariantGroup | None = None) -> Estimate:
        """Metric of an ensemble of the first members, or how much it exceeds that of as many others."""
        if any(members < 1 or members > len(g.members) for g in (group, other) if g is not None):
            return Estimate(math.nan)
        return self._estimate(*(self._ensembles(g, members) for g in (group, other) if g is not None))

    def gain(self, group: VariantGroup) -> Estimate:
        """By how much the ensemble of all exceeds the mean of its members."""
        if len(group.members) < 2:
            return Estimate(math.nan)
        return self._estimate(self._ensembles(group, len(group.members)), self._finals(group))

    def disagreement(self, group: VariantGroup, other: VariantGroup | None = None) -> Estimate:
        """Share of the answers on which exactly one of two members is right, or how much larger it is."""
        parts = [self._counts(g) for g in (group, other) if g is not None]
        return self._estimate(
            *((one / known, all_one / all_known) for (one, all_one), _, (known, all_known) in parts)
        )

    def uncommon(self, group: VariantGroup, other: VariantGroup | None = None) -> Estimate:
        """Share of the mistakes of two members that only one makes, or how much larger it is."""
        parts = [self._counts(g) for g in (group, other) if g is not None]
        return self._estimate(
            *(
                (one / (one + 2 * both), all_one / (all_one + 2 * all_both))
                for (one, all_one), (both, all_both), _ in parts
            )
        )

    def _finals(self, group: VariantGroup) -> tuple[Tensor, Tensor]:
        start, m = self._place[group.start], len(group.members)
        return self._means[:, start : start + m].mean(1), self._draws[:, start : start + m].mean(1)

    def _ensembles(self, group: VariantGroup, members: int) -> tuple[Tensor, Tensor]:
        return self._row(self._place[group.start] + len(group.members) + members - 1)

    def _counts(self, group: VariantGroup) -> tuple[tuple[Tensor, Tensor], ...]:
        """Answers that one of two gets wrong, that both do, and all, an image."""
        first = self._place[group.start] + 2 * len(group.members)
        return tuple(self._row(first + i) for i in range(3))

    def _row(self, place: int) -> tuple[Tensor, Tensor]:
        return self._means[:, place], self._draws[:, place]

    @staticmethod
    def _estimate(first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor] | None = None) -> Estimate:
        value, draws = first if second is None else (first[0] - second[0], first[1] - second[1])
        interval = percentile_interval(draws)
        if not math.isfinite(interval.low):
            return Estimate(float(value))
        return Estimate(float(value), interval.low, interval.high, "test images")


def _mistakes(group: VariantGroup) -> np.ndarray:
    """Return ``(3, n)``: means over pairs of members of how many answers one, and both, get wrong; and of how many.

    Nan where there are no two members.
    """
    n = group.right.shape[1]
    pairs = list(combinations(range(len(group.members)), 2))
    if not pairs:
        return np.full((3, n), np.nan)
    known = group.right[0] >= 0
    wrong = (group.right == 0) & known
    one = np.mean([(wrong[a] ^ wrong[b]).sum(1) for a, b in pairs], axis=0)
    both = np.mean([(wrong[a] & wrong[b]).sum(1) for a, b in pairs], axis=0)
    return np.stack([one, both, known.sum(1).astype(np.float64)])
