"""How far the best and the last source lie apart, without the bias of choosing them by what is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from .measure import SourceKind, Sources

__all__ = ["Spread", "spread"]


@dataclass(frozen=True, eq=False)
class Spread:
    """Best less last source, a number a seed, by column.

    Attributes:
        values: ``(seeds, columns)``.
    """

    values: np.ndarray

    def at(self, column: int) -> Estimate:
        """Return how far they lie apart, over pre-trainings."""
        return mean(self.values[:, column], over="pre-trainings")

    def change(self, column: int) -> Estimate:
        """Return how much farther apart they are in a column than in the first, seed by seed."""
        return mean(self.values[:, column] - self.values[:, 0], over="pre-trainings")


def spread(result: Sources, kinds: Sequence[SourceKind]) -> Spread | None:
    """Return how far sources lie apart: chosen in the first column on all seeds but one, measured on that one.

    A maximum less a minimum of the same numbers would be over zero for sources that are alike; this is zero in the
    mean. Numbers of seeds share what they were chosen on, which an interval over them does not count.

    Args:
        result: of one target.
        kinds: two or more.

    Returns:
        ``None`` with fewer than two seeds, or kinds.
    """
    seeds = result.seeds(*kinds)
    if len(seeds) < 2 or len(kinds) < 2:
        return None
    means = np.array(
        [
            [[result.seed_means(kind, column)[seed] for column in range(len(result.columns))] for seed in seeds]
            for kind in kinds
        ]
    )  # (kinds, seeds, columns)
    found = []
    for at in range(len(seeds)):
        others = np.delete(means[:, :, 0], at, axis=1).mean(1)
        found.append(means[int(others.argmax()), at] - means[int(others.argmin()), at])
    return Spread(np.array(found))
