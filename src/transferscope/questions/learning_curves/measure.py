"""What does starting from pre-trained weights buy: a better end, or a faster way there?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ...errors import UsageError
from ...evidence.contrast import mean
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness
from ...train.run import Run
from .._counted import Counted, packed
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Counts", "Curve", "CurveGroup", "LearningCurves", "Outcomes", "learning_curves"]


@dataclass(frozen=True, eq=False)
class Curve:
    """One run, epoch by epoch.

    Attributes:
        label: the run.
        role: ``P-T``, ``RI-T`` or empty.
        target: the task it was trained on.
        seed: its seed.
        lr: its base learning rate per 256 images.
        ended: ``finished`` or ``diverged at step s``.
        epochs: number of epochs trained at each evaluation, ``(e,)``.
        metrics: evaluations in eval mode by name (``train_accuracy``, ``test_loss``, …), ``(e,)`` each.
        speed: mean over epochs of the training accuracy (Neyshabur et al. 2020, Fig. 3, right); nan for a diverged
            run.
        best_epoch: epoch of the best weights, ``None`` when there are none.
        chosen_by: what they are best at, e.g. ``val_accuracy``; ``last`` where there is no validation part.
    """

    label: str
    role: str
    target: str
    seed: int
    lr: float
    ended: str
    epochs: np.ndarray
    metrics: dict[str, np.ndarray]
    speed: float
    best_epoch: int | None
    chosen_by: str

    @property
    def diverged(self) -> bool:
        """Whether training ended because a number was not finite."""
        return self.ended != "finished"

    @property
    def metric(self) -> str:
        """What counts at the end: ``auc`` where it was measured, else ``accuracy``."""
        return "auc" if "test_auc" in self.metrics else "accuracy"

    def final(self, name: str | None = None) -> float:
        """Return a metric (default: the test metric that counts) after the last epoch; nan for a diverged run."""
        values = self.metrics.get(name or f"test_{self.metric}", np.zeros(0))
        return math.nan if self.diverged or not len(values) else float(values[-1])

    def best(self) -> float:
        """Return the test metric at the epoch of the best weights; nan where there are none."""
        at = np.flatnonzero(self.epochs == (-1 if self.best_epoch is None else self.best_epoch))
        return float(self._test()[at[0]]) if len(at) else math.nan

    def epochs_to(self, level: float) -> float:
        """Return the first epoch at which the test metric is at least ``level``; infinite when it never is."""
        reached = np.flatnonzero(self._test() >= level)
        return float(self.epochs[reached[0]]) if len(reached) else math.inf

    def _test(self) -> np.ndarray:
        return self.metrics.get(f"test_{self.metric}", np.zeros(len(self.epochs)))


@dataclass(frozen=True, eq=False)
class CurveGroup:
    """Runs that differ in nothing but the seed.

    Attributes:
        target: the task.
        role: their start.
        lr: their learning rate.
        curves: the runs.
    """

    target: str
    role: str
    lr: float
    curves: tuple[Curve, ...]

    @property
    def healthy(self) -> tuple[Curve, ...]:
        """The runs that did not diverge."""
        return tuple(c for c in self.curves if not c.diverged)

    def mean(self, what: Literal["final", "best", "speed"]) -> Estimate:
        """Return a number over networks, diverged runs left out; nan where all diverged."""
        values = [c.speed if what == "speed" else getattr(c, what)() for c in self.healthy]
        return mean(values) if values else Estimate(math.nan)

    def spread(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return epochs, mean and standard deviation over seeds of a metric, at epochs that all healthy runs have."""
        runs = [c for c in self.healthy or self.curves if name in c.metrics]
        if not runs:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        epochs = sorted(set.intersection(*(set(c.epochs.tolist()) for c in runs)))
        values = np.array([c.metrics[name][np.isin(c.epochs, epochs)] for c in runs])
        deviation = values.std(0, ddof=1) if len(runs) > 1 else np.zeros(len(epochs))
        return np.array(epochs), values.mean(0), deviation


@dataclass(frozen=True)
class Counts:
    """A run as claims about metric and speed count it (see :mod:`transferscope.questions._counted`)."""

    seed: int
    final: float
    speed: float
    val: float
    ended: str


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What each test image of a target adds to the metric of each run on it, ``(runs, images)``.

    Attributes:
        final: of the final weights; ``None`` where not known.
        best: of the weights that are best on validation images.
        loss: to the test loss of the final weights, in nats; for targets whose metric is the AUC.
    """

    final: np.ndarray | None = None
    best: np.ndarray | None = None
    loss: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class LearningCurves(Result):
    """Learning curves of runs, and what they come to.

    Attributes:
        curves: the runs, diverged ones among them.
        levels: by target, the values of the test metric for which the epochs to reach them are given.
        outcomes: by target, what each test image adds to the metric of each run, in the order of the runs.
        chance: by target, what the test metric is by chance.
        speed_chance: by target, what the training accuracy is by chance.
        xray: targets that stand for chest X-rays.
        witnesses: by target, what is wrong with runs and pre-trainings.
    """

    question: ClassVar[str] = "learning_curves"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.1",
        "Neyshabur et al. 2020, Fig. 2",
        "Neyshabur et al. 2020, B.1",
    )

    curves: tuple[Curve, ...]
    levels: dict[str, tuple[float, ...]]
    outcomes: dict[str, Outcomes] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)
    speed_chance: dict[str, float] = field(default_factory=dict)
    xray: tuple[str, ...] = ()
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)

    def counted(self, group: CurveGroup, of: Literal["final", "loss"] = "final") -> Counted[Counts]:
        """Return the runs of a group as claims count them: one that failed has what chance has.

        Args:
            group: the runs.
            of: the metric at the end, or the test loss, which no failed run has.
        """
        known = self.outcomes.get(group.target, Outcomes())
        rows = known.loss if of == "loss" else known.final
        there = [c for c in self.curves if c.target == group.target]
        at = [there.index(c) for c in group.curves]
        finals = [c.final("test_loss" if of == "loss" else None) for c in group.curves]
        runs = tuple(
            Counts(c.seed, final, c.speed, c.final(f"val_{c.metric}"), c.ended)
            for c, final in zip(group.curves, finals, strict=True)
        )
        chance = None if of == "loss" else self.chance.get(group.target)
        return Counted(runs, None if rows is None else rows[at], chance, self.speed_chance.get(group.target))

    @property
    def targets(self) -> tuple[str, ...]:
        """The tasks, in the order of the runs."""
        return tuple(dict.fromkeys(c.target for c in self.curves))

    def groups(self, target: str | None = None) -> tuple[CurveGroup, ...]:
        """Return the runs by target, start and learning rate."""
        found: dict[tuple[str, str, float], list[Curve]] = {}
        for curve in self.curves:
            if target is None or curve.target == target:
                found.setdefault((curve.target, curve.role or curve.label, curve.lr), []).append(curve)
        return tuple(CurveGroup(*key, tuple(of)) for key, of in found.items())

    def frame(self) -> pd.DataFrame:
        """Return one row a run: how it ended, its final and best metric, speed, and epochs to reach each level."""
        import pandas as pd

        rows = []
        for c in self.curves:
            row: dict[str, object] = {
                "target": c.target,
                "run": c.label,
                "role": c.role,
                "lr": c.lr,
                "seed": c.seed,
                "ended": c.ended,
                "epochs": int(c.epochs[-1]) if len(c.epochs) else 0,
                "metric": c.metric,
                "final": c.final(),
                "best": c.best(),
                "best_by": c.chosen_by,
                "final_train_accuracy": c.final("train_accuracy"),
                "speed": c.speed,
            }
            for level in self.levels.get(c.target, ()):
                row[f"epochs_to_{level:g}"] = c.epochs_to(level)
            rows.append(row)
        return pd.DataFrame(rows)

    def summary(self) -> pd.DataFrame:
        """Return one row for each target, start and learning rate: means over seeds with 95 % intervals."""
        import pandas as pd

        rows = []
        for group in self.groups():
            row: dict[str, object] = {"target": group.target, "role": group.role, "lr": group.lr}
            for what in ("final", "best", "speed"):
                m = group.mean(what)
                low, high = (math.nan if end is None else end for end in (m.low, m.high))
                row |= {what: m.value, f"{what}_low": low, f"{what}_high": high}
            rows.append(row | {"seeds": len(group.healthy), "diverged": len(group.curves) - len(group.healthy)})
        return pd.DataFrame(rows)

    def curve_frame(self) -> pd.DataFrame:
        """Return one row an evaluation: run, epoch and every metric."""
        import pandas as pd

        frames = [
            pd.DataFrame(
                {"target": c.target, "run": c.label, "role": c.role, "lr": c.lr, "epoch": c.epochs} | c.metrics
            )
            for c in self.curves
        ]
        return pd.concat(frames, ignore_index=True)


def learning_curves(
    runs: Sequence[Run],
    *,
    levels: Sequence[float] = (),
    outcomes: Mapping[str, Mapping[str, Sequence[np.ndarray | None]]] | None = None,
    chance: Mapping[str, float] | None = None,
    speed_chance: Mapping[str, float] | None = None,
    xray: Sequence[str] = (),
    witnesses: Mapping[str, Sequence[Witness]] | None = None,
) -> LearningCurves:
    """Compare runs epoch by epoch (Neyshabur et al. 2020, §3.1, Fig. 2 and B.1).

    Args:
        runs: finished or diverged runs, of any targets, starts, learning rates and seeds.
        levels: values of the test metric, in 0…1, for which to give the epochs needed; by default 50, 75 and 90 % of
            the best mean final value of each target.
        outcomes: target → ``final``, ``best``, ``loss`` → for each run on the target, in their order, what each test
            image adds to the metric (``probes.outcomes``); ``None`` for a run without such weights. Without them
            intervals are over networks only.
        chance: target → what the test metric is by chance; a failed run then counts as chance.
        speed_chance: target → what the training accuracy is by chance.
        xray: targets that stand for chest X-rays, which two claims are about; by default those whose metric is the
            AUC.
        witnesses: target → what is wrong with its runs and their pre-trainings.

    Raises:
        UsageError: for no runs, two runs of one target with one name, or outcomes that do not fit.
    """
    if not runs:
        raise UsageError("learning curves of no runs; give at least one")
    curves = tuple(_curve(run) for run in runs)
    seen: set[tuple[str, str]] = set()
    for c in curves:
        if (c.target, c.label) in seen:
            raise UsageError(f"two runs on {c.target} are called {c.label!r}; give each a label of its own")
        seen.add((c.target, c.label))
    targets = tuple(dict.fromkeys(c.target for c in curves))
    more = LearningCurves(
        curves,
        {target: tuple(levels) for target in targets},
        {target: _outcomes(target, curves, given) for target, given in (outcomes or {}).items()},
        dict(chance or {}),
        dict(speed_chance or {}),
        tuple(xray) or tuple(t for t in targets if any(c.metric == "auc" for c in curves if c.target == t)),
        {target: tuple(of) for target, of in (witnesses or {}).items()},
    )
    return more if levels else replace(more, levels={target: _levels(more.groups(target)) for target in targets})


def _outcomes(target: str, curves: Sequence[Curve], given: Mapping[str, Sequence[np.ndarray | None]]) -> Outcomes:
    runs = sum(c.target == target for c in curves)
    found = {}
    for name, rows in given.items():
        images = next((len(row) for row in rows if row is not None), 0)
        found[name] = packed(runs, rows, images, f"{name} outcomes on {target}")
    return Outcomes(**found)


def _levels(groups: Sequence[CurveGroup]) -> tuple[float, ...]:
    finals = [m for group in groups if math.isfinite(m := group.mean("final").value)]
    return tuple(round(share * max(finals), 2) for share in (0.5, 0.75, 0.9)) if finals else ()


def _curve(run: Run) -> Curve:
    names = [name for name in run.epochs if name not in ("epoch", "step")]
    return Curve(
        label=run.label,
        role=run.role,
        target=run.target,
        seed=run.seed,
        lr=run.lr,
        ended=run.ended,
        epochs=np.asarray(run.epochs["epoch"], dtype=np.int64),
        metrics={name: np.asarray(run.epochs[name], dtype=np.float64) for name in names},
        speed=run.optimisation_speed(),
        best_epoch=run.best_epoch,
        chosen_by=run.chosen_by,
    )
