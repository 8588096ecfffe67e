"""The runs from one start: what each and what their ensembles say of the test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...evidence.contrast import mean
from ...evidence.guard import unfit
from ...models.solution import Solution
from ...probes.metrics import Contributions
from ...train.run import Run
from .._counted import Counted, packed
from ..mistakes.shared import SharedMistakes, right_answers
from ..protocols import Alteration

__all__ = ["Counts", "Kind", "VariantGroup", "VariantRun", "group_of"]

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
        unfit: why it says nothing of networks that learned; empty for nothing known against it.
    """

    label: str
    seed: int
    ended: str
    speed: float
    unfit: str = ""


@dataclass(frozen=True)
class Counts:
    """A run as claims about metric and speed count it (see :mod:`transferscope.questions._counted`)."""

    seed: int
    final: float
    speed: float
    ended: str
    val: float = math.nan


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
        return [run.speed for run in self.finished]

    @property
    def finished(self) -> list[VariantRun]:
        """The runs that did not diverge, in the order of the members."""
        return [run for run in self.runs if run.ended == "finished"]

    @property
    def compared(self) -> list[int]:
        """Places of the members whose position and mistakes count: those that learned; all where none did."""
        every = range(len(self.members))
        return [i for i, run in zip(every, self.finished, strict=True) if not run.unfit] or list(every)

    def counted(self, chance: float, speed_chance: float | None) -> Counted[Counts]:
        """Return the runs as claims count them: one that failed has what chance has.

        Args:
            chance: the test metric by chance.
            speed_chance: the training accuracy by chance; ``None`` where not known.
        """
        rows, finals = iter(self.scores), iter(self.finals)
        each = [next(rows) if run.ended == "finished" else None for run in self.runs]
        runs = tuple(
            Counts(run.seed, next(finals) if run.ended == "finished" else math.nan, run.speed, run.ended)
            for run in self.runs
        )
        outcomes = packed(len(runs), each, self.scores.shape[1], f"scores of {self.start}")
        if outcomes is None:  # all diverged: chance, whatever the image
            outcomes = np.zeros((len(runs), self.scores.shape[1]), np.uint8)
        return Counted(runs, outcomes, chance, speed_chance)


def group_of(
    name: str,
    kinds: tuple[Kind, ...],
    runs: Sequence[Run],
    ends: Sequence[Solution],
    logits: Sequence[torch.Tensor],
    test: ImageSet,
    metric: Literal["accuracy", "auc"],
    chance: float,
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
        chance: what the metric is by chance.
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
    each = scores(logits)
    found = iter(each)
    return VariantGroup(
        start=name,
        kinds=kinds,
        runs=tuple(
            VariantRun(
                run.label,
                run.seed,
                run.ended,
                run.optimisation_speed(),
                run.ended if run.diverged else _unfit(run, next(found), chance),
            )
            for run in runs
        ),
        members=members,
        scores=each,
        ensembles=scores(means),
        right=np.stack(right) if right else np.zeros((0, n, k), np.int8),
        shared=tuple(
            SharedMistakes.count(right[a], right[b], a=members[a], b=members[b], kind=name)
            for a, b in combinations(range(len(members)), 2)
        ),
    )


def _unfit(run: Run, scores: np.ndarray, chance: float) -> str:
    """Why a run that did not diverge says nothing of networks that learned; empty for nothing."""
    value = float(scores.mean(dtype=np.float64))
    return run.unfit or unfit(value, mean([value], scores[None]).low, chance)
