"""One run from a checkpoint of a pre-training, or from scratch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...train.run import Run

__all__ = ["CheckpointRun", "checkpoint_run"]


@dataclass(frozen=True)
class CheckpointRun:
    """What one run came to.

    Attributes:
        label: the run.
        target: the task.
        epoch: of pre-training, from whose weights it started; −1 for a run from scratch.
        seed: its seed.
        lr: its base learning rate.
        ended: ``finished`` or ``diverged at step s``.
        metric: what the task is judged by, ``accuracy`` or ``auc``.
        final: the test metric at the end; nan for a diverged run.
        speed: mean over epochs of the training accuracy; nan for a diverged run.
        val: the metric on validation images at the end, by which the best checkpoint is chosen; nan where it was not
            measured.
    """

    label: str
    target: str
    epoch: int
    seed: int
    lr: float
    ended: str
    metric: str
    final: float
    speed: float
    val: float = math.nan


def checkpoint_run(run: Run, epoch: int) -> CheckpointRun:
    """Return what is kept of a run.

    Args:
        run: the run.
        epoch: of the checkpoint that it started from; −1 for a run from scratch.
    """
    return CheckpointRun(
        label=run.label,
        target=run.target,
        epoch=epoch,
        seed=run.seed,
        lr=run.lr,
        ended=run.ended,
        metric=run.metric,
        final=run.final_metric(),
        speed=run.optimisation_speed(),
        val=run.final_metric("val"),
    )
