"""From which checkpoint of a pre-training should one start?"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ...errors import UsageError
from ...evidence.contrast import contrast
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...train.run import Run
from .._counted import Counted, Series, Side, What, packed, series
from .._kinds import check_runs
from ..result import Result
from .runs import CheckpointRun, checkpoint_run

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CheckpointRun", "Checkpoints", "checkpoints"]

_SIDES: tuple[Side, ...] = ("final", "speed")
"""The two panels of Neyshabur et al. 2020, Fig. 7."""


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
        speed_chance: by target, the same of the training accuracy.
        outcomes: by target, ``(runs on it, test images)``, what each test image adds to the final metric of a run, in
            the order of ``runs``, those of ``scratch`` after them; empty where it was not given.
        source_outcomes: by epoch, ``(source images,)``, the same of the pre-training on its own test images.
        left_out: runs that play no part, with the reason.
        witnesses: by target, what is known of the runs and of the pre-training.
    """

    question: ClassVar[str] = "checkpoints"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.5",
        "Neyshabur et al. 2020, Fig. 7",
        "Liu et al. 2019, §5.2",
        "Liu et al. 2019, Fig. 9",
    )

    runs: tuple[CheckpointRun, ...]
    scratch: tuple[CheckpointRun, ...]
    source: str
    source_metric: str
    source_epochs: np.ndarray
    source_values: np.ndarray
    test_images: dict[str, int]
    chance: dict[str, float] = field(default_factory=dict)
    speed_chance: dict[str, float] = field(default_factory=dict)
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    source_outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

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

    def counted(self, target: str, epoch: int | None, what: What) -> Counted[CheckpointRun]:
        """Return the runs from a checkpoint, or (``None``) from scratch; one that diverged counts as chance."""
        runs = tuple(run for run in (*self.runs, *self.scratch) if run.target == target)
        every = Counted(runs, self.outcomes.get(target), self.chance.get(target), self.speed_chance.get(target))
        return every.where(lambda run: run.epoch == (-1 if epoch is None else epoch)).counts(what)

    def counting(self, target: str, what: Side) -> tuple[int, ...]:
        """Return the checkpoints from which at least one run counts."""
        return tuple(epoch for epoch in self.epochs if self.counted(target, epoch, what).runs)

    def series(self, target: str, epochs: Sequence[int], what: What) -> Series:
        """Return the runs of one seed from all of these checkpoints in a row, for each seed that has them all."""
        return series([self.counted(target, epoch, what) for epoch in epochs], what)

    def mean(self, target: str, epoch: int | None, what: Side) -> Estimate:
        """Return the mean of the runs from a checkpoint, or (``None``) from scratch, that did not diverge."""
        return self.counted(target, epoch, what).where(lambda run: run.ended == "finished").mean(what)

    def gain(self, target: str, epoch: int, over: int | None, what: Side = "final") -> Estimate:
        """Return by how much runs from one checkpoint exceed those from another, or (``None``) from scratch.

        Runs that diverged count as chance.
        """
        return self.counted(target, epoch, what).less(self.counted(target, over, what), what)

    def source_at(self, epoch: int) -> float:
        """Return the metric of the pre-training after an epoch; nan where it was not evaluated then."""
        at = np.flatnonzero(self.source_epochs == epoch)
        return float(self.source_values[at[-1]]) if len(at) else math.nan

    def source_gain(self, epoch: int, over: int) -> Estimate:
        """Return by how much the metric of the pre-training after one epoch exceeds that after another.

        It is of this pre-training, over its test images; without these there is no interval.
        """
        one, two = (self.source_outcomes.get(str(e)) for e in (epoch, over))
        if one is None or two is None:
            return Estimate(self.source_at(epoch) - self.source_at(over))
        rows = np.asarray(one, dtype=np.float64)[None], np.asarray(two, dtype=np.float64)[None]
        return contrast(rows[0].mean(1), rows[1].mean(1), rows)

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
        import pandas as pd

        rows = [dataclasses.asdict(run) for run in (*self.runs, *self.scratch)]
        return pd.DataFrame([row | {"epoch": _shown(row["epoch"])} for row in rows]).astype({"epoch": "Int64"})

    def _row(self, target: str, epoch: int | None) -> dict[str, object]:
        runs = [run for run in self.scratch if run.target == target] if epoch is None else self.started(target, epoch)
        row: dict[str, object] = {
            "target": target,
            "start": "scratch" if epoch is None else f"epoch {epoch}",
            "epoch": epoch,
            f"source_{self.source_metric or 'metric'}": math.nan if epoch is None else self.source_at(epoch),
            "metric": self.metric(target),
        }
        for what in _SIDES:
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
    speed_chance: Mapping[str, float] | None = None,
    outcomes: Mapping[int, Sequence[np.ndarray | None]] | None = None,
    scratch_outcomes: Sequence[np.ndarray | None] = (),
    source_outcomes: Mapping[int, np.ndarray] | None = None,
    witnesses: Mapping[str, tuple[Witness, ...]] | None = None,
) -> Checkpoints:
    """Compare runs that started from several checkpoints of one pre-training (Neyshabur et al. 2020, §3.5, Fig. 7;
    Liu et al. 2019, §5.2, Fig. 9).

    Args:
        runs: by epoch of pre-training after which the weights were taken, 0 being its random start; of any targets
            and seeds.
        source: the pre-training.
        test_images: number of test images of each target.
        scratch: runs from random weights, to be held beside them; those on other targets are not used.
        chance: what always naming the most frequent class of the test images reaches, by target; 0.5 of an AUC. A run
            that diverged counts as this; without it, it is left out.
        speed_chance: the same of the training accuracy; by default ``chance``, except of an AUC.
        outcomes: by epoch, for each of the runs, what each test image adds to its final metric (1 where right, else
            0), ``None`` for a run that diverged. Without it, intervals are over networks alone, and with fewer than
            three there are none.
        scratch_outcomes: the same for each of the runs from scratch.
        source_outcomes: by epoch, what each test image of the source adds to the metric of the pre-training then.
        witnesses: by target, what is known of the runs and of the pre-training.

    Raises:
        UsageError: for fewer than two checkpoints, one without runs, two runs of one checkpoint and target with one
            name, a target whose number of test images is not given, or outcomes that do not fit the runs.
    """
    if len(runs) < 2:
        given = f"epoch {next(iter(runs))} only" if runs else "none"
        raise UsageError(f"checkpoints of a pre-training: {given}; give runs from at least two epochs")
    for epoch, of in runs.items():
        if epoch < 0:
            raise UsageError(f"checkpoint of epoch {epoch}; epochs count from 0, the start of pre-training")
        check_runs(f"checkpoint of epoch {epoch}", of, test_images=test_images)
    if outcomes is not None and (short := [e for e in runs if len(outcomes.get(e, ())) != len(runs[e])]):
        raise UsageError(f"outcomes from epoch {short[0]}: give one for each of its {len(runs[short[0]])} runs")
    started = [checkpoint_run(run, epoch) for epoch in sorted(runs) for run in runs[epoch]]
    rows = [row for epoch in sorted(runs) for row in (outcomes or {}).get(epoch, ())]
    targets = dict.fromkeys(run.target for run in started)
    beside = [checkpoint_run(run, -1) for run in scratch if run.target in targets]
    if beside:
        check_runs("runs from scratch", [run for run in scratch if run.target in targets])
    if outcomes is not None:
        if len(scratch_outcomes) != len(scratch):
            raise UsageError(
                f"{len(scratch_outcomes)} scratch_outcomes for {len(scratch)} runs from scratch; give one for each"
            )
        rows += [row for run, row in zip(scratch, scratch_outcomes, strict=True) if run.target in targets]
    name = next((n for part in ("test", "val", "train") if (n := f"{part}_{source.metric}") in source.epochs), "")
    known = {t: float(chance[t]) for t in targets if t in chance} if chance else {}
    plain = {t: x for t, x in known.items() if any(run.target == t and run.metric != "auc" for run in started)}
    made = Checkpoints(
        runs=tuple(started),
        scratch=tuple(beside),
        source=source.label,
        source_metric=name,
        source_epochs=np.asarray(source.epochs["epoch"] if name else [], dtype=np.int64),
        source_values=np.asarray(source.epochs[name] if name else [], dtype=np.float64),
        test_images={t: int(test_images[t]) for t in targets},
        chance=known,
        speed_chance={t: float(speed_chance[t]) for t in targets if t in speed_chance} if speed_chance else plain,
        outcomes=_by_target([*started, *beside], rows, test_images) if outcomes is not None else {},
        source_outcomes={str(e): _small(row) for e, row in (source_outcomes or {}).items()},
        witnesses=dict(witnesses or {}),
    )
    return dataclasses.replace(made, left_out=tuple(_uncounted(made)))


def _by_target(
    runs: Sequence[CheckpointRun], rows: Sequence[np.ndarray | None], images: Mapping[str, int]
) -> dict[str, np.ndarray]:
    found = {}
    for target in dict.fromkeys(run.target for run in runs):
        of = [(run, row) for run, row in zip(runs, rows, strict=True) if run.target == target]
        for run, row in of:
            if row is None and run.ended == "finished":
                raise UsageError(f"outcomes: none of {run.label!r} on {target}, {_from(run)}; it did not diverge")
        whole = packed(len(of), [row for _, row in of], int(images[target]), f"outcomes on {target}")
        if whole is not None:
            found[target] = whole
    return found


def _small(row: np.ndarray) -> np.ndarray:
    return np.asarray(row).astype(np.uint8 if np.isin(row, (0, 1)).all() else np.float32)


def _uncounted(result: Checkpoints) -> list[LeftOut]:
    """Which runs, and which seeds of rows, do not count, and why."""
    found = []
    for target in result.targets:
        for epoch in (*result.epochs, None):
            counted, quick = (result.counted(target, epoch, what).runs for what in _SIDES)
            every = result.started(target, epoch) if epoch is not None else result.scratch
            for run in every:
                if run.target == target and run not in quick:
                    why = "not measured" if run.ended == "finished" else run.ended
                    why += ", and what speed is by chance is not known" if run in counted else ""
                    found.append(LeftOut(f"{run.label} {_from(run)}", why, target))
        at = [{run.seed for run in result.counted(target, e, "final").runs} for e in result.counting(target, "final")]
        gaps = sorted(at[0].union(*at) - at[0].intersection(*at)) if at else []
        found += [LeftOut(f"seed {s}", "not from all checkpoints, so in no row of them", target) for s in gaps]
    return found


def _from(run: CheckpointRun) -> str:
    return "from scratch" if run.epoch < 0 else f"from epoch {run.epoch}"


def _shown(epoch: int) -> int | None:
    return None if epoch < 0 else epoch
