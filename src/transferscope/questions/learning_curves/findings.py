"""What learning curves say, in sentences: networks are the sample, and test images where their outcomes are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import LeftOut, joined
from ...evidence.phrases import count, number, points_text
from ...evidence.verdict import Judgement
from .._counted import Counted, Side
from .measure import Counts, CurveGroup, LearningCurves
from .overfitting import auc_against_loss, overfitting

__all__ = ["findings"]


def findings(result: LearningCurves) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target, then what holds over all of them."""
    found: list[Finding] = []
    for target in result.targets:
        groups = result.groups(target)
        (first, how), (second, other) = (_chosen(result, groups, role) for role in ("P-T", "RI-T"))
        if first and second:
            rates = _rates(groups, first, second, how or other)
            found += [_compared(result, first, second, rates, side) for side in ("final", "speed")]
            found += _head_start(target, first, second)
            found += auc_against_loss(result, first, second)
        found += _preference(result, groups, "P-T") + _preference(result, groups, "RI-T")
        if not (first and second):
            found += [_alone(target, group) for group in groups if group.healthy]
    return (*found, *overfitting(result), *_diverged(result))


def _chosen(result: LearningCurves, groups: Sequence[CurveGroup], role: str) -> tuple[CurveGroup | None, str]:
    """The runs of a start at the learning rate that is best on validation images, and how it was chosen.

    Without validation images nothing is chosen by the test metric that is judged: the first rate of the study that
    did not diverge counts.
    """
    mine = [g for g in groups if g.role == role]
    if len({g.lr for g in mine}) < 2:
        return (mine[0] if mine else None), ""
    finished = [c for g in mine for c in g.healthy]
    if not finished or not all(math.isfinite(c.final(f"val_{c.metric}")) for c in finished):
        first = next((g for g in mine if g.healthy), mine[0])
        return (
            first,
            "the first rate of each start that did not diverge, as there are no validation images to choose by",
        )
    means = {i: result.counted(g).mean("val").value for i, g in enumerate(mine)}
    known = {i: m for i, m in means.items() if math.isfinite(m)}
    return mine[max(known, key=lambda i: known[i])], "each at the rate that is best on validation images"


def _compared(result: LearningCurves, first: CurveGroup, second: CurveGroup, rates: str, side: Side) -> Finding:
    """Whether P-T ends better, or learns faster."""
    target, one, two = first.target, result.counted(first), result.counted(second)
    more = one.less(two, side)
    claim = "000-3.1-a" if side == "final" else "000-3.1-b"
    judged = judge(claim, more, networks=result.witnesses.get(target, ()))
    if side == "final":
        word = _word(judged, "ends better than", "ends worse than", "does not clearly end better than")
        what = f"test {_metric(first)}"
    else:
        word = _word(judged, "learns faster than", "learns slower than", "does not clearly learn faster than")
        what = "training accuracy averaged over epochs"
    return said(
        f"{target}: P-T {word} RI-T: {what} {_percent(one.mean(side))} against {_percent(two.mean(side))}, "
        f"difference {points_text(more)}{rates}; {_sample(more, one, two)}.",
        more,
        n=len(first.curves) + len(second.curves),
        unit="runs",
        target=target,
        weight=0.9 if side == "final" else 0.8,
        judged=judged,
    )


def _head_start(target: str, first: CurveGroup, second: CurveGroup) -> list[Finding]:
    """How long P-T needs for what RI-T ends with, and how long RI-T itself: its curve may have been there before."""
    level = second.mean("final").value - 1e-9  # the mean of equal numbers may be rounded up
    needed, own = ([c.epochs_to(level) for c in group.healthy] for group in (first, second))
    reached = [e for e in needed if math.isfinite(e)]
    whole = max((int(c.epochs[-1]) for c in second.healthy), default=0)
    if not reached or not whole:
        return []
    return [
        said(
            f"{target}: P-T first reaches what RI-T ends with, a test {_metric(second)} of {number(100 * level, 1)} "
            f"%, after {_epochs(needed)}, RI-T itself after {_epochs(own)} of {whole}; {len(first.healthy)} and "
            f"{count(len(second.healthy), 'run')}.",
            Estimate(sum(reached) / len(reached), n=len(needed)),
            n=len(needed),
            unit="runs",
            target=target,
            weight=0.5,
        )
    ]


def _epochs(found: Sequence[float]) -> str:
    """Say how many epochs some runs needed, some of which may not have made it.

    >>> _epochs([3.0]), _epochs([3.0, 8.0]), _epochs([math.inf, 1.0])
    ('3 epochs', '3 to 8 epochs (mean 5.5)', '1 epoch (1 of 2 runs stayed below)')
    """
    made = [e for e in found if math.isfinite(e)]
    least, most, mean = min(made), max(made), sum(made) / len(made)
    missed = f" ({len(found) - len(made)} of {len(found)} runs stayed below)" if len(made) < len(found) else ""
    if least == most:
        return f"{count(int(least), 'epoch')}{missed}"
    return f"{least:.0f} to {most:.0f} epochs (mean {number(mean, 0 if mean == int(mean) else 1)}){missed}"


def _preference(result: LearningCurves, groups: Sequence[CurveGroup], role: Literal["P-T", "RI-T"]) -> list[Finding]:
    """Whether P-T does better with the smallest, RI-T with the largest learning rate (Neyshabur et al. 2020, B.1)."""
    mine = sorted((g for g in groups if g.role == role), key=lambda g: g.lr)
    if len({g.lr for g in mine}) < 2:
        return []
    wanted, other = (mine[0], mine[-1]) if role == "P-T" else (mine[-1], mine[0])
    size, target = "smaller" if role == "P-T" else "larger", wanted.target
    one, two = result.counted(wanted), result.counted(other)
    more = one.less(two, "final")
    claim = "000-B.1-a" if role == "P-T" else "000-B.1-b"
    judged = judge(claim, more, networks=result.witnesses.get(target, ()))
    word = _word(judged, "better", "worse", "not clearly better")
    gone = [
        f"all at {g.lr:g} diverged" + (" and count as chance" if target in result.chance else "")
        for g in (wanted, other)
        if not g.healthy
    ]
    return [
        said(
            f"{target}: {role} ends {word} with the {size} learning rate ({wanted.lr:g} against {other.lr:g}"
            f"{'; ' * bool(gone)}{'; '.join(gone)}): test {_metric(wanted)} {_percent(one.mean('final'))} against "
            f"{_percent(two.mean('final'))}, difference {points_text(more)}; {_sample(more, one, two)}.",
            more,
            n=len(wanted.curves) + len(other.curves),
            unit="runs",
            target=target,
            weight=0.3,
            judged=judged,
        )
    ]


def _alone(target: str, group: CurveGroup) -> Finding:
    """A group of runs with nothing to hold it against."""
    final, speed = group.mean("final"), group.mean("speed")
    return said(
        f"{target}: {group.role} at learning rate {group.lr:g} ends with a test {_metric(group)} of "
        f"{_percent(final)}, training accuracy averaged over epochs {_percent(speed)}; "
        f"{count(len(group.healthy), 'run')}.",
        final,
        n=len(group.healthy),
        unit="runs",
        target=target,
        weight=0.3,
    )


def _diverged(result: LearningCurves) -> list[Finding]:
    gone = [LeftOut(f"{c.label} (learning rate {c.lr:g})", c.ended, c.target) for c in result.curves if c.diverged]
    if not gone:
        return []
    how = "counted as chance" if result.chance else "left out of the means, as chance is not known"
    text = f"{count(len(gone), 'run')} of {len(result.curves)} diverged, {how}: {'; '.join(joined(gone))}."
    return [said(text, Estimate(float(len(gone))), n=len(result.curves), unit="runs", weight=0.6)]


def _word(judged: Judgement, yes: str, no: str, open_: str) -> str:
    return {"agrees": yes, "disagrees": no}.get(judged.verdict, open_)


def _metric(group: CurveGroup) -> str:
    return "AUC" if group.curves[0].metric == "auc" else "accuracy"


def _percent(mean: Estimate) -> str:
    return f"{number(100 * mean.value, 1)} %"


def _rates(groups: Sequence[CurveGroup], first: CurveGroup, second: CurveGroup, how: str) -> str:
    """Which learning rates are compared, and how they were chosen where there are others."""
    several = any(len({g.lr for g in groups if g.role == role}) > 1 for role in ("P-T", "RI-T"))
    if not several and first.lr == second.lr:
        return ""
    chosen = f"{how or 'each at the rate that is best on validation images'}," if several else "learning rates"
    return f"; {chosen} {first.lr:g} and {second.lr:g}"


def _sample(estimate: Estimate, first: Counted[Counts], second: Counted[Counts]) -> str:
    """Say on how many runs and images a difference rests."""
    runs = f"{len(first.runs)} and {count(len(second.runs), 'run')}"
    images = f", {count(estimate.images or estimate.n, 'test image')}" if "images" in estimate.over else ""
    return f"{runs}{images}{'' if estimate.known else ', too few for an interval'}"
