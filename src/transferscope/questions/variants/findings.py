"""What altered starts and averaged runs come to, in sentences; ``Variants`` has the rules of the intervals."""

from __future__ import annotations

import math

from .._diverged import diverged_finding
from .._estimates import Estimate
from .._path_phrases import not_finite, outcome, remarks
from .._phrases import count, number, percent, verdict_of
from ..result import Finding, Verdict
from .groups import VariantGroup
from .measure import Variants

__all__ = ["AVERAGE_CLAIM", "findings"]

AVERAGE_CLAIM = "000 §5: weights of P-T trained in parallel can be averaged without loss of performance"

_WORDS = {
    "top_singular": "top singular values only",
    "basin_noise": "noise on the start",
    "average": "average of parallel runs",
}


def findings(result: Variants) -> tuple[Finding, ...]:
    """Return the findings of a result, variant by variant."""
    found: list[Finding] = []
    reference = result.group(result.reference)
    if reference.members and not result.learned:
        found.append(_unlearned(result, reference))
    for group in result.groups:
        if group.start in (result.reference, result.scratch) or not group.members or not reference.members:
            continue
        found += [_end(result, group, reference), *_basin(result, group)]
        found += _diversity(result, group, reference) + _ensemble(result, group, reference)
        found.append(_speed(result, group, reference))
    for path in result.lines.paths if result.lines else ():
        found += not_finite(path.path, "")
    found += remarks([p.path for p in result.lines.paths], result.lines.left_out) if result.lines else []
    return (*found, *_diverged(result))


def _unlearned(result: Variants, reference: VariantGroup) -> Finding:
    final = result.final(reference.start)
    return Finding(
        f"{reference.start} is not clearly better than always naming the most frequent class: test {_metric(result)} "
        f"{_percent(final)}{final.points()} against {percent(result.chance)}, so that others are no worse says "
        f"nothing; {count(len(reference.members), 'run')}, {count(result.n, 'test image')}.",
        value=final.value - result.chance,
        low=None if final.low is None else final.low - result.chance,
        high=None if final.high is None else final.high - result.chance,
        n=result.n,
        unit="test images",
        weight=1.0,
    )


def _called(group: VariantGroup) -> str:
    """The name of a start, and what was done to it."""
    words = " and ".join(_WORDS[kind] for kind in group.kinds)
    return f"{group.start} ({words})" if words else group.start


def _runs(result: Variants, group: VariantGroup, reference: VariantGroup) -> str:
    runs = f"{len(group.members)} and {count(len(reference.members), 'run')}"
    return f"{runs}, {count(result.n, 'test image')}"


def _end(result: Variants, group: VariantGroup, reference: VariantGroup) -> Finding:
    """Whether runs from a variant end as well as plain fine-tuning."""
    gap = result.final_over(group.start, reference.start)
    enough: Verdict = _turned(outcome(*_below(gap), result.threshold))
    points = f"{number(100 * result.threshold, 1)} points"
    if enough == "cannot tell":
        told = f"does not clearly end within {points} of {reference.start}"
    elif gap.verdict == "agrees":
        told = f"ends better than {reference.start}"
    else:
        told = f"{'ends' if enough == 'disagrees' else 'does not end'} more than {points} below {reference.start}"
    scratch = result.scratch if result.scratch and result.group(result.scratch).members else ""
    gains = result.learned and (not scratch or result.final_over(reference.start, scratch).verdict == "agrees")
    if "top_singular" in group.kinds and gains:
        meant = {"agrees": "is enough", "disagrees": "is not enough"}.get(enough, "is not clearly enough")
        told = f"{meant} for good transfer (it {told})"
    parts = [
        f"{_called(group)} {told}: test {_metric(result)} {_percent(result.final(group.start))} against "
        f"{_percent(result.final(reference.start))}, difference {_points(gap)}"
    ]
    if scratch:
        parts.append(f"{_points(result.final_over(group.start, scratch))} over {scratch}")
    claimed = group.kinds == ("average",)
    return Finding(
        f"{'; '.join(parts)}; {_runs(result, group, reference)}.",
        value=gap.value,
        low=gap.low,
        high=gap.high,
        n=len(group.members) + len(reference.members) if gap.over == "seeds" else result.n,
        unit="runs" if gap.over == "seeds" else "test images",
        claim=AVERAGE_CLAIM if claimed else None,
        verdict=(enough if result.learned else "cannot tell") if claimed else None,
        weight=0.9 if group.kinds else 0.7,
    )


def _basin(result: Variants, group: VariantGroup) -> list[Finding]:
    """Whether the lines to plain fine-tuning stay under the threshold."""
    height, paths = result.barrier(group.start), result.paths(group.start)
    if not math.isfinite(height.value):
        return []
    points = f"{number(100 * result.threshold, 1)} points"
    judged = {
        "agrees": f"ends outside the basin of {result.reference} (a barrier over {points})",
        "disagrees": f"ends in the basin of {result.reference} (no barrier over {points})",
    }.get(
        outcome(height.low, height.high, result.threshold),
        f"ends neither clearly in nor clearly outside the basin of {result.reference} (a barrier of {points})",
    )
    own = result.barrier(result.reference)
    beside = (
        f", between two {result.reference} {_points(own)}"
        if math.isfinite(own.value)
        else f"; there are no two {result.reference} to hold it against"
    )
    same = " of the same seeds, which share the head they began with" if group.start in result.same_seed else ""
    return [
        Finding(
            f"{_called(group)} {judged}: on the straight line between the two the {_error(result)} rises by "
            f"{_points(height)}{beside}; {count(len(paths), 'pair')}{same}, {count(result.n, 'test image')}.",
            value=height.value,
            low=height.low,
            high=height.high,
            n=result.n,
            unit="test images",
            weight=0.8 if group.kinds else 0.6,
        )
    ]


def _diversity(result: Variants, group: VariantGroup, reference: VariantGroup) -> list[Finding]:
    """Whether two runs of a variant err more differently than two of plain fine-tuning."""
    if min(len(group.members), len(reference.members)) < 2:
        return []
    start, other = group.start, reference.start
    gap, apart = result.uncommon(start, other), result.disagreement(start, other)
    if not math.isfinite(gap.value):
        return []
    word = {"agrees": "err more differently than", "disagrees": "err more alike than"}.get(
        gap.verdict, "do not clearly err more or less differently than"
    )
    noun = "answers" if result.metric == "auc" else "images"
    return [
        Finding(
            f"Two runs of {start} {word} two {other}: of their mistakes "
            f"{percent(result.uncommon(start).value)} are made by one of the two only, against "
            f"{percent(result.uncommon(other).value)}, difference {_points(gap)}; they disagree on "
            f"{percent(result.disagreement(start).value)} of the {noun}, against "
            f"{percent(result.disagreement(other).value)}, difference {_points(apart)}; "
            f"{len(group.shared)} and {count(len(reference.shared), 'pair')}, {count(result.n, 'test image')}.",
            value=gap.value,
            low=gap.low,
            high=gap.high,
            n=result.n,
            unit="test images",
            weight=0.6,
        )
    ]


def _ensemble(result: Variants, group: VariantGroup, reference: VariantGroup) -> list[Finding]:
    """Whether an ensemble of a variant beats one of as many plainly fine-tuned networks."""
    members = min(len(group.members), len(reference.members))
    if members < 2:
        return []
    start, other = group.start, reference.start
    gap, gain = result.ensemble_over(start, other, members), result.ensemble_gain(start)
    word = {"agrees": "is better than", "disagrees": "is worse than"}.get(gap.verdict, "is not clearly better than")
    return [
        Finding(
            f"The logit ensemble of {members} runs of {start} {word} one of as many {other}: test "
            f"{_metric(result)} {_percent(result.ensemble(start, members))} against "
            f"{_percent(result.ensemble(other, members))}, difference {_points(gap)}; all {len(group.members)} gain "
            f"{_points(gain)} on their mean, all {len(reference.members)} {other} "
            f"{_points(result.ensemble_gain(other))}; {count(result.n, 'test image')}.",
            value=gap.value,
            low=gap.low,
            high=gap.high,
            n=result.n,
            unit="test images",
            weight=0.6,
        )
    ]


def _speed(result: Variants, group: VariantGroup, reference: VariantGroup) -> Finding:
    gap = result.speed_over(group.start, reference.start)
    word = {"agrees": "learns faster than", "disagrees": "learns slower than"}.get(
        verdict_of(gap.low, gap.high), "does not clearly learn faster or slower than"
    )
    return Finding(
        f"{group.start} {word} {reference.start}: training accuracy averaged over epochs "
        f"{_percent(result.speed(group.start))} against {_percent(result.speed(reference.start))}, difference "
        f"{_points(gap)}; {len(group.members)} and {count(len(reference.members), 'run')}.",
        value=gap.value,
        low=gap.low,
        high=gap.high,
        n=len(group.members) + len(reference.members),
        unit="runs",
        weight=0.4,
    )


def _diverged(result: Variants) -> list[Finding]:
    runs = [run for group in result.groups for run in group.runs]
    return diverged_finding([f"{run.label} ({run.ended})" for run in runs if run.ended != "finished"], len(runs))


def _below(gap: Estimate) -> tuple[float | None, float | None]:
    """By how much the reference is ahead, as an interval."""
    return (None, None) if gap.low is None or gap.high is None else (-gap.high, -gap.low)


def _turned(judged: Verdict) -> Verdict:
    turned: dict[Verdict, Verdict] = {"agrees": "disagrees", "disagrees": "agrees", "cannot tell": "cannot tell"}
    return turned[judged]


def _metric(result: Variants) -> str:
    return "AUC" if result.metric == "auc" else "accuracy"


def _error(result: Variants) -> str:
    return "1 − AUC" if result.metric == "auc" else "error"


def _percent(found: Estimate) -> str:
    return percent(found.value)


def _points(found: Estimate) -> str:
    return f"{number(100 * found.value, 1)} points{found.points()}"
