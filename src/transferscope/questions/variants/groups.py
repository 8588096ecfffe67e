"""The runs from one start: what each and what their ensembles say of the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...models.solution import Solution
from ...probes.metrics import Contributions
from ...train.run import Run
from ..mistakes.shared import SharedMistakes, right_answers
from ..protocols import Alteration

__all__ = ["Kind", "VariantGroup", "VariantRun", "group_of"]

Kind = Alteration
"""What was done to a start: only the top singular values kept, noise added, or replicas averaged."""


@dataclass(frozen=True)
class VariantRun:
    """One run.

    Attributes:
        label: what it is called.
        seed: its seed.
        ended: ``finished`` or ``diverged at step s``.
        speed: mean over epochs of the training accuracy; nan for a diverged run.
    """

    label: str
    seed: int
    ended: str
    speed: float


@dataclass(frozen=True, eq=False)
class VariantGroup:
    """The runs from one start, which differ in nothing but the seed.

    Attributes:
        start: name of the start.
        kinds: what was done to it; empty for plain starts.
        runs: all of them.
        members: those that did not diverge, the m rows of what follows.
        scores: ``(m, n)``, one number an image whose mean is the metric of a run.
        ensembles: ``(m, n)``, the same of the mean of the logits of the first 1, 2, …, m members.
        right: int8 ``(m, n, 1)``, or ``(m, n, k)`` for multi-label: 1 right, 0 wrong, −1 unknown label.
        shared: common and uncommon mistakes of every two members.
    """

    start: str
    kinds: tuple[Kind, ...]
    runs: tuple[VariantRun, ...]
    members: tuple[str, ...]
    scores: np.ndarray
    ensembles: np.ndarray
    right: np.ndarray
    shared: tuple[SharedMistakes, ...]

    @property
    def finals(self) -> list[float]:
        """The metric of every member on the test images."""
        return [float(row.mean(dtype=np.float64)) for row in self.scores]

    @property
    def speeds(self) -> list[float]:
        """Optimisation speed of every run that did not diverge."""
        return [run.speed for run in self.runs if run.ended == "finished"]


def group_of(
    name: str,
    kinds: tuple[Kind, ...],
    runs: Sequence[Run],
    ends: Sequence[Solution],
    logits: Sequence[torch.Tensor],
    test: ImageSet,
    metric: Literal["accuracy", "auc"],
) -> VariantGroup:
    """Put together what is known of the runs from one start.

    Args:
        name: of the start.
        kinds: what was done to it.
        runs: all of them.
        ends: weights of those that did not diverge.
        logits: of these on the test images, ``(n, k)`` each.
        test: the images.
        metric: what runs are judged by.
    """
    labels = torch.from_numpy(np.array(test.labels))
    labels = labels.to(torch.float32) if test.multilabel else labels
    contributions = Contributions(labels)
    n, k = len(test), labels.shape[1] if test.multilabel else 1

    def scores(of: Sequence[torch.Tensor]) -> np.ndarray:
        rows = [contributions(metric, one).to(torch.float64).numpy() for one in of]
        return np.stack(rows) if rows else np.zeros((0, n))

    means = [torch.stack(list(logits[: m + 1])).mean(0) for m in range(len(logits))]
    right = [right_answers(one.numpy(), test.labels) for one in logits]
    members = tuple(end.label for end in ends)
    return VariantGroup(
        start=name,
        kinds=kinds,
        runs=tuple(VariantRun(run.label, run.seed, run.ended, run.optimisation_speed()) for run in runs),
        members=members,
        scores=scores(logits),
        ensembles=scores(means),
        right=np.stack(right) if right else np.zeros((0, n, k), np.int8),
        shared=tuple(
            SharedMistakes.count(right[a], right[b], a=members[a], b=members[b], kind=name)
            for a, b in combinations(range(len(members)), 2)
        ),
    )
