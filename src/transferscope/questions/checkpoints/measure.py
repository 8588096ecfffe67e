"""From which checkpoint of a pre-training should one start?  Rows F14 and F24."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError
from ...train.run import Run
from .._estimates import Estimate, difference, estimate
from .._kinds import check_runs
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CheckpointRun", "Checkpoints", "Side", "checkpoints"]

Side = Literal["final", "speed"]
"""The two panels of 000 Fig. 7: the test metric at the end, and the mean over epochs of the training accuracy."""


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


@dataclass(frozen=True, eq=False)
class Checkpoints(Result):
    """Runs from several checkpoints of one pre-training, beside the pre-training itself.

    Attributes:
        runs: from the checkpoints, in the order of these; diverged ones among them.
        scratch: from random weights, which need not be those the pre-training started from.
        source: the pre-training.
        source_metric: what it is judged by: ``test_accuracy``, ``val_accuracy``, …; empty where nothing was measured.
        source_epochs: when it was evaluated, ``(e,)``.
        source_values: what it had then, ``(e,)``.
        test_images: by target.
        chance: by target, what always naming the most frequent class reaches; empty where it was not said.
    """

    question: ClassVar[str] = "checkpoints"
    cites: ClassVar[tuple[str, ...]] = ("F14", "F24", "000 §3.5", "000 Fig. 7", "002 §5.2", "002 Fig. 9")

    runs: tuple[CheckpointRun, ...]
    scratch: tuple[CheckpointRun, ...]
    source: str
    source_metric: str
    source_epochs: np.ndarray
    source_values: np.ndarray
    test_images: dict[str, int]
    chance: dict[str, float] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(run.target for run in self.runs))

    @property
    def epochs(self) -> tuple[int, ...]:
        """The checkpoints, rising."""
        return tuple(sorted({run.epoch for run in self.runs}))

    def metric(self, target: str) -> str:
        """Return what a task is judged by."""
        return next(run.metric for run in self.runs if run.target == target)

    def started(self, target: str, epoch: int) -> tuple[CheckpointRun, ...]:
        """Return the runs on a target from one checkpoint."""
        return tuple(run for run in self.runs if (run.target, run.epoch) == (target, epoch))

    def values(self, target: str, epoch: int | None, what: Side) -> list[float]:
        """Return a number of the runs that have it: from one checkpoint, or (``None``) from scratch."""
        runs = self.started(target, epoch) if epoch is not None else self.scratch
        return [x for run in runs if run.target == target and math.isfinite(x := getattr(run, what))]

    def measured(self, target: str, what: Side) -> tuple[int, ...]:
        """Return the checkpoints from which at least one run did not diverge."""
        return tuple(epoch for epoch in self.epochs if self.values(target, epoch, what))

    def mean(self, target: str, epoch: int | None, what: Side) -> Estimate:
        """Return the mean of the runs from a checkpoint, or (``None``) from scratch, with its interval."""
        return estimate(self.values(target, epoch, what), self._images(target, what))

    def gain(
        self, target: str, epoch: int, over: int | None, what: Side = "final", *, level: float = 0.95
    ) -> Estimate:
        """Return by how much runs from one checkpoint exceed those from another, or (``None``) from scratch."""
        return difference(
            self.values(target, epoch, what),
            self.values(target, over, what),
            self._images(target, what),
            level=level,
        )

    def source_at(self, epoch: int) -> float:
        """Return the metric of the pre-training after an epoch; nan where it was not evaluated then."""
        at = np.flatnonzero(self.source_epochs == epoch)
        return float(self.source_values[at[-1]]) if len(at) else math.nan

    def frame(self) -> pd.DataFrame:
        """Return one row for each target and checkpoint; the last of a target, without an epoch, is from scratch."""
        import pandas as pd

        rows = []
        for target in self.targets:
            there = [*self.epochs, *([None] if any(run.target == target for run in self.scratch) else [])]
            rows += [self._row(target, epoch) for epoch in there]
        return pd.DataFrame(rows).astype({"epoch": "Int64"})

    def run_frame(self) -> pd.DataFrame:
        """Return one row a run; one from scratch has no epoch."""
        import dataclasses

        import pandas as pd

        rows = [dataclasses.asdict(run) for run in (*self.runs, *self.scratch)]
        return pd.DataFrame([row | {"epoch": _shown(row["epoch"])} for row in rows]).astype({"epoch": "Int64"})

    def _images(self, target: str, what: Side) -> int | None:
        return self.test_images[target] if what == "final" and self.metric(target) == "accuracy" else None

    def _row(self, target: str, epoch: int | None) -> dict[str, object]:
        runs = [run for run in self.scratch if run.target == target] if epoch is None else self.started(target, epoch)
        row: dict[str, object] = {
            "target": target,
            "start": "scratch" if epoch is None else f"epoch {epoch}",
            "epoch": epoch,
            f"source_{self.source_metric or 'metric'}": math.nan if epoch is None else self.source_at(epoch),
            "metric": self.metric(target),
        }
        sides: tuple[Side, ...] = ("final", "speed")
        for what in sides:
            values, mean = self.values(target, epoch, what), self.mean(target, epoch, what)
            row |= {
                what: mean.value,
                f"{what}_sd": float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
                f"{what}_low": math.nan if mean.low is None else mean.low,
                f"{what}_high": math.nan if mean.high is None else mean.high,
                f"{what}_interval_over": mean.over,
            }
        gone = sum(run.ended != "finished" for run in runs)
        return row | {"seeds": len(runs) - gone, "diverged": gone}


def checkpoints(
    runs: Mapping[int, Sequence[Run]],
    source: Run,
    *,
    test_images: Mapping[str, int],
    scratch: Sequence[Run] = (),
    chance: Mapping[str, float] | None = None,
) -> Checkpoints:
    """Compare runs that started from several checkpoints of one pre-training (000 §3.5, Fig. 7; 002 §5.2, Fig. 9).

    Args:
        runs: by epoch of pre-training after which the weights were taken, 0 being its random start; of any targets
            and seeds.
        source: the pre-training.
        test_images: number of test images of each target.
        scratch: runs from random weights, to be held beside them; those on other targets are not used.
        chance: what always naming the most frequent class of the test images reaches, by target; 0.5 of an AUC. No
            claim is judged on a target where runs from no checkpoint end clearly above it; without it, all are.

    Raises:
        UsageError: for fewer than two checkpoints, one without runs, two runs of one checkpoint and target with one
            name, or a target whose number of test images is not given.
    """
    if len(runs) < 2:
        given = f"epoch {next(iter(runs))} only" if runs else "none"
        raise UsageError(f"checkpoints of a pre-training: {given}; give runs from at least two epochs")
    for epoch, of in runs.items():
        if epoch < 0:
            raise UsageError(f"checkpoint of epoch {epoch}; epochs count from 0, the start of pre-training")
        check_runs(f"checkpoint of epoch {epoch}", of, test_images=test_images)
    started = [_read(run, epoch) for epoch in sorted(runs) for run in runs[epoch]]
    targets = dict.fromkeys(run.target for run in started)
    beside = [run for run in scratch if run.target in targets]
    if beside:
        check_runs("runs from scratch", beside)
    name = next((n for part in ("test", "val", "train") if (n := f"{part}_{source.metric}") in source.epochs), "")
    return Checkpoints(
        runs=tuple(started),
        scratch=tuple(_read(run, -1) for run in beside),
        source=source.label,
        source_metric=name,
        source_epochs=np.asarray(source.epochs["epoch"] if name else [], dtype=np.int64),
        source_values=np.asarray(source.epochs[name] if name else [], dtype=np.float64),
        test_images={t: int(test_images[t]) for t in targets},
        chance={t: float(chance[t]) for t in targets if t in chance} if chance else {},
    )


def _shown(epoch: int) -> int | None:
    return None if epoch < 0 else epoch


def _read(run: Run, epoch: int) -> CheckpointRun:
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
    )
