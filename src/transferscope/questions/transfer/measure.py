"""What do a new head alone, fine-tuning, and training from scratch reach, and how far do they go?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from torch import Tensor

from ...errors import UsageError
from ...evidence.contrast import reduction
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...train.run import Run
from .._counted import Counted, packed
from .._deviation import deviation_by_layer
from .._kinds import KINDS, SCRATCH, check_runs, kind_of, told_start
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Transfer", "TransferGroup", "Transferred", "transfer"]


@dataclass(frozen=True)
class Transferred:
    """What one run came to.

    Attributes:
        label: the run.
        target: the task.
        kind: ``head only``, ``fine-tuned`` or ``scratch``.
        start: name of its start.
        source: name of the pre-training it started from, where known.
        seed: its seed.
        lr: its base learning rate.
        ended: ``finished`` or ``diverged at step s``; a diverged run has no numbers.
        metric: what the task is judged by, ``accuracy`` or ``auc``; errors are one minus it.
        train_error: on the training images at the end; nan where it was not measured.
        test_error: on the test images at the end.
        deviation: (1/√n)·Σ_l ‖W_l − W⁰_l‖_F from its own start, all layers.
        from_pretrained: the same from the pre-trained weights, without the head, which is another one there; nan
            where they are not known.
        val_error: on the validation images at the end; nan where there are none.
    """

    label: str
    target: str
    kind: str
    start: str
    source: str
    seed: int
    lr: float
    ended: str
    metric: str
    train_error: float
    test_error: float
    deviation: float
    from_pretrained: float
    val_error: float = math.nan

    @property
    def final(self) -> float:
        """The test metric at the end."""
        return 1 - self.test_error

    @property
    def speed(self) -> float:
        """The training metric at the end."""
        return 1 - self.train_error

    @property
    def val(self) -> float:
        """The metric on validation images at the end."""
        return 1 - self.val_error


@dataclass(frozen=True)
class TransferGroup:
    """Runs that differ in nothing but the seed.

    Attributes:
        target: the task.
        kind: ``head only``, ``fine-tuned`` or ``scratch``.
        start: name of their start.
        source: name of the pre-training they started from.
        lr: their base learning rate.
        runs: the runs.
    """

    target: str
    kind: str
    start: str
    source: str
    lr: float
    runs: tuple[Transferred, ...]

    @property
    def healthy(self) -> tuple[Transferred, ...]:
        """The runs that did not diverge."""
        return tuple(run for run in self.runs if run.ended == "finished")

    @property
    def metric(self) -> str:
        """What the task is judged by."""
        return self.runs[0].metric

    def values(self, what: str) -> list[float]:
        """Return a number of :class:`Transferred` for every healthy run that has it."""
        return [x for run in self.healthy if math.isfinite(x := getattr(run, what))]


@dataclass(frozen=True, eq=False)
class Transfer(Result):
    """Errors and deviations of runs by target and kind.

    Attributes:
        runs: the runs, diverged ones among them.
        train_images: by target, n of the deviation.
        test_images: by target.
        left_out: runs of no kind that is compared here.
        outcomes: by target, what each test image adds to the final metric of each run on it, ``(runs, images)``.
        chance: by target, what the test metric is by chance: a failed run counts as that.
        train_chance: by target, what the training metric is by chance.
        witnesses: by target, what is wrong with runs and pre-trainings.
    """

    question: ClassVar[str] = "transfer"
    cites: ClassVar[tuple[str, ...]] = (
        "Liu et al. 2019, §3",
        "Liu et al. 2019, Tables 1 and 2",
        "Liu et al. 2019, B.3",
    )

    runs: tuple[Transferred, ...]
    train_images: dict[str, int]
    test_images: dict[str, int]
    left_out: tuple[LeftOut, ...]
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    train_chance: dict[str, float] = field(default_factory=dict)
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(run.target for run in self.runs))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds there are runs of, in the order of the paper's tables."""
        there = {run.kind for run in self.runs}
        return tuple(kind for kind in KINDS if kind in there)

    def groups(self, target: str, kind: str) -> tuple[TransferGroup, ...]:
        """Return the runs of a kind on a target by start and learning rate."""
        found: dict[tuple[str, str, float], list[Transferred]] = {}
        for run in self.runs:
            if (run.target, run.kind) == (target, kind):
                found.setdefault((run.start, run.source, run.lr), []).append(run)
        return tuple(TransferGroup(target, kind, *key, tuple(of)) for key, of in found.items())

    def best(self, target: str, kind: str) -> TransferGroup | None:
        """Return the group of a kind that is compared; ``None`` where no run has a number.

        Of several it is the one with the lowest mean error on validation images, where a run that diverged counts as
        chance; where there are none, the first of the study of which a run finished, as choosing by the test error
        would judge it on what it was chosen by.
        """
        there = [g for g in self.groups(target, kind) if self.counted(g).counts("final").runs]
        if self.validated(target, kind):
            return max(there, key=lambda g: self.counted(g).mean("val").value, default=None)
        return next((g for g in there if g.healthy), there[0] if there else None)

    def validated(self, target: str, kind: str) -> bool:
        """Return whether all runs of a kind that finished were evaluated on validation images."""
        finished = [run for g in self.groups(target, kind) for run in g.healthy]
        return bool(finished) and all(math.isfinite(run.val_error) for run in finished)

    def counted(self, group: TransferGroup) -> Counted[Transferred]:
        """Return the runs of a group as claims count them: one that failed has what chance has."""
        there = [run for run in self.runs if run.target == group.target]
        rows = self.outcomes.get(group.target)
        at = [there.index(run) for run in group.runs]
        chance, train = self.chance.get(group.target), self.train_chance.get(group.target)
        return Counted(group.runs, None if rows is None else rows[at], chance, train)

    def test_errors(self, group: TransferGroup) -> list[float]:
        """Return the test error of each run that counts: of one that diverged that of chance, where it is known."""
        chance, failed = self.chance.get(group.target), len(group.runs) - len(group.healthy)
        return group.values("test_error") + ([] if chance is None else [1 - chance] * failed)

    def test_error(self, group: TransferGroup) -> Estimate:
        """Return the mean test error of a group with its interval."""
        return _error(self.counted(group).mean("final"))

    def train_error(self, group: TransferGroup) -> Estimate:
        """Return the mean training error of a group; its interval is over networks."""
        return _error(self.counted(group).mean("speed"))

    def improvement(self, group: TransferGroup) -> Estimate:
        """Return 1 − e/e_scratch of a group, e_scratch of those from scratch on its target; nan without them."""
        scratch = self.best(group.target, SCRATCH)
        if scratch is None or group.kind == SCRATCH:
            return Estimate(math.nan)
        both = [self.counted(g).counts("final") for g in (group, scratch)]
        rows = [of.examples("final") for of in both]
        known = None if rows[0] is None or rows[1] is None else (1 - rows[0], 1 - rows[1])
        return reduction(1 - both[0].numbers("final"), 1 - both[1].numbers("final"), known)

    def frame(self) -> pd.DataFrame:
        """Return one row for each target, kind and start: Liu et al.'s tables, with standard deviations and
        intervals.

        Columns of which nothing is known are absent: ``improvement`` without runs from scratch, ``from_pretrained``
        without pre-trained weights.
        """
        import pandas as pd

        frame = pd.DataFrame(
            [
                self._row(group, group == self.best(target, kind))
                for target in self.targets
                for kind in self.kinds
                for group in self.groups(target, kind)
            ]
        )
        for name in ("improvement", "from_pretrained", "train_error"):
            if frame[name].isna().all():
                frame = frame.drop(columns=[c for c in frame.columns if c == name or c.startswith(f"{name}_")])
        return frame

    def run_frame(self) -> pd.DataFrame:
        """Return one row a run."""
        import dataclasses

        import pandas as pd

        return pd.DataFrame([dataclasses.asdict(run) for run in self.runs])

    def _row(self, group: TransferGroup, chosen: bool) -> dict[str, object]:
        error, gain = self.test_error(group), self.improvement(group)
        row: dict[str, object] = {
            "target": group.target,
            "kind": group.kind,
            "start": group.start,
            "source": group.source,
            "lr": group.lr,
            "best_of_kind": chosen,
            "metric": group.metric,
        }
        for name in ("train_error", "test_error", "deviation", "from_pretrained"):
            values = self.test_errors(group) if name == "test_error" else group.values(name)
            row |= {name: _mean(values), f"{name}_sd": _sd(values)}
        return row | {
            "test_error_low": _or_nan(error.low),
            "test_error_high": _or_nan(error.high),
            "improvement": gain.value,
            "improvement_low": _or_nan(gain.low),
            "improvement_high": _or_nan(gain.high),
            "interval_over": error.over,
            "seeds": len(group.healthy),
            "diverged": len(group.runs) - len(group.healthy),
            "train_images": self.train_images[group.target],
            "test_images": self.test_images[group.target],
        }


def transfer(
    nets: Mapping[str, Network],
    runs: Sequence[Run],
    *,
    train_images: Mapping[str, int],
    test_images: Mapping[str, int],
    pretrained: Mapping[str, Tensor] | None = None,
    outcomes: Mapping[str, Sequence[np.ndarray | None]] | None = None,
    chance: Mapping[str, float] | None = None,
    train_chance: Mapping[str, float] | None = None,
    witnesses: Mapping[str, Sequence[Witness]] | None = None,
) -> Transfer:
    """Compare a new head alone, fine-tuning and training from scratch (Liu et al. 2019, §3, Tables 1 and 2).

    Runs of role ``P-T`` are fine-tuned, or head only where their recipe keeps the body frozen; ``RI-T`` are from
    scratch. Runs of other starts are left out, and the result says so.

    Args:
        nets: the network of each target.
        runs: on any targets, with any seeds.
        train_images: number of training images of each target, the n of the deviation.
        test_images: number of test images of each target.
        pretrained: weights that the fine-tuned runs started from, for how far those from scratch end from them; their
            head is not used.
        outcomes: target → for each run on it, in their order, what each test image adds to the final metric
            (``probes.outcomes``); ``None`` for a run that diverged. Without them intervals are over networks only.
        chance: target → what the test metric is by chance.
        train_chance: target → what the training metric is by chance.
        witnesses: target → what is wrong with its runs and their pre-trainings.

    Raises:
        UsageError: for no runs, two runs of one target with one name, a target of which something was not given, or
            no run of any of the three kinds.
    """
    check_runs("transfer", runs, nets=nets, train_images=train_images, test_images=test_images)
    done: list[Transferred] = []
    left_out: list[LeftOut] = []
    rows: dict[str, list[np.ndarray | None]] = {}
    given = {target: list(of) for target, of in (outcomes or {}).items()}
    seen = dict.fromkeys(given, 0)
    for run in runs:
        row = given[run.target][seen[run.target]] if run.target in given else None
        seen[run.target] = seen.get(run.target, 0) + 1
        if kind := kind_of(run):
            done.append(_measure(nets[run.target], run, kind, train_images[run.target], pretrained))
            rows.setdefault(run.target, []).append(row)
        else:
            what = "keeps a random body" if run.role == "RI-T" else "has an altered or unknown start"
            left_out.append(LeftOut(run.label, what, run.target))
    if not done:
        raise UsageError(f"transfer: no run is head only, fine-tuned or from scratch; {left_out[0].text}")
    targets = dict.fromkeys(run.target for run in runs)
    kept = {t: packed(len(of), of, int(test_images[t]), f"outcomes on {t}") for t, of in rows.items() if t in given}
    return Transfer(
        tuple(done),
        {t: int(train_images[t]) for t in targets},
        {t: int(test_images[t]) for t in targets},
        tuple(left_out),
        {t: of for t, of in kept.items() if of is not None},
        dict(chance or {}),
        dict(train_chance or {}),
        {t: tuple(of) for t, of in (witnesses or {}).items()},
    )


def _measure(
    net: Network, run: Run, kind: str, examples: int, pretrained: Mapping[str, Tensor] | None
) -> Transferred:
    deviation = from_pretrained = math.nan
    if not run.diverged:
        start, end = run.start.params, run.final.params
        deviation = math.fsum(deviation_by_layer(net, end, start, examples).values())
        # What was pre-trained is the body a P-T run starts from, whichever source that is of.
        before = start if kind != SCRATCH else pretrained
        if before is not None:
            from_pretrained = math.fsum(deviation_by_layer(net, end, before, examples, head=False).values())
    return Transferred(
        label=run.label,
        target=run.target,
        kind=kind,
        start=told_start(run),
        source=run.source,
        seed=run.seed,
        lr=run.lr,
        ended=run.ended,
        metric=run.metric,
        train_error=1 - run.final_metric("train"),
        test_error=1 - run.final_metric("test"),
        deviation=deviation,
        from_pretrained=from_pretrained,
        val_error=1 - run.final_metric("val"),
    )


def _error(metric: Estimate) -> Estimate:
    """Turn a metric into an error."""
    ends = [None if end is None else 1 - end for end in (metric.high, metric.low)]
    return replace(metric, value=1 - metric.value, low=ends[0], high=ends[1])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _sd(values: Sequence[float]) -> float:
    if len(values) < 2:
        return math.nan
    mean = _mean(values)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in values) / (len(values) - 1))


def _or_nan(x: float | None) -> float:
    return math.nan if x is None else x
