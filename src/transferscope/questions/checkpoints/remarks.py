"""What is said of checkpoints beside the claims: chance, the source, training from scratch, what is left out."""

from __future__ import annotations

import math

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import above_chance
from ...evidence.left_out import joined
from ...evidence.phrases import count, listed, number, percent, percent_text, points_text
from ...numerics.correlation import pearson
from .._kinds import metric_name
from .measure import Checkpoints

__all__ = ["at_chance", "beside_source", "left_out", "metric_of", "over_scratch", "source_of"]


def metric_of(result: Checkpoints, target: str) -> str:
    """Return what a target is judged by, in words."""
    return f"test {metric_name(result.metric(target))}"


def source_of(result: Checkpoints) -> str:
    """Return what the pre-training is judged by, in words."""
    part, _, metric = result.source_metric.partition("_")
    return f"{part} {metric_name(metric)} of the pre-training"


def at_chance(result: Checkpoints, target: str) -> list[Finding]:
    """Say where runs from no checkpoint have clearly learned anything."""
    chance = result.chance.get(target)
    if chance is None:
        return []
    epochs = result.counting(target, "final")
    ends = {e: result.counted(target, e, "final").mean("final") for e in epochs}
    if any(above_chance(d.value, d.low, chance) for d in ends.values()):
        return []
    best = max(ends, key=lambda e: ends[e].value)
    d = ends[best]
    by = "guessing" if result.metric(target) == "auc" else "always naming the most frequent class"
    n = sum(len(result.counted(target, e, "final").runs) for e in epochs)
    return [
        said(
            f"{target}: from no checkpoint is the final {metric_of(result, target)} clearly above chance: at best "
            f"{percent_text(d)}, from epoch {best}, {by} {percent(chance)}; "
            f"what has learned nothing says nothing of its start; {count(n, 'run')}.",
            d,
            n=n,
            unit="runs",
            target=target,
            weight=0.9,
        )
    ]


def beside_source(result: Checkpoints, target: str) -> list[Finding]:
    """Describe how closely the final metric follows that of the pre-training; checkpoints of one are no sample."""
    epochs = [e for e in result.counting(target, "final") if math.isfinite(result.source_at(e))]
    ends = [float(result.counted(target, e, "final").numbers("final").mean()) for e in epochs]
    r = pearson([result.source_at(e) for e in epochs], ends).r
    if len(epochs) < 3 or math.isnan(r):
        return []
    return [
        said(
            f"{target}: over the checkpoints of this pre-training the final {metric_of(result, target)} and the "
            f"{source_of(result)} have a correlation of {number(r)}; {count(len(epochs), 'checkpoint')}.",
            Estimate(r),
            n=len(epochs),
            unit="checkpoints",
            target=target,
            weight=0.4,
        )
    ]


def over_scratch(result: Checkpoints, target: str) -> list[Finding]:
    """Say from which checkpoint on all are clearly better than training from scratch."""
    if not result.counted(target, None, "final").runs:
        return []
    epochs = list(result.counting(target, "final"))
    gains = {e: result.gain(target, e, None) for e in epochs}
    clear = None
    for epoch in reversed(epochs):
        low = gains[epoch].low
        if low is None or not low > 0:
            break
        clear = epoch
    chosen = epochs[-1] if clear is None else clear
    says = "the last checkpoint does not clearly beat"
    if clear is not None:
        last = clear == epochs[-1]
        says = "only the last checkpoint beats" if last else f"every checkpoint from epoch {clear} on beats"
    both = [result.counted(target, e, "final") for e in (chosen, None)]
    there, scratch = (float(of.numbers("final").mean()) for of in both)
    n = sum(len(of.runs) for of in both)
    return [
        said(
            f"{target}: {says} training from scratch: the final {metric_of(result, target)} is {percent(there)} from "
            f"epoch {chosen} against {percent(scratch)}, difference {points_text(gains[chosen])}; {count(n, 'run')}.",
            gains[chosen],
            n=n,
            unit="runs",
            target=target,
            weight=0.5,
        )
    ]


def left_out(result: Checkpoints) -> list[Finding]:
    """Say which runs diverged, and what plays no part."""
    found = []
    every = (*result.runs, *result.scratch)
    if gone := [run for run in every if run.ended != "finished" and run.target in result.chance]:
        which = [
            f"{run.label} on {run.target} from {'scratch' if run.epoch < 0 else f'epoch {run.epoch}'} ({run.ended})"
            for run in gone
        ]
        counts = "counts" if len(gone) == 1 else "count"
        text = f"{count(len(gone), 'run')} of {len(every)} diverged and {counts} as chance in what is judged: "
        found.append(
            said(f"{text}{listed(which)}.", Estimate(float(len(gone))), n=len(every), unit="runs", weight=0.6)
        )
    if left := result.left_out:
        text = f"Left out: {'; '.join(joined(left))}."
        found.append(said(text, Estimate(float(len(left))), n=len(every), unit="runs", weight=0.2))
    return found
