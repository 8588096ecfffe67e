"""What runs from several pre-trainings say, in sentences; intervals as in ``_estimates``."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

from .._diverged import diverged_finding
from .._estimates import Estimate, ratio
from .._kinds import SCRATCH, metric_name
from .._left_out import by_start
from .._phrases import count, listed, number, percent, short, verdict_of
from ..result import Finding, Verdict
from .measure import SourceChoice

__all__ = ["findings"]

NEARER_CLAIM = "002 §5.1, Fig. 8a: of sources with like labels, the one more like the target in its images helps more"
LABELS_CLAIM = "002 §5.1, Fig. 8b: a source with like images but labels of another nature does not help"
NEAR_START_CLAIM = "002 §5.1, Fig. 8a: from a source that helps, weights end nearer to their start than from scratch"

_MARGIN = 0.01
"""A gain of at most so much, interval included, counts as no help."""


def findings(result: SourceChoice) -> tuple[Finding, ...]:
    """Return the findings of a result, target by target."""
    found: list[Finding] = []
    for target in result.targets:
        there = [s for s in result.sources if result.best(target, s)]
        found += _best(result, target, there)
        found += [_worth(result, target, s) for s in there]
        near = [s for s in result.nearest_first.get(target, ()) if s in there]
        found += [_nearer(result, target, *pair) for pair in combinations(near, 2)]
        if result.best(target, ""):
            found += [f for s in there for f in _went(result, target, s)]
    return (*found, *_missing(result), *_diverged(result))


def _best(result: SourceChoice, target: str, there: list[str]) -> list[Finding]:
    """The source that ends best, against the next."""
    if len(there) < 2:
        return []
    first, second, *_ = sorted(there, key=lambda s: -result.final(target, s).value)
    pairs = len(there) * (len(there) - 1) // 2
    d = result.gain(target, first, second, level=1 - 0.05 / pairs)
    word = "serves best" if d.verdict == "agrees" else "ends highest, not clearly above the next"
    corrected = f", corrected for {count(pairs, 'comparison')}" if pairs > 1 and d.low is not None else ""
    return [
        Finding(
            f"{target}: of {count(len(there), 'source')} {first} {word}: {_metric(result, target)} "
            f"{_percent(result, target, first)} against {_percent(result, target, second)} from {second}, "
            f"difference {number(100 * d.value, 1)} points{d.points()}{corrected}; "
            f"{_runs(result, target, first, second)}.",
            value=d.value,
            low=d.low,
            high=d.high,
            n=_n(result, target, first, second),
            unit="runs",
            weight=0.8,
        )
    ]


def _worth(result: SourceChoice, target: str, source: str) -> Finding:
    """A source against random weights, or alone."""
    final = result.final(target, source)
    if not result.best(target, ""):
        return Finding(
            f"{target}: {source} ends with a {_metric(result, target)} of {percent(final.value)}{final.points()}; no "
            f"runs from scratch to compare with; {count(_n(result, target, source), 'run')}.",
            value=final.value,
            low=final.low,
            high=final.high,
            n=_n(result, target, source),
            unit="runs",
            weight=0.4,
        )
    d, less = result.gain(target, source), result.improvement(target, source)
    word = {"agrees": "helps", "disagrees": "harms"}.get(d.verdict, "neither clearly helps nor harms")
    error = "an error" if result.metric(target) == "accuracy" else "a 1 − AUC"
    share = f"; {error} {_lower_by(less)}" if math.isfinite(less.value) else ""
    other = source in result.other_labels.get(target, ())
    return Finding(
        f"{target}: pre-training on {source}{' (labels of another nature)' * other} {word}: "
        f"{_metric(result, target)} {percent(final.value)} against {_percent(result, target, '')} from scratch, "
        f"{number(100 * d.value, 1)} points{d.points()}{share}; {_runs(result, target, source, '')}.",
        value=d.value,
        low=d.low,
        high=d.high,
        n=_n(result, target, source, ""),
        unit="runs",
        claim=LABELS_CLAIM if other else None,
        verdict=_no_help(d) if other else None,
        weight=0.9 if other else 0.7,
    )


def _lower_by(less: Estimate) -> str:
    """Say by how much an error is lower than that from scratch, or higher."""
    if less.value >= 0:
        return f"{percent(less.value)} lower than from scratch{less.points()}"
    ends = (None, None) if less.low is None or less.high is None else (-less.high, -less.low)
    more = replace(less, value=-less.value, low=ends[0], high=ends[1])
    return f"{percent(more.value)} higher than from scratch{more.points()}"


def _no_help(d: Estimate) -> Verdict:
    """Whether a gain is none, or as good as none."""
    if d.low is None or d.high is None:
        return "cannot tell"
    return "disagrees" if d.low > 0 else "agrees" if d.high <= _MARGIN else "cannot tell"


def _nearer(result: SourceChoice, target: str, near: str, far: str) -> Finding:
    d = result.gain(target, near, far)
    word = {"agrees": "helps more than", "disagrees": "helps less than"}.get(
        d.verdict, "does not clearly help more than"
    )
    return Finding(
        f"{target}: {near}, more like it in its images, {word} {far}: {_metric(result, target)} "
        f"{_percent(result, target, near)} against {_percent(result, target, far)}, difference "
        f"{number(100 * d.value, 1)} points{d.points()}; {_runs(result, target, near, far)}.",
        value=d.value,
        low=d.low,
        high=d.high,
        n=_n(result, target, near, far),
        unit="runs",
        claim=NEARER_CLAIM,
        verdict=d.verdict,
        weight=0.9,
    )


def _went(result: SourceChoice, target: str, source: str) -> list[Finding]:
    """How far weights went from scratch over how far they went from a source."""
    groups = [result.best(target, s) for s in ("", source)]
    far, near = (g.deviations().sum(1).tolist() if g else [] for g in groups)
    r = ratio(far, near)
    if not math.isfinite(r.value):
        return []
    helps = result.gain(target, source).verdict == "agrees"
    over_one = (None, None) if r.low is None or r.high is None else (r.low - 1, r.high - 1)
    few = "" if r.over else ", too few for an interval over seeds"
    return [
        Finding(
            f"{target}: from scratch weights end {number(r.value)} times{r.plain()} as far from their start as from "
            f"{source}: deviation {short(sum(far) / len(far))} against {short(sum(near) / len(near))}, n = "
            f"{result.train_images[target]:,} training images; {len(far)} and {count(len(near), 'run')}{few}.",
            value=r.value,
            low=r.low,
            high=r.high,
            n=len(far) + len(near),
            unit="runs",
            claim=NEAR_START_CLAIM if helps else None,
            verdict=verdict_of(*over_one) if helps else None,
            weight=0.5,
        )
    ]


def _missing(result: SourceChoice) -> list[Finding]:
    """What is not compared, and why."""
    gaps = [
        f"no runs from {source or SCRATCH} on {listed(without)}"
        for source in (*result.sources, "")
        if (without := [t for t in result.targets if not result.groups(t, source)])
    ]
    gaps += [f"{told}, and is left out" for told in by_start(result.left_out)]
    several = [
        f"{source or SCRATCH} on {target}"
        for target in result.targets
        for source in (*result.sources, "")
        if len(result.groups(target, source)) > 1
    ]
    gaps += [f"of several starts from {listed(several)} only the one that ends best"] * bool(several)
    if not gaps:
        return []
    text = "; ".join(gaps)
    return [
        Finding(
            f"What is compared: {result.kind} runs; {text}.",
            value=len(gaps),
            n=len(result.runs) + len(result.left_out),
            unit="runs",
            weight=0.2,
        )
    ]


def _diverged(result: SourceChoice) -> list[Finding]:
    gone = [run for run in result.runs if run.ended != "finished"]
    told = [f"{run.label} on {run.target} from {run.source or SCRATCH} ({run.ended})" for run in gone]
    return diverged_finding(told, len(result.runs))


def _metric(result: SourceChoice, target: str) -> str:
    return f"test {metric_name(result.metric(target))}"


def _percent(result: SourceChoice, target: str, source: str) -> str:
    return percent(result.final(target, source).value)


def _each(result: SourceChoice, target: str, source: str) -> int:
    group = result.best(target, source)
    return len(group.finals()) if group else 0


def _n(result: SourceChoice, target: str, *sources: str) -> int:
    return sum(_each(result, target, s) for s in sources)


def _runs(result: SourceChoice, target: str, first: str, second: str) -> str:
    images = count(result.test_images[target], "test image")
    return f"{_each(result, target, first)} and {count(_each(result, target, second), 'run')}, {images}"
