"""Can one start from less than pre-trained weights, from noise around them, or average parallel runs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack, get_args

import numpy as np
import torch

from ...data.imageset import ImageSplits
from ...errors import UsageError, nearest
from ...evidence.contrast import contrast, mean
from ...evidence.estimate import Estimate
from ...evidence.guard import Witness, chance_of
from ...evidence.left_out import LeftOut
from ...evidence.peaks import Peak, excess, kind_peak, peak
from ...models.network import Network
from ...probes.evaluate import EngineOptions, How
from ...probes.evaluation import check_options
from ...probes.predictions import predictions
from ...progress import Progress, silent
from ...train.run import Run
from .._counted import Counted, accuracy_by_chance
from .._path_evidence import sample_of
from ..barrier.measure import Barrier, BarrierPath, barrier
from ..result import Result
from .diversity import apart
from .groups import Counts, Kind, VariantGroup, VariantRun, group_of
from .joined import pairs_to

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "VariantGroup", "VariantRun", "Variants", "variants"]


@dataclass(frozen=True, eq=False)
class Variants(Result):
    """Runs from altered starts, or averaged, against plain fine-tuning and training from scratch.

    Intervals of the final metric, barriers and mistakes are over networks and test images, those of speed over
    networks. With fewer than three networks of a start they are over these test images, and speed has none. An
    ensemble is one predictor: its intervals are over test images. A run that diverged counts as chance in metric and
    speed and has no part in the rest; one that learned nothing has no part in barriers and mistakes.

    A difference to the reference that is smaller than ``threshold`` is described as none; the claim has a margin of
    its own. Where the reference itself has learned nothing there is nothing to lose, and nothing is judged.

    Attributes:
        groups: the runs by start, the reference first, then the variants, scratch last.
        reference: name of the start of plain fine-tuning.
        scratch: name of the start from random weights, empty where there is none.
        target: the task.
        metric: ``accuracy``, or ``auc`` for multi-label.
        images: name of the test set.
        n: its number of images.
        chance: the metric of a network that always names the most frequent class; 0.5 of an AUC.
        weights: which weights of the runs: ``final`` or ``best``.
        threshold: of a barrier, and of a difference in the metric, up to which there is none to speak of.
        resamples: bootstrap resamples of every band over images.
        same_seed: starts whose runs share the seed with every reference run they are joined with, for want of others.
        lines: between the runs of every start and those of the reference; ``None`` when there are no two.
        speed_chance: the training accuracy of always giving the most frequent answer; ``None`` where not known.
        left_out: networks that have no part in barriers and mistakes, and pairs that could not be joined.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "variants"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, §5",)

    groups: tuple[VariantGroup, ...]
    reference: str
    scratch: str
    target: str
    metric: Literal["accuracy", "auc"]
    images: str
    n: int
    chance: float
    weights: str
    threshold: float
    resamples: int
    same_seed: tuple[str, ...]
    lines: Barrier | None
    speed_chance: float | None = None
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    @property
    def how(self) -> How | None:
        """How the points on the lines were computed; ``None`` without lines."""
        return self.lines.how if self.lines else None

    def group(self, start: str) -> VariantGroup:
        """Return the runs from a start.

        Raises:
            UsageError: when there is no such start.
        """
        for group in self.groups:
            if group.start == start:
                return group
        raise UsageError(f"no runs from a start {start!r}{nearest(start, [g.start for g in self.groups])}")

    def counted(self, start: str) -> Counted[Counts]:
        """Return the runs from a start as claims count them: one that failed has what chance has."""
        return self.group(start).counted(self.chance, self.speed_chance)

    def final(self, start: str) -> Estimate:
        """Return the mean metric of the runs from a start; a diverged run counts as chance."""
        return self.counted(start).mean("final")

    def final_over(self, start: str, other: str) -> Estimate:
        """Return by how much the mean metric from one start exceeds that from another."""
        return self.counted(start).less(self.counted(other), "final")

    @property
    def learned(self) -> bool:
        """Whether the reference is better than naming the most frequent class, by its interval."""
        low = self.final(self.reference).low
        return low is not None and low > self.chance

    def judged_by(self) -> tuple[Witness, ...]:
        """Return what a judge is to know: the plain fine-tuned runs, and the pre-trainings."""
        known = {w.label: w.unfit for w in self.witnesses if w.role != "P"}
        plain = [
            Witness(run.label, "P-T", known.get(run.label) or run.unfit) for run in self.group(self.reference).runs
        ]
        return (*plain, *(w for w in self.witnesses if w.role == "P"))

    def speed(self, start: str) -> Estimate:
        """Return the mean optimisation speed of the runs from a start; a diverged run counts as chance."""
        return self.counted(start).mean("speed")

    def speed_over(self, start: str, other: str) -> Estimate:
        """Return by how much the mean speed from one start exceeds that from another."""
        return self.counted(start).less(self.counted(other), "speed")

    def paths(self, start: str) -> tuple[BarrierPath, ...]:
        """Return the lines between the runs from a start and those of the reference that learned something."""
        ends = [{g.members[i] for i in g.compared} for g in map(self.group, (start, self.reference))]
        joined = [(p, {p.path.a}, {p.path.b}) for p in self.lines.paths] if self.lines else []
        return tuple(p for p, a, b in joined if (a <= ends[0] and b <= ends[1]) or (b <= ends[0] and a <= ends[1]))

    def heights(self, start: str, definition: Literal["entezari", "frankle"] = "entezari") -> list[float]:
        """Return the height of error (1 − AUC) on each line to the reference, as the papers define it."""
        metric = "auc" if self.metric == "auc" else "error"
        return [p.height(self.images, metric, definition).height for p in self.paths(start)]

    def barrier(self, start: str, definition: Literal["entezari", "frankle"] = "entezari") -> Estimate:
        """Return the mean of the heights; each is the largest of many numbers, so that it has no interval."""
        heights = self.heights(start, definition)
        return Estimate(float(np.mean(heights)) if heights else float("nan"))

    def rise(self, start: str) -> Peak | None:
        """Return how far the error rises on the lines to the reference at a λ chosen on other images.

        Over networks and images; of one pair over images. ``None`` where there is no pair.
        """
        paths = [(p, sample) for p in self.paths(start) if (sample := sample_of(p, self.images)) is not None]
        if not paths:
            return None
        rises = [excess(sample.each(), p.path.lambdas) for p, sample in paths]
        if len(rises) == 1:
            return peak(rises[0])
        kinds = {label: g.start for g in map(self.group, (start, self.reference)) for label in g.members}
        return kind_peak(rises, [(p.path.a, p.path.b) for p, _ in paths], kinds)

    def disagreement(self, start: str, other: str = "") -> Estimate:
        """Return the share of answers on which exactly one of two members is right, or how much more it is."""
        return apart("disagreement", self.group(start), self.group(other) if other else None)

    def uncommon(self, start: str, other: str = "") -> Estimate:
        """Return the share of the mistakes of two members that only one makes, or how much more it is.

        Σ(g1 + g2)/Σ(g1 + g2 + 2·common) over all pairs of members: r1 and r2 of shared mistakes, each
        weighted by its mistakes.
        """
        return apart("uncommon", self.group(start), self.group(other) if other else None)

    def ensemble(self, start: str, members: int | None = None) -> Estimate:
        """Return the metric of the mean of the logits of the first members (default: all), over test images."""
        row = self._ensemble(start, members)
        return Estimate(float("nan")) if row is None else mean(row.mean(1), row)

    def ensemble_over(self, start: str, other: str, members: int) -> Estimate:
        """Return by how much an ensemble of so many from one start exceeds one of as many from another."""
        first, second = self._ensemble(start, members), self._ensemble(other, members)
        if first is None or second is None:
            return Estimate(float("nan"))
        return contrast(first.mean(1), second.mean(1), (first, second))

    def ensemble_gain(self, start: str) -> Estimate:
        """Return by how much the ensemble of all members exceeds the mean of its members, over test images."""
        row = self._ensemble(start, None)
        if row is None or len(self.group(start).members) < 2:
            return Estimate(float("nan"))
        gain = row - self.group(start).scores.mean(0)
        return mean(gain.mean(1), gain)

    def _ensemble(self, start: str, members: int | None) -> np.ndarray | None:
        """What each test image adds to the metric of an ensemble, ``(1, images)``; ``None`` for too few members."""
        group = self.group(start)
        m = len(group.members) if members is None else members
        return group.ensembles[m - 1 : m] if 1 <= m <= len(group.members) else None

    def frame(self) -> pd.DataFrame:
        """Return one row a start: metric, speed, barrier to the reference, diversity, ensemble, with intervals."""
        import pandas as pd

        plain = {self.reference: "reference", self.scratch: "scratch"}
        nan, rows = float("nan"), []
        for group in self.groups:
            name = group.start
            row: dict[str, object] = {
                "start": name,
                "what": ", ".join(group.kinds) or plain.get(name, ""),
                "seeds": len(group.members),
                "diverged": sum(run.ended != "finished" for run in group.runs),
            }
            final = self.final(name)
            row |= _cells("final", final) | {"final_over": final.over}
            gap = self.final_over(name, self.reference) if name != self.reference else Estimate(nan)
            row |= _cells("over_reference", gap)
            row |= _cells("speed", self.speed(name))
            heights, rise = self.heights(name), self.rise(name)
            row |= {"pairs_to_reference": len(heights), "barrier": self.barrier(name).value}
            row |= {"barrier_least": min(heights, default=nan), "barrier_most": max(heights, default=nan)}
            row |= {"barrier_frankle": self.barrier(name, "frankle").value}
            row |= _cells("rise", rise.height if rise else Estimate(nan))
            row |= _cells("disagreement", self.disagreement(name)) | _cells("uncommon", self.uncommon(name))
            rows.append(row | _cells("ensemble", self.ensemble(name)))
        return pd.DataFrame(rows)

    def run_frame(self) -> pd.DataFrame:
        """Return one row a run."""
        import pandas as pd

        rows = []
        for group in self.groups:
            finals = dict(zip(group.members, group.finals, strict=True))
            healthy = iter(group.members)
            for run in group.runs:
                final = finals[next(healthy)] if run.ended == "finished" else float("nan")
                rows.append({"start": group.start, "run": run.label, "seed": run.seed, "ended": run.ended,
                             "final": final, "speed": run.speed})  # fmt: skip
        return pd.DataFrame(rows)


def variants(
    net: Network,
    groups: Mapping[str, Sequence[Run]],
    images: ImageSplits,
    *,
    reference: str = "P-T",
    scratch: str | None = "RI-T",
    kinds: Mapping[str, Sequence[Kind]] | None = None,
    weights: Literal["final", "best"] = "final",
    points: int = 11,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Variants:
    """Compare runs from altered starts with plain fine-tuning (Neyshabur et al. 2020, §5).

    Each run is joined with every reference run of another seed (of the same, where there is no other) by a straight
    line, as in :func:`~transferscope.questions.barrier.measure.barrier`.

    Args:
        net: the network of all.
        groups: runs on one target by the name of their start, seeds of one start together.
        images: of the target; evaluated is the test part, and batch norm is recalibrated on the training part unless
            ``recalibrate_on`` names others.
        reference: key of plain fine-tuning.
        scratch: key of the runs from random weights; ``None``, or a key that is not there, for none.
        kinds: what was done to the starts, by key; those that are not named are only called by their names.
        weights: which weights of each run.
        points: λ on each line, both ends included.
        threshold: height of error (or 1 − AUC), and difference to the reference, up to which there is none to speak
            of.
        resamples: bootstrap resamples over images.
        seed: of the resamples of heights.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told how many runs and then points are done.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when the reference is not there or nothing is to be compared with it, runs are of several targets
            or not named apart, or kinds or options are not known.
        ModelError: when the network has another number of outputs than there are classes.
    """
    check_options(options, variants)
    if reference not in groups:
        raise UsageError(f"reference {reference!r}{nearest(reference, groups)}")
    scratch = scratch if scratch in groups else None
    given = kinds or {}
    _check(groups, reference, given)
    altered = [name for name in groups if name not in (reference, scratch)]
    order = [reference, *altered, *([scratch] if scratch else [])]
    ends = {name: [getattr(run, weights) for run in groups[name] if not run.diverged] for name in order}
    test, device = images.test, options.get("device", "auto")
    metric: Literal["accuracy", "auc"] = "auc" if test.multilabel else "accuracy"
    total, chance = sum(map(len, ends.values())), chance_of(test)
    found: list[VariantGroup] = []
    done = 0
    for name in order:
        logits = []
        for end in ends[name]:
            logits.append(torch.from_numpy(predictions(net, end.params, test, device=device)))
            progress(done := done + 1, total, "networks")
        of = tuple(given.get(name, ()))
        found.append(group_of(name, of, groups[name], ends[name], logits, test, metric, chance))
    pairs, same_seed = pairs_to(reference, groups, ends, order)
    if options.get("recalibrate_on") is None:
        options["recalibrate_on"] = images.train
    lines = None
    if pairs:
        lines = barrier(
            net, pairs, {test.name: test}, lambdas=points, threshold=threshold, resamples=resamples, seed=seed,
            progress=progress, **options,
        )  # fmt: skip
    target = next(run.target for runs in groups.values() for run in runs)
    return Variants(
        groups=tuple(found),
        reference=reference,
        scratch=scratch or "",
        target=target,
        metric=metric,
        images=test.name,
        n=len(test),
        chance=chance,
        weights=weights,
        threshold=threshold,
        resamples=resamples,
        same_seed=same_seed,
        lines=lines,
        speed_chance=accuracy_by_chance(images.train) if len(images.train) else None,
        left_out=_left_out(found, lines, target),
        witnesses=tuple(witnesses),
    )


def _left_out(groups: Sequence[VariantGroup], lines: Barrier | None, target: str) -> tuple[LeftOut, ...]:
    """Networks that learned nothing where others of their start did, and pairs that could not be joined."""
    left = [
        LeftOut(run.label, run.unfit, target)
        for group in groups
        for i, run in enumerate(group.finished)
        if i not in group.compared
    ]
    of = {run.label for group in groups for run in group.runs}
    return (*left, *(one for one in lines.left_out if one.subject not in of)) if lines else tuple(left)


def _check(groups: Mapping[str, Sequence[Run]], reference: str, kinds: Mapping[str, Sequence[Kind]]) -> None:
    if len(groups) < 2:
        raise UsageError(f"nothing to compare with {reference!r}; give the runs of another start as well")
    for name, runs in groups.items():
        if not runs:
            raise UsageError(f"no runs from the start {name!r}; give at least one, or leave it out")
    labels: set[str] = set()
    targets = {run.target for runs in groups.values() for run in runs}
    if len(targets) > 1:
        raise UsageError(f"runs on several targets: {', '.join(sorted(targets))}; ask about one at a time")
    for run in (run for runs in groups.values() for run in runs):
        if run.label in labels:
            raise UsageError(f"two runs are called {run.label!r}; give each a label of its own")
        labels.add(run.label)
    for name, of in kinds.items():
        if name not in groups:
            raise UsageError(f"kinds: no runs from a start {name!r}{nearest(name, groups)}")
        for kind in of:
            if kind not in get_args(Kind):
                raise UsageError(f"kinds of {name!r}: {kind!r}{nearest(kind, get_args(Kind))}")


def _cells(name: str, found: Estimate) -> dict[str, object]:
    nan = float("nan")
    low, high = (nan if x is None else x for x in (found.low, found.high))
    return {name: found.value, f"{name}_low": low, f"{name}_high": high}
