"""Runs on shuffled images, and those of one bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evidence.estimate import Estimate
from ...train.run import Run
from .._counted import Counted

__all__ = ["BlockGroup", "BlockRun", "best_rate", "block_run"]


@dataclass(frozen=True)
class BlockRun:
    """One run on shuffled images.

    Attributes:
        block: side of the blocks, or ``*``.
        target: the task.
        role: ``P-T`` or ``RI-T``.
        label: what the run is called.
        seed: its seed.
        lr: its base learning rate per 256 images.
        metric: what counts: ``accuracy``, or ``auc`` for multi-label.
        final: test metric after the last epoch, in 0…1; nan when the run diverged.
        speed: mean over epochs of the training accuracy, in 0…1; nan when the run diverged.
        ended: ``finished`` or ``diverged at step s``.
        val: the metric on validation images after the last epoch, by which a learning rate is chosen; nan where it
            was not measured.
    """

    block: str
    target: str
    role: str
    label: str
    seed: int
    lr: float
    metric: str
    final: float
    speed: float
    ended: str
    val: float = math.nan


@dataclass(frozen=True)
class BlockGroup:
    """Runs that differ in nothing but the seed and did not diverge; one or more.

    Attributes:
        counted: the runs, with what each test image adds.
    """

    counted: Counted[BlockRun]

    @property
    def runs(self) -> tuple[BlockRun, ...]:
        """The runs."""
        return self.counted.runs

    @property
    def final(self) -> Estimate:
        """The test metric at the end."""
        return self.counted.mean("final")

    @property
    def speed(self) -> Estimate:
        """The training accuracy averaged over epochs."""
        return self.counted.mean("speed")

    def deviation(self, what: str) -> float:
        """Return the standard deviation over seeds of ``final`` or ``speed``; nan for one run."""
        values = [getattr(r, what) for r in self.runs]
        return float(np.std(values, ddof=1)) if len(values) > 1 else math.nan


def block_run(block: str, run: Run) -> BlockRun:
    """Return what is kept of a run on images with such blocks."""
    return BlockRun(
        block=block,
        target=run.target,
        role=run.role,
        label=run.label,
        seed=run.seed,
        lr=run.lr,
        metric=run.metric,
        final=run.final_metric(),
        speed=run.optimisation_speed(),
        ended=run.ended,
        val=run.final_metric("val"),
    )


def best_rate(runs: Sequence[BlockRun], chance: float) -> float:
    """Return the learning rate that is best on validation images; the first where that is not known of all runs.

    Args:
        runs: of all learning rates; nan comes of none.
        chance: what a run that diverged counts as.
    """
    by_rate: dict[float, list[float]] = {}
    for r in runs:
        by_rate.setdefault(r.lr, []).append(r.val if r.ended == "finished" else chance)
    if not all(math.isfinite(x) for of in by_rate.values() for x in of):
        return next(iter(by_rate))  # no choice
    return max(by_rate, key=lambda lr: math.fsum(by_rate[lr]) / len(by_rate[lr]), default=math.nan)
