"""Can one start from less than pre-trained weights, from noise around them, or average parallel runs?  Row F16."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar, Literal, Unpack, get_args

import numpy as np
import torch

from ...data.imageset import ImageSplits
from ...errors import UsageError, nearest
from ...models.network import Network
from ...models.solution import Solution
from ...probes.evaluate import EngineOptions
from ...probes.predictions import predictions
from ...progress import Progress, silent
from ...train.run import Run
from .._chance import chance_of
from .._estimates import Estimate, difference, estimate
from ..barrier.measure import Barrier, BarrierPath, barriers
from ..result import Result
from .groups import Kind, VariantGroup, VariantRun, group_of
from .test_images import Sample

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Kind", "VariantGroup", "VariantRun", "Variants", "variants"]


@dataclass(frozen=True, eq=False)
class Variants(Result):
    """Runs from altered starts, or averaged, against plain fine-tuning and training from scratch.

    Intervals of final metric and speed are over seeds (t) where both sides have three runs or more. With fewer, those
    of the metric are over test images, and speed has none. Barriers, disagreement and ensembles resample test images
    always: pairs of the same few runs are not independent.

    A difference to the reference that is smaller than ``threshold`` counts as none. Where the reference itself has
    not clearly learned anything there is nothing to lose, and nothing is judged.

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
        resamples: bootstrap resamples of every interval over images.
        same_seed: starts whose runs share the seed with every reference run they are joined with, for want of others.
        lines: between the runs of every start and those of the reference; ``None`` when there are no two.
    """

    question: ClassVar[str] = "variants"
    cites: ClassVar[tuple[str, ...]] = ("F16", "000 §5")

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

    def group(self, start: str) -> VariantGroup:
        """Return the runs from a start.

        Raises:
            UsageError: when there is no such start.
        """
        for group in self.groups:
            if group.start == start:
                return group
        raise UsageError(f"no runs from a start {start!r}{nearest(start, [g.start for g in self.groups])}")

    def final(self, start: str) -> Estimate:
        """Return the mean metric of the runs from a start."""
        group = self.group(start)
        found = estimate(group.finals, self.n if self.metric == "accuracy" else None)
        return found if found.over or not group.members else self._sample.final(group)

    def final_over(self, start: str, other: str) -> Estimate:
        """Return by how much the mean metric from one start exceeds that from another."""
        first, second = self.group(start), self.group(other)
        found = difference(first.finals, second.finals)
        return found if found.over or not (first.members and second.members) else self._sample.final(first, second)

    @property
    def learned(self) -> bool:
        """Whether the reference is better than naming the most frequent class, by its interval."""
        low = self.final(self.reference).low
        return low is not None and low > self.chance

    def speed(self, start: str) -> Estimate:
        """Return the mean optimisation speed of the runs from a start."""
        return estimate(self.group(start).speeds)

    def speed_over(self, start: str, other: str) -> Estimate:
        """Return by how much the mean speed from one start exceeds that from another."""
        return difference(self.group(start).speeds, self.group(other).speeds)

    def paths(self, start: str) -> tuple[BarrierPath, ...]:
        """Return the lines between the runs from a start and those of the reference."""
        ends = set(self.group(start).members), set(self.group(self.reference).members)
        joined = [(p, {p.path.a}, {p.path.b}) for p in self.lines.paths] if self.lines else []
        return tuple(p for p, a, b in joined if (a <= ends[0] and b <= ends[1]) or (b <= ends[0] and a <= ends[1]))

    def barrier(self, start: str, definition: Literal["entezari", "frankle"] = "entezari") -> Estimate:
        """Return the mean height of error (1 − AUC) over the lines to the reference, with the hull of intervals."""
        metric = "auc" if self.metric == "auc" else "error"
        heights = [p.height(self.images, metric, definition) for p in self.paths(start)]
        if not heights or not np.isfinite(mean := float(np.mean([h.height for h in heights]))):
            return Estimate(float("nan"))
        return Estimate(mean, min(h.low for h in heights), max(h.high for h in heights), "test images")

    def disagreement(self, start: str, other: str = "") -> Estimate:
        """Return the share of answers on which exactly one of two members is right, or how much more it is."""
        return self._sample.disagreement(self.group(start), self.group(other) if other else None)

    def uncommon(self, start: str, other: str = "") -> Estimate:
        """Return the share of the mistakes of two members that only one makes, or how much more it is.

        Σ(g1 + g2)/Σ(g1 + g2 + 2·common) over all pairs of members: F4's r1 and r2, each weighted by its mistakes.
        """
        return self._sample.uncommon(self.group(start), self.group(other) if other else None)

    def ensemble(self, start: str, members: int | None = None) -> Estimate:
        """Return the metric of the mean of the logits of the first members (default: all)."""
        group = self.group(start)
        return self._sample.ensemble(group, members or len(group.members))

    def ensemble_over(self, start: str, other: str, members: int) -> Estimate:
        """Return by how much an ensemble of so many from one start exceeds one of as many from another."""
        return self._sample.ensemble(self.group(start), members, self.group(other))

    def ensemble_gain(self, start: str) -> Estimate:
        """Return by how much the ensemble of all members exceeds the mean of its members."""
        return self._sample.gain(self.group(start))

    def frame(self) -> pd.DataFrame:
        """Return one row a start: metric, speed, barrier to the reference, diversity, ensemble, with intervals."""
        import pandas as pd

        plain = {self.reference: "reference", self.scratch: "scratch"}
        rows = []
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
            gap = self.final_over(name, self.reference) if name != self.reference else Estimate(float("nan"))
            row |= _cells("over_reference", gap)
            row |= _cells("speed", self.speed(name))
            row |= {"pairs_to_reference": len(self.paths(name))} | _cells("barrier", self.barrier(name))
            row |= {"barrier_frankle": self.barrier(name, "frankle").value}
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

    @cached_property
    def _sample(self) -> Sample:
        return Sample(self.groups, self.resamples)


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
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> Variants:
    """Compare runs from altered starts with plain fine-tuning (F16; what 000 §5 proposes to try next).

    Each run is joined with every reference run of another seed (of the same, where there is no other) by a straight
    line, as in :func:`~transferscope.questions.barrier.measure.barriers`.

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
        progress: told how many runs and then points are done.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when the reference is not there or nothing is to be compared with it, runs are of several targets
            or not named apart, or kinds are not known.
        ModelError: when the network has another number of outputs than there are classes.
    """
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
    total = sum(map(len, ends.values()))
    found: list[VariantGroup] = []
    done = 0
    for name in order:
        logits = []
        for end in ends[name]:
            logits.append(torch.from_numpy(predictions(net, end.params, test, device=device)))
            progress(done := done + 1, total, "networks")
        found.append(group_of(name, tuple(given.get(name, ())), groups[name], ends[name], logits, test, metric))
    pairs, same_seed = _pairs(groups, ends, order, reference)
    if options.get("recalibrate_on") is None:
        options["recalibrate_on"] = images.train
    lines = None
    if pairs:
        lines = barriers(
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
        chance=chance_of(test),
        weights=weights,
        threshold=threshold,
        resamples=resamples,
        same_seed=same_seed,
        lines=lines,
    )


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


def _pairs(
    groups: Mapping[str, Sequence[Run]], ends: Mapping[str, Sequence[Solution]], order: Sequence[str], reference: str
) -> tuple[list[tuple[Solution, Solution]], tuple[str, ...]]:
    """Which networks are joined, and the starts of which only runs of the same seed could be.

    Runs of the same seed share head and data order, which two P-T never do: such pairs would look closer.
    """
    seeds = {name: [run.seed for run in groups[name] if not run.diverged] for name in order}
    pairs: list[tuple[Solution, Solution]] = list(combinations(ends[reference], 2))
    same = []
    for name in order:
        if name == reference:
            continue
        both = [
            (a, b, s != t)
            for a, s in zip(ends[reference], seeds[reference], strict=True)
            for b, t in zip(ends[name], seeds[name], strict=True)
        ]
        if both and not any(other for *_, other in both):
            same.append(name)
            both = [(a, b, True) for a, b, _ in both]
        pairs += [(a, b) for a, b, other in both if other]
    return pairs, tuple(same)


def _cells(name: str, found: Estimate) -> dict[str, object]:
    nan = float("nan")
    low, high = (nan if x is None else x for x in (found.low, found.high))
    return {name: found.value, f"{name}_low": low, f"{name}_high": high}
