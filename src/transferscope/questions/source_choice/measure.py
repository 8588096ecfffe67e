"""Which pre-training serves which target?"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError, nearest
from ...evidence.contrast import reduction
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...train.run import Run
from .._counted import Counted, packed
from .._deviation import deviation_by_layer
from .._kinds import FINE_TUNED, HEAD_ONLY, SCRATCH, check_runs, kind_of, told_start
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SourceChoice", "SourceGroup", "SourceRun", "source_choice"]


@dataclass(frozen=True, eq=False)
class SourceRun:
    """What one run came to.

    Attributes:
        label: the run.
        target: the task.
        source: name of the pre-training it started from; empty for random weights.
        start: name of its start.
        seed: its seed.
        lr: its base learning rate.
        ended: ``finished`` or ``diverged at step s``; a diverged run has no numbers.
        metric: what the task is judged by, ``accuracy`` or ``auc``.
        final: the test metric at the end.
        deviation: (1/√n)·‖W_l − W⁰_l‖_F from its own start, ``(layers,)``.
        val: the metric on validation images at the end; nan where there are none.
    """

    label: str
    target: str
    source: str
    start: str
    seed: int
    lr: float
    ended: str
    metric: str
    final: float
    deviation: np.ndarray
    val: float = math.nan

    @property
    def speed(self) -> float:
        """Not read here."""
        return math.nan


@dataclass(frozen=True, eq=False)
class SourceGroup:
    """Runs that differ in nothing but the seed.

    Attributes:
        target: the task.
        source: name of the pre-training; empty for random weights.
        start: name of their start.
        lr: their base learning rate.
        runs: the runs.
    """

    target: str
    source: str
    start: str
    lr: float
    runs: tuple[SourceRun, ...]

    @property
    def healthy(self) -> tuple[SourceRun, ...]:
        """The runs that did not diverge."""
        return tuple(run for run in self.runs if run.ended == "finished")

    def finals(self) -> list[float]:
        """Return the test metric of every healthy run."""
        return [run.final for run in self.healthy if math.isfinite(run.final)]

    def deviations(self) -> np.ndarray:
        """Return the deviation of every healthy run by layer, ``(runs, layers)``."""
        layers = len(self.runs[0].deviation)
        return np.array([run.deviation for run in self.healthy]).reshape(-1, layers)


@dataclass(frozen=True, eq=False)
class SourceChoice(Result):
    """Runs from several pre-trainings, and from scratch, by target.

    Attributes:
        runs: the runs, diverged ones among them.
        kind: what those from sources are: ``fine-tuned``, or ``head only`` where there are no others.
        layers: by target, the layers whose deviation is given, in forward order.
        train_images: by target, n of the deviation.
        test_images: by target.
        nearest_first: by target, sources from the most to the least like it in their images, as far as told.
        other_labels: by target, sources like it in their images, with labels of another nature, as far as told.
        controls: the control of each source that chose its images: as many drawn at random.
        left_out: runs that are not compared here.
        outcomes: by target, what each test image adds to the final metric of each run on it, ``(runs, images)``.
        chance: by target, what the test metric is by chance: a failed run counts as that.
        witnesses: by target, what is wrong with runs and pre-trainings.
    """

    question: ClassVar[str] = "source_choice"
    cites: ClassVar[tuple[str, ...]] = ("Liu et al. 2019, §5.1", "Liu et al. 2019, Fig. 8")

    runs: tuple[SourceRun, ...]
    kind: str
    layers: dict[str, tuple[str, ...]]
    train_images: dict[str, int]
    test_images: dict[str, int]
    nearest_first: dict[str, tuple[str, ...]]
    other_labels: dict[str, tuple[str, ...]]
    left_out: tuple[LeftOut, ...]
    outcomes: dict[str, np.ndarray] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    controls: dict[str, str] = field(default_factory=dict)
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(run.target for run in self.runs))

    @property
    def sources(self) -> tuple[str, ...]:
        """The pre-trainings, in the order of the runs."""
        return tuple(dict.fromkeys(run.source for run in self.runs if run.source))

    def metric(self, target: str) -> str:
        """Return what a task is judged by."""
        return next(run.metric for run in self.runs if run.target == target)

    def groups(self, target: str, source: str) -> tuple[SourceGroup, ...]:
        """Return the runs on a target from a source (``""``: from scratch) by start and learning rate."""
        found: dict[tuple[str, float], list[SourceRun]] = {}
        for run in self.runs:
            if (run.target, run.source) == (target, source):
                found.setdefault((run.start, run.lr), []).append(run)
        return tuple(SourceGroup(target, source, *key, tuple(of)) for key, of in found.items())

    def best(self, target: str, source: str) -> SourceGroup | None:
        """Return the group of a source that is compared; ``None`` where no run has a number.

        Of several it is the one that is best on validation images, where a run that diverged counts as chance; where
        there are none, the first of the study of which a run finished, as choosing by the test metric would judge it
        on what it was chosen by.
        """
        there = [g for g in self.groups(target, source) if self.counted(g).counts("final").runs]
        finished = [run for g in there for run in g.healthy]
        if finished and all(math.isfinite(run.val) for run in finished):
            return max(there, key=lambda g: self.counted(g).mean("val").value)
        return next((g for g in there if g.healthy), there[0] if there else None)

    def counted(self, group: SourceGroup) -> Counted[SourceRun]:
        """Return the runs of a group as claims count them: one that failed has what chance has."""
        there = [run for run in self.runs if run.target == group.target]
        rows = self.outcomes.get(group.target)
        at = [there.index(run) for run in group.runs]
        return Counted(group.runs, None if rows is None else rows[at], self.chance.get(group.target))

    def final(self, target: str, source: str) -> Estimate:
        """Return the mean test metric from a source with its interval."""
        group = self.best(target, source)
        return self.counted(group).mean("final") if group else Estimate(math.nan)

    def gain(self, target: str, source: str, over: str = "") -> Estimate:
        """Return by how much a source ends better than another, or (``""``) than random weights."""
        first, second = self.best(target, source), self.best(target, over)
        if first is None or second is None:
            return Estimate(math.nan)
        return self.counted(first).less(self.counted(second), "final")

    def improvement(self, target: str, source: str) -> Estimate:
        """Return 1 − e/e_scratch of a source, e the test error or 1 − AUC (as Liu et al. 2019, Table 2)."""
        group, scratch = self.best(target, source), self.best(target, "")
        return self._less(group, scratch) if group and scratch else Estimate(math.nan)

    def _less(self, group: SourceGroup, scratch: SourceGroup) -> Estimate:
        both = [self.counted(g).counts("final") for g in (group, scratch)]
        rows = [of.examples("final") for of in both]
        known = None if rows[0] is None or rows[1] is None else (1 - rows[0], 1 - rows[1])
        return reduction(1 - both[0].numbers("final"), 1 - both[1].numbers("final"), known)

    def matrix(self, what: Literal["final", "gain", "improvement"] = "final") -> pd.DataFrame:
        """Return means by source (rows; ``scratch`` last) and target (columns); nan where there are no runs."""
        import pandas as pd

        sources = [*self.sources, *([""] if any(not run.source for run in self.runs) else [])]
        values = [[getattr(self, what)(t, s).value for t in self.targets] for s in sources]
        return pd.DataFrame(values, index=[s or SCRATCH for s in sources], columns=list(self.targets))

    def frame(self) -> pd.DataFrame:
        """Return one row for each target, source and start: means with standard deviations and intervals.

        Columns against runs from scratch are absent where there are none.
        """
        import pandas as pd

        frame = pd.DataFrame(
            [
                self._row(group)
                for target in self.targets
                for source in (*self.sources, "")
                for group in self.groups(target, source)
            ]
        )
        gone = [c for c in frame.columns if c.startswith(("gain", "improvement"))]
        return frame if any(not run.source for run in self.runs) else frame.drop(columns=gone)

    def layer_frame(self) -> pd.DataFrame:
        """Return one row for each run and layer: its deviation (Liu et al. 2019, Fig. 8a)."""
        import pandas as pd

        rows = [
            {"target": r.target, "source": r.source or SCRATCH, "run": r.label, "layer": name, "deviation": value}
            for r in self.runs
            for name, value in zip(self.layers[r.target], r.deviation.tolist(), strict=True)
        ]
        return pd.DataFrame(rows)

    def _row(self, group: SourceGroup) -> dict[str, object]:
        finals, target = group.finals(), group.target
        scratch = self.best(target, "") if group.source else None
        of = self.counted(group)
        mean = of.mean("final")
        gain = of.less(self.counted(scratch), "final") if scratch else Estimate(math.nan)
        less = self._less(group, scratch) if scratch else Estimate(math.nan)
        total = group.deviations().sum(1)
        best = self.best(target, group.source)
        return {
            "target": target,
            "source": group.source or SCRATCH,
            "start": group.start,
            "lr": group.lr,
            "best_of_source": best is not None and (best.start, best.lr) == (group.start, group.lr),
            "metric": self.metric(target),
            "final": mean.value,
            "final_sd": float(np.std(finals, ddof=1)) if len(finals) > 1 else math.nan,
            "final_low": _or_nan(mean.low),
            "final_high": _or_nan(mean.high),
            "gain": gain.value,
            "gain_low": _or_nan(gain.low),
            "gain_high": _or_nan(gain.high),
            "improvement": less.value,
            "improvement_low": _or_nan(less.low),
            "improvement_high": _or_nan(less.high),
            "interval_over": mean.over,
            "deviation": float(total.mean()) if len(total) else math.nan,
            "deviation_sd": float(total.std(ddof=1)) if len(total) > 1 else math.nan,
            "seeds": len(group.healthy),
            "diverged": len(group.runs) - len(group.healthy),
        }


def source_choice(
    nets: Mapping[str, Network],
    runs: Sequence[Run],
    *,
    train_images: Mapping[str, int],
    test_images: Mapping[str, int],
    nearest_first: Sequence[str] | Mapping[str, Sequence[str]] = (),
    other_labels: Sequence[str] | Mapping[str, Sequence[str]] = (),
    controls: Mapping[str, str] | None = None,
    outcomes: Mapping[str, Sequence[np.ndarray | None]] | None = None,
    chance: Mapping[str, float] | None = None,
    witnesses: Mapping[str, Sequence[Witness]] | None = None,
) -> SourceChoice:
    """Compare pre-trainings by what they are worth on targets (Liu et al. 2019, §5.1, Fig. 8).

    Runs of role ``P-T`` say in ``source`` where their weights are from; ``RI-T`` are from scratch. Where some runs
    train the whole network and some the head only, the former are compared. What is like what nobody can see from the
    runs: the paper's claims about likeness are judged where ``nearest_first`` or ``other_labels`` say so.

    Args:
        nets: the network of each target.
        runs: on any targets, from any sources, with any seeds.
        train_images: number of training images of each target, the n of the deviation.
        test_images: number of test images of each target.
        nearest_first: two or more sources from the most to the least like the targets in their images, labels alike;
            by target where that differs.
        other_labels: sources like the targets in their images, but with labels of another nature (colours instead of
            objects); by target where that differs.
        controls: for sources that chose their images, the one that is alike but drew as many at random.
        outcomes: target → for each run on it, in their order, what each test image adds to the final metric
            (``probes.outcomes``); ``None`` for a run that diverged. Without them intervals are over networks only.
        chance: target → what the test metric is by chance.
        witnesses: target → what is wrong with its runs and their pre-trainings.

    Raises:
        UsageError: for no runs from a source, one that does not say from which, two runs of one target with one name,
            a target of which something was not given, or a source in the lists that there is not.
    """
    check_runs("source_choice", runs, nets=nets, train_images=train_images, test_images=test_images)
    kinds = [kind_of(run) for run in runs]
    kind = FINE_TUNED if FINE_TUNED in kinds else HEAD_ONLY
    if kind not in kinds:
        raise UsageError("source_choice: no run is fine-tuned from a source; give P-T runs, and RI-T to compare")
    done: list[SourceRun] = []
    layers: dict[str, tuple[str, ...]] = {}
    left_out: list[LeftOut] = []
    given = {target: iter(of) for target, of in (outcomes or {}).items()}
    rows: dict[str, list[np.ndarray | None]] = {}
    for run, what in zip(runs, kinds, strict=True):
        row = next(given[run.target], None) if run.target in given else None
        if what not in (kind, SCRATCH):
            why = "trains the head only" if what else "has an altered or unknown start, or keeps a random body"
            left_out.append(LeftOut(run.label, why, run.target))
            continue
        if what == kind and not run.source:
            raise UsageError(
                f"run {run.label!r} on {run.target} is P-T and does not say from which source; "
                "give it with dataclasses.replace(run, source='NAME')"
            )
        names, deviation = _deviation(nets[run.target], run, int(train_images[run.target]))
        layers[run.target] = names
        done.append(_read(run, "" if what == SCRATCH else run.source, deviation))
        rows.setdefault(run.target, []).append(row)
    there = {run.source for run in done if run.source}
    return SourceChoice(
        runs=tuple(done),
        kind=kind,
        layers=layers,
        train_images={t: int(train_images[t]) for t in layers},
        test_images={t: int(test_images[t]) for t in layers},
        nearest_first=_told("nearest_first", nearest_first, layers, there),
        other_labels=_told("other_labels", other_labels, layers, there),
        left_out=tuple(left_out),
        outcomes={
            target: kept
            for target, of in rows.items()
            if (kept := packed(len(of), of, int(test_images[target]), f"outcomes on {target}")) is not None
        },
        chance=dict(chance or {}),
        controls={name: other for name, other in (controls or {}).items() if {name, other} <= there},
        witnesses={target: tuple(of) for target, of in (witnesses or {}).items()},
    )


def _told(
    argument: str,
    given: Sequence[str] | Mapping[str, Sequence[str]],
    targets: Collection[str],
    sources: Collection[str],
) -> dict[str, tuple[str, ...]]:
    """Sources by target, checked."""
    by_target = given if isinstance(given, Mapping) else dict.fromkeys(targets, given) if given else {}
    for target, names in by_target.items():
        if target not in targets:
            raise UsageError(f"{argument}: no run is on {target!r}{nearest(target, targets)}")
        for name in names:
            if name not in sources:
                raise UsageError(f"{argument}: no run is from {name!r}{nearest(name, sources)}")
    return {target: tuple(dict.fromkeys(names)) for target, names in by_target.items()}


def _deviation(net: Network, run: Run, examples: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Layers and how far each went; nan for a diverged run."""
    params = net.params() if run.diverged else run.final.params
    found = deviation_by_layer(net, params, params if run.diverged else run.start.params, examples)
    values = np.array(list(found.values()), dtype=np.float64)
    return tuple(found), values * math.nan if run.diverged else values


def _read(run: Run, source: str, deviation: np.ndarray) -> SourceRun:
    return SourceRun(
        label=run.label,
        target=run.target,
        source=source,
        start=told_start(run),
        seed=run.seed,
        lr=run.lr,
        ended=run.ended,
        metric=run.metric,
        final=run.final_metric(),
        deviation=deviation,
        val=run.final_metric("val"),
    )


def _or_nan(x: float | None) -> float:
    return math.nan if x is None else x
