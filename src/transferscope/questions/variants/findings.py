"""What altered starts and averaged runs come to, in sentences; ``Variants`` has the rules of the intervals."""

from __future__ import annotations

import math
from dataclasses import replace

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import LeftOut, joined
from ...evidence.peaks import Peak
from ...evidence.phrases import count, number, percent, percent_text, points_text, range_text
from .._path_phrases import not_finite, peak_text, remarks
from .groups import VariantGroup
from .measure import Variants

__all__ = ["findings"]

_AVERAGE = "000-5-a"

_MARGIN = 0.02
"""How much worse averages may be in the claim about them."""

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
        if group.start in (result.reference, result.scratch):
            continue
        found += [_end(result, group, reference), *_basin(result, group)]
        found += _diversity(result, group, reference) + _ensemble(result, group, reference)
        found += _speed(result, group, reference)
    paths = [p.path for p in result.lines.paths] if result.lines else []
    for path in paths:
        found += not_finite(path, "")
    return (*found, *remarks(paths, ()), *_left_out(result), *_diverged(result))


def _unlearned(result: Variants, reference: VariantGroup) -> Finding:
    final = result.final(reference.start)
    over = replace(
        final,
        value=final.value - result.chance,
        low=None if final.low is None else final.low - result.chance,
        high=None if final.high is None else final.high - result.chance,
    )
    return said(
        f"{reference.start} is not clearly better than always naming the most frequent class: test {_metric(result)} "
        f"{percent_text(final)} against {percent(result.chance)}, so "
        f"that others are no worse says nothing; {count(len(reference.runs), 'run')}, "
        f"{count(result.n, 'test image')}.",
        over,
        n=len(reference.runs),
        unit="runs",
        weight=1.0,
    )


def _called(group: VariantGroup) -> str:
    """The name of a start, and what was done to it."""
    words = " and ".join(_WORDS[kind] for kind in group.kinds)
    return f"{group.start} ({words})" if words else group.start


def _n(*groups: VariantGroup) -> int:
    return sum(len(group.runs) for group in groups)


def _runs(result: Variants, group: VariantGroup, reference: VariantGroup) -> str:
    return f"{len(group.runs)} and {count(len(reference.runs), 'run')}, {count(result.n, 'test image')}"


def _end(result: Variants, group: VariantGroup, reference: VariantGroup) -> Finding:
    """Whether runs from a variant end as well as plain fine-tuning."""
    gap = result.final_over(group.start, reference.start)
    claimed = group.kinds == ("average",)
    judged = judge(_AVERAGE, gap, networks=result.judged_by()) if claimed else None
    margin = _MARGIN if claimed else result.threshold
    points, least = f"{number(100 * margin, 1)} points", gap.above(0.95)
    enough = least is not None and least > -margin
    fails = gap.high is not None and gap.high < -margin
    if gap.low is not None and gap.low > 0:
        told = f"ends better than {reference.start}"
    elif enough:
        told = f"does not end more than {points} below {reference.start}"
    elif fails:
        told = f"ends more than {points} below {reference.start}"
    else:
        told = f"does not clearly end within {points} of {reference.start}"
    scratch = result.scratch
    if "top_singular" in group.kinds and _gains(result, reference):
        meant = "is enough" if enough else "is not enough" if fails else "is not clearly enough"
        told = f"{meant} for good transfer (it {told})"
    parts = [
        f"{_called(group)} {told}: test {_metric(result)} {percent(result.final(group.start).value)} against "
        f"{percent(result.final(reference.start).value)}, difference {points_text(gap)}"
    ]
    if scratch:
        parts.append(f"{points_text(result.final_over(group.start, scratch))} over {scratch}")
    return said(
        f"{'; '.join(parts)}; {_runs(result, group, reference)}.",
        gap,
        n=_n(group, reference),
        unit="runs",
        weight=0.9 if group.kinds else 0.7,
        judged=judged,
    )


def _gains(result: Variants, reference: VariantGroup) -> bool:
    """Whether plain fine-tuning is clearly better than no pre-training, as far as that is known."""
    if not result.learned or not result.scratch:
        return result.learned
    low = result.final_over(reference.start, result.scratch).low
    return low is not None and low > 0


def _basin(result: Variants, group: VariantGroup) -> list[Finding]:
    """Whether the error stays under the threshold on the lines to plain fine-tuning."""
    peak, paths = result.rise(group.start), result.paths(group.start)
    if peak is None or not math.isfinite(peak.height.value):
        return []
    metric = "error" if result.metric == "accuracy" else "auc"
    heights = [100 * h for h in result.heights(group.start)]
    many = len(heights) > 1
    spread = range_text(min(heights), max(heights), "pairs", digits=1) if many else ""
    own = result.heights(result.reference)
    beside = (
        f", between two {result.reference} {number(100 * sum(own) / len(own), 1)} points"
        if own
        else f"; there are no two {result.reference} to hold it against"
    )
    same = " of the same seeds, which share the head they began with" if group.start in result.same_seed else ""
    ends = {end for p in paths for end in (p.path.a, p.path.b)}
    return [
        said(
            f"{_called(group)} {_where(result, peak)}: on the straight line between the two, at a λ chosen on other "
            f"images, the {_error(result)} rises by {peak_text(metric, peak)}; at its highest by "
            f"{number(sum(heights) / len(heights), 1)} points{spread}{beside}; {count(len(paths), 'pair')}{same}, "
            f"{count(result.n, 'test image')}.",
            peak.height,
            n=len(ends),
            unit="networks",
            weight=0.8 if group.kinds else 0.6,
        )
    ]


def _where(result: Variants, peak: Peak) -> str:
    """Say whether runs end in the basin of plain fine-tuning: a description, no claim is judged by it."""
    points, low, ceiling = f"{number(100 * result.threshold, 1)} points", peak.height.low, peak.ceiling
    if low is not None and low > result.threshold:
        return f"ends outside the basin of {result.reference} (a barrier over {points})"
    if ceiling is not None and ceiling < result.threshold:
        return f"ends in the basin of {result.reference} (no barrier over {points})"
    return f"ends neither clearly in nor clearly outside the basin of {result.reference} (a barrier of {points})"


def _word(gap: Estimate, more: str, less: str, neither: str) -> str:
    """Say on which side of zero an interval lies."""
    if gap.low is not None and gap.low > 0:
        return more
    return less if gap.high is not None and gap.high < 0 else neither


def _diversity(result: Variants, group: VariantGroup, reference: VariantGroup) -> list[Finding]:
    """Whether two runs of a variant err more differently than two of plain fine-tuning."""
    start, other = group.start, reference.start
    gap, differ = result.uncommon(start, other), result.disagreement(start, other)
    if not math.isfinite(gap.value):
        return []
    word = _word(
        gap, "err more differently than", "err more alike than", "do not clearly err more or less differently than"
    )
    noun = "answers" if result.metric == "auc" else "images"
    mine, others = (len(g.compared) * (len(g.compared) - 1) // 2 for g in (group, reference))
    return [
        said(
            f"Two runs of {start} {word} two {other}: of their mistakes "
            f"{percent(result.uncommon(start).value)} are made by one of the two only, against "
            f"{percent(result.uncommon(other).value)}, difference {points_text(gap)}; they disagree on "
            f"{percent(result.disagreement(start).value)} of the {noun}, against "
            f"{percent(result.disagreement(other).value)}, difference {points_text(differ)}; "
            f"{mine} and {count(others, 'pair')}, {count(result.n, 'test image')}.",
            gap,
            n=len(group.compared) + len(reference.compared),
            unit="networks",
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
    word = _word(gap, "is better than", "is worse than", "is not clearly better than")
    one, two = (result.ensemble(name, members).value for name in (start, other))
    return [
        said(
            f"The logit ensemble of {members} runs of {start} {word} one of as many {other}: test "
            f"{_metric(result)} {percent(one)} against {percent(two)}, difference {points_text(gap)}; all "
            f"{len(group.members)} gain {points_text(gain)} on their mean, all {len(reference.members)} {other} "
            f"{points_text(result.ensemble_gain(other))}; {count(result.n, 'test image')}.",
            gap,
            n=result.n,
            unit="test images",
            weight=0.6,
        )
    ]


def _speed(result: Variants, group: VariantGroup, reference: VariantGroup) -> list[Finding]:
    gap = result.speed_over(group.start, reference.start)
    if not math.isfinite(gap.value):
        return []
    word = _word(gap, "learns faster than", "learns slower than", "does not clearly learn faster or slower than")
    one, two = (percent(result.speed(name).value) for name in (group.start, reference.start))
    few = "" if gap.known else ", too few for an interval"
    return [
        said(
            f"{group.start} {word} {reference.start}: training accuracy averaged over epochs {one} against {two}, "
            f"difference {points_text(gap)}; {len(group.runs)} and {count(len(reference.runs), 'run')}{few}.",
            gap,
            n=_n(group, reference),
            unit="runs",
            weight=0.4,
        )
    ]


def _left_out(result: Variants) -> list[Finding]:
    if not result.left_out:
        return []
    text = f"Left out of barriers and mistakes: {'; '.join(joined(result.left_out))}."
    left = Estimate(float(len(result.left_out)))
    return [said(text, left, n=_n(*result.groups), unit="runs", weight=0.6)]


def _diverged(result: Variants) -> list[Finding]:
    gone = [LeftOut(run.label, run.ended) for group in result.groups for run in group.runs if run.ended != "finished"]
    if not gone:
        return []
    runs = _n(*result.groups)
    text = (
        f"{count(len(gone), 'run')} of {runs} diverged, counted as chance in metric and speed and left out of the "
        f"rest: {'; '.join(joined(gone))}."
    )
    return [said(text, Estimate(float(len(gone))), n=runs, unit="runs", weight=0.6)]


def _metric(result: Variants) -> str:
    return "AUC" if result.metric == "auc" else "accuracy"


def _error(result: Variants) -> str:
    return "1 − AUC" if result.metric == "auc" else "error"
