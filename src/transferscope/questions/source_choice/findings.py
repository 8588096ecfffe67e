"""What runs from several pre-trainings say, in sentences: networks are the sample, and test images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ...evidence.contrast import contrast, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness, learned
from ...evidence.judge import judge
from ...evidence.left_out import LeftOut, joined
from ...evidence.phrases import count, interval_text, listed, number, percent, percent_text, points_text, short
from .._kinds import SCRATCH, metric_name
from .._sides import said_silenced
from .measure import SourceChoice

__all__ = ["findings"]


def findings(result: SourceChoice) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        there = [s for s in result.sources if result.best(target, s)]
        found += _best(result, target, there)
        found += [_worth(result, target, s) for s in there]
        found += [_chosen(result, target, s) for s in there if result.controls.get(s) in there]
        found += _nearer(result, target, [s for s in result.nearest_first.get(target, ()) if s in there])
        if result.best(target, ""):
            found += [f for s in there for f in _went(result, target, s)]
    return (*found, *_missing(result), *_diverged(result))


def _best(result: SourceChoice, target: str, there: list[str]) -> list[Finding]:
    """The source that ends highest, against the next; a description, as it is chosen by what is compared."""
    if len(there) < 2:
        return []
    first, second, *_ = sorted(there, key=lambda s: -result.final(target, s).value)
    more = result.gain(target, first, second)
    return [
        said(
            f"{target}: of {count(len(there), 'source')} {first} ends highest: {_metric(result, target)} "
            f"{_percent(result, target, first)} against {_percent(result, target, second)} from {second}, "
            f"{points_text(more)} more, not corrected for the choice of the highest; "
            f"{_runs(result, target, first, second, more)}.",
            more,
            n=_n(result, target, first, second),
            unit="runs",
            target=target,
            weight=0.8,
        )
    ]


def _worth(result: SourceChoice, target: str, source: str) -> Finding:
    """A source against random weights, or alone."""
    final = result.final(target, source)
    if not result.best(target, ""):
        return said(
            f"{target}: {source} ends with a {_metric(result, target)} of {percent_text(final)}; "
            f"no runs from scratch to compare with; "
            f"{count(_n(result, target, source), 'run')}.",
            final,
            n=_n(result, target, source),
            unit="runs",
            target=target,
            weight=0.4,
        )
    gain, less = result.gain(target, source), result.improvement(target, source)
    other = source in result.other_labels.get(target, ())
    judged = judge("002-5.1-c", gain, networks=_of_sources(result, target, [source])) if other else None
    if gain.known:
        assert gain.low is not None and gain.high is not None  # known
        word = "helps" if gain.low > 0 else "harms" if gain.high < 0 else "neither clearly helps nor harms"
    else:
        word = "is compared with no pre-training"
    error = "an error" if result.metric(target) == "accuracy" else "a 1 − AUC"
    share = f"; {error} {_lower_by(less)}" if math.isfinite(less.value) else ""
    return said(
        f"{target}: pre-training on {source}{' (labels of another nature)' * other} {word}: "
        f"{_metric(result, target)} {percent(final.value)} against {_percent(result, target, '')} from scratch, "
        f"{points_text(gain)}{share}; {_runs(result, target, source, '', gain)}.",
        gain,
        n=_n(result, target, source, ""),
        unit="runs",
        target=target,
        weight=0.9 if other else 0.7,
        judged=judged,
    )


def _chosen(result: SourceChoice, target: str, source: str) -> Finding:
    """A source that chose its images against its control; one pre-training each, so nothing is judged."""
    control = result.controls[source]
    more = result.gain(target, source, control)
    at_random, of_choice = (_percent(result, target, name) for name in (control, source))
    return said(
        f"{target}: {source} saw chosen images; its control {control}, alike but for as many drawn at random, gives "
        f"a {_metric(result, target)} of {at_random} against {of_choice}: "
        f"the choice adds {points_text(more)}, of these two pre-trainings; "
        f"{_runs(result, target, source, control, more)}.",
        more,
        n=_n(result, target, source, control),
        unit="runs",
        target=target,
        weight=0.8,
    )


def _lower_by(less: Estimate) -> str:
    """Say by how much an error is lower than that from scratch, or higher."""
    if less.value >= 0:
        return f"{percent(less.value)} lower than from scratch{interval_text(less, factor=100, digits=1)}"
    return f"{percent(-less.value)} higher than from scratch{interval_text(less, factor=-100, digits=1)}"


def _nearer(result: SourceChoice, target: str, near: list[str]) -> list[Finding]:
    """Whether of each two sources of an order the nearer helps more: one claim about the order."""
    pairs = list(combinations(near, 2))
    if not pairs:
        return []
    gains = [result.gain(target, *pair) for pair in pairs]
    judged = judge("002-5.1-a", *gains, networks=_of_sources(result, target, near))
    word = {"agrees": "help more", "disagrees": "do not all help more"}.get(
        judged.verdict, "do not clearly help more"
    )
    told = [f"{one} against {other} {points_text(gain)}" for (one, other), gain in zip(pairs, gains, strict=True)]
    return [
        said(
            f"{target}: sources more like it in their images {word} than those less like it, by "
            f"{_metric(result, target)}: {listed(told)}; {count(_n(result, target, *near), 'run')}.",
            gains[0],
            n=_n(result, target, *near),
            unit="runs",
            target=target,
            weight=0.9,
            judged=judged,
        )
    ]


def _went(result: SourceChoice, target: str, source: str) -> list[Finding]:
    """How far weights went from scratch over how far they went from a source."""
    witnesses = result.witnesses.get(target, ())
    failed = {left.subject for left in learned(witnesses)[1]}
    both = []
    for name in ("", source):
        group = result.best(target, name)
        of = [(r.label, r.deviation.sum()) for r in group.healthy if r.label not in failed] if group else []
        both.append({label: float(value) for label, value in of})
    far, near = (list(of.values()) for of in both)
    if not (far and near) and failed and _helps(result, target, source):
        told = f"{target}: how far weights end from their start is not compared with {source}."
        rests_on = _of_sources(result, target, [source])
        return [said_silenced("002-5.1-b", told, rests_on, target=target, weight=0.3)]
    if not (far and near) or min(near) <= 0:
        return []
    times = ratio(far, near)
    judged = None
    if _helps(result, target, source):
        rests = [
            w for w in witnesses if (w.role == "P" and _is_of(w.label, source)) or any(w.label in of for of in both)
        ]
        judged = judge("002-5.1-b", times, networks=rests)
    few = "" if times.known else ", too few for an interval"
    return [
        said(
            f"{target}: from scratch weights end {number(times.value)} times{interval_text(times, form='times')} as "
            f"far from their start as from {source}: deviation {short(sum(far) / len(far))} against "
            f"{short(sum(near) / len(near))}, n = {result.train_images[target]:,} training images; {len(far)} and "
            f"{count(len(near), 'run')}{few}.",
            times,
            n=len(far) + len(near),
            unit="runs",
            target=target,
            weight=0.5,
            judged=judged,
        )
    ]


def _of_sources(result: SourceChoice, target: str, sources: Sequence[str]) -> list[Witness]:
    """What is known of the runs on a target and of these pre-trainings: others play no part."""
    of = result.witnesses.get(target, ())
    return [w for w in of if w.role != "P" or any(_is_of(w.label, source) for source in sources)]


def _is_of(witness: str, source: str) -> bool:
    """Whether a pre-training that is a witness is this one."""
    return witness == ("the pre-training" if source == "source" else f"the pre-training {source}")


def _helps(result: SourceChoice, target: str, source: str) -> bool:
    """Whether a source helps on validation images, so that what is judged is not what it was chosen by."""
    values = []
    for name in (source, ""):
        group = result.best(target, name)
        values.append([run.val for run in group.healthy] if group else [])
    if not all(values) or not all(np.isfinite(of).all() for of in values):
        return False
    gain = contrast(values[0], values[1])
    return gain.low is not None and gain.low > 0


def _missing(result: SourceChoice) -> list[Finding]:
    """What is not compared, and why."""
    gaps = [
        f"no runs from {source or SCRATCH} on {listed(without)}"
        for source in (*result.sources, "")
        if (without := [t for t in result.targets if not result.groups(t, source)])
    ]
    gaps += joined(result.left_out)
    several = [
        (source or SCRATCH, target, all(math.isfinite(r.val) for g in groups for r in g.healthy))
        for target in result.targets
        for source in (*result.sources, "")
        if len(groups := result.groups(target, source)) > 1
    ]
    for known, how in ((True, "the one that is best on validation images"), (False, "the first")):
        if told := [f"{source} on {target}" for source, target, validated in several if validated == known]:
            gaps.append(f"of several starts from {listed(told)} only {how}")
    if not gaps:
        return []
    text, runs = "; ".join(gaps), len(result.runs) + len(result.left_out)
    told_kind = f"What is compared: {result.kind} runs; {text}."
    return [said(told_kind, Estimate(float(len(gaps))), n=runs, unit="runs", weight=0.2)]


def _diverged(result: SourceChoice) -> list[Finding]:
    gone = [LeftOut(run.label, run.ended, run.target) for run in result.runs if run.ended != "finished"]
    if not gone:
        return []
    how = "counted as chance" if result.chance else "left out of the means"
    text = f"{count(len(gone), 'run')} of {len(result.runs)} diverged, {how}: {'; '.join(joined(gone))}."
    return [said(text, Estimate(float(len(gone))), n=len(result.runs), unit="runs", weight=0.6)]


def _metric(result: SourceChoice, target: str) -> str:
    return f"test {metric_name(result.metric(target))}"


def _percent(result: SourceChoice, target: str, source: str) -> str:
    return percent(result.final(target, source).value)


def _each(result: SourceChoice, target: str, source: str) -> int:
    group = result.best(target, source)
    return len(group.runs) if group else 0


def _n(result: SourceChoice, target: str, *sources: str) -> int:
    return sum(_each(result, target, s) for s in sources)


def _runs(result: SourceChoice, target: str, first: str, second: str, estimate: Estimate) -> str:
    images = f", {count(estimate.images or estimate.n, 'test image')}" if "images" in estimate.over else ""
    few = "" if estimate.known else ", too few for an interval"
    return f"{_each(result, target, first)} and {count(_each(result, target, second), 'run')}{images}{few}"
