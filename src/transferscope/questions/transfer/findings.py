"""What errors and deviations of transferred networks say, in sentences; intervals as in ``_estimates``."""

from __future__ import annotations

import math

import numpy as np

from ...numerics.correlation import pearson
from ...numerics.intervals import wilson
from .._diverged import diverged_finding
from .._estimates import Estimate, difference, ratio
from .._kinds import FINE_TUNED, HEAD_ONLY, KINDS, SCRATCH, metric_name
from .._left_out import by_start
from .._phrases import bracket, count, listed, number, percent, short, verdict_of
from ..result import Finding, Verdict
from .measure import Transfer, TransferGroup

__all__ = ["findings"]

BETTER_CLAIM = "002 B.3, Tables 1 and 2: fine-tuning ends with a lower test error than training from scratch"
HEAD_CLAIM = "002 §3, Table 1: fine-tuning all layers ends with no higher test error than training the head only"
FIT_CLAIM = "002 §3, Table 1: the training error comes to nearly zero on every target, head only or fine-tuned"
PROPORTIONAL_CLAIM = "002 §3: over targets, the deviation from the start is about proportional to the test error"
FARTHER_CLAIM = (
    "002 B.3, Tables 1 and 2: networks from scratch end farther from the pre-trained weights than fine-tuned"
)

_NEARLY_ZERO = 0.01
"""Training error that counts as nearly zero; the largest in 002's Table 1 is 0.15 %."""


def findings(result: Transfer) -> tuple[Finding, ...]:
    """Return the findings of a result: targets one by one, then what holds over them."""
    found: list[Finding] = []
    for target in result.targets:
        groups = {kind: result.best(target, kind) for kind in KINDS}
        tuned, head, scratch = groups[FINE_TUNED], groups[HEAD_ONLY], groups[SCRATCH]
        if tuned and scratch:
            found += [_gain(result, tuned, scratch), *_farther(result, tuned, scratch)]
        if tuned and head:
            found.append(_head(result, tuned, head))
        if sum(map(bool, groups.values())) == 1:
            found += [_alone(result, group) for group in groups.values() if group]
    for kind in (HEAD_ONLY, FINE_TUNED):
        found += _fit(result, kind) + _proportional(result, kind)
    return (*found, *_missing(result), *_diverged(result))


def _gain(result: Transfer, tuned: TransferGroup, scratch: TransferGroup) -> Finding:
    gain = result.improvement(tuned)
    word = {"agrees": "beats", "disagrees": "does worse than"}.get(gain.verdict, "does not clearly beat")
    value = f", an improvement of {percent(gain.value)}{gain.points()}" if math.isfinite(gain.value) else ""
    return Finding(
        f"{tuned.target}: fine-tuning {word} training from scratch: {_error(tuned)} {_percent(tuned)} against "
        f"{_percent(scratch)}{value}{_chosen(result, tuned, scratch)}; {_runs(tuned, scratch)}"
        f"{_tested(result, tuned)}.",
        value=gain.value,
        low=gain.low,
        high=gain.high,
        n=len(tuned.healthy) + len(scratch.healthy),
        unit="runs",
        claim=BETTER_CLAIM,
        verdict=gain.verdict,
        weight=0.9,
    )


def _head(result: Transfer, tuned: TransferGroup, head: TransferGroup) -> Finding:
    images = result.test_images[tuned.target] if tuned.metric == "accuracy" else None
    less = difference(head.values("test_error"), tuned.values("test_error"), images)
    word = {"agrees": "beats", "disagrees": "does worse than"}.get(less.verdict, "does not clearly beat")
    return Finding(
        f"{tuned.target}: fine-tuning all layers {word} training the head only: {_error(tuned)} {_percent(tuned)} "
        f"against {_percent(head)}, {number(100 * less.value, 1)} points less{less.points()}"
        f"{_chosen(result, tuned, head)}; {_runs(tuned, head)}{_tested(result, tuned)}.",
        value=less.value,
        low=less.low,
        high=less.high,
        n=len(tuned.healthy) + len(head.healthy),
        unit="runs",
        claim=HEAD_CLAIM,
        verdict=less.verdict,
        weight=0.6,
    )


def _farther(result: Transfer, tuned: TransferGroup, scratch: TransferGroup) -> list[Finding]:
    """How much farther from scratch ends from the pre-trained weights, heads left out."""
    near, far = tuned.values("from_pretrained"), scratch.values("from_pretrained")
    sources = {run.source for run in result.runs if run.kind != SCRATCH}
    if not (near and far) or len(sources) > 1:  # the given weights are those of one source
        return []
    r = ratio(far, near)
    if not math.isfinite(r.value):
        return []
    over_one = (None, None) if r.low is None or r.high is None else (r.low - 1, r.high - 1)
    return [
        Finding(
            f"{tuned.target}: networks from scratch end {number(r.value)} times{r.plain()} as far from the "
            f"pre-trained weights as fine-tuned ones: deviation without the head {short(_mean(far))} against "
            f"{short(_mean(near))}, n = {result.train_images[tuned.target]:,} training images; "
            f"{_runs(tuned, scratch)}{'' if r.over else ', too few for an interval over seeds'}.",
            value=r.value,
            low=r.low,
            high=r.high,
            n=len(near) + len(far),
            unit="runs",
            claim=FARTHER_CLAIM,
            verdict=verdict_of(*over_one),
            weight=0.7,
        )
    ]


def _fit(result: Transfer, kind: str) -> list[Finding]:
    """The largest training error of a kind over targets."""
    there = [g for t in result.targets if (g := result.best(t, kind)) and g.values("train_error")]
    if not there:
        return []
    worst = max(there, key=lambda g: _mean(g.values("train_error")))
    value, n = _mean(worst.values("train_error")), result.train_images[worst.target]
    verdict: Verdict = "cannot tell"
    low = high = None
    if worst.metric == "accuracy":
        interval = wilson(round(value * n), n)
        low, high = min(interval.low, value), max(interval.high, value)
        verdict = "agrees" if high < _NEARLY_ZERO else "disagrees" if low > _NEARLY_ZERO else "cannot tell"
    where = f" at most, on {worst.target}" if len(there) > 1 else f" on {worst.target}"
    told = Estimate(value, low, high, "training images").points(2)
    return [
        Finding(
            f"{kind.capitalize()}: {_error(worst, 'training')} {percent(value, 2)}{told}{where}; under "
            f"{percent(_NEARLY_ZERO, 0)} counts as nearly zero; {count(len(there), 'target')}.",
            value=value,
            low=low,
            high=high,
            n=len(there),
            unit="targets",
            claim=FIT_CLAIM,
            verdict=verdict,
            weight=0.3,
        )
    ]


def _proportional(result: Transfer, kind: str) -> list[Finding]:
    """Pearson's correlation of deviation and test error over targets."""
    there = [g for t in result.targets if (g := result.best(t, kind))]
    if len(there) < 3 or len({g.metric for g in there}) > 1:  # 1 − AUC and error are not on one scale
        return []
    found = pearson([_mean(g.values("deviation")) for g in there], [_mean(g.values("test_error")) for g in there])
    if not math.isfinite(found.r):
        return []
    low, high = (found.interval.low, found.interval.high) if found.interval else (None, None)
    verdict = verdict_of(low, high)
    word = {"agrees": "goes with", "disagrees": "goes against"}.get(verdict, "does not clearly go with")
    few = "" if found.interval else ", too few for an interval"
    return [
        Finding(
            f"{kind.capitalize()}: over targets a larger deviation from the start {word} a larger "
            f"{_error(there[0])}: Pearson's r = {number(found.r)}{bracket(low, high)}, p = {number(found.p, 3)}; "
            f"{count(found.n, 'target')}{few}.",
            value=found.r,
            low=low,
            high=high,
            n=found.n,
            unit="targets",
            claim=PROPORTIONAL_CLAIM,
            verdict=verdict,
            weight=0.7,
        )
    ]


def _alone(result: Transfer, group: TransferGroup) -> Finding:
    """A kind with nothing to hold it against."""
    error = result.test_error(group)
    return Finding(
        f"{group.target}: {group.kind} ends with a {_error(group)} of {_percent(group)}{error.points()}; "
        f"{count(len(group.healthy), 'run')}.",
        value=error.value,
        low=error.low,
        high=error.high,
        n=len(group.healthy),
        unit="runs",
        weight=0.4,
    )


def _missing(result: Transfer) -> list[Finding]:
    """What is not compared, and why."""
    gaps = [
        f"no {kind} runs on {listed(without)}"
        for kind in KINDS
        if (without := [t for t in result.targets if not result.groups(t, kind)])
    ]
    gaps += [f"{told} and is left out" for told in by_start(result.left_out)]
    if not gaps:
        return []
    text = "; ".join(gaps)
    return [
        Finding(
            f"Not compared: {text}.",
            value=len(gaps),
            n=len(result.runs) + len(result.left_out),
            unit="runs",
            weight=0.2,
        )
    ]


def _diverged(result: Transfer) -> list[Finding]:
    gone = [run for run in result.runs if run.ended != "finished"]
    return diverged_finding([f"{run.label} on {run.target} ({run.ended})" for run in gone], len(result.runs))


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _percent(group: TransferGroup) -> str:
    return percent(_mean(group.values("test_error")), 2)


def _error(group: TransferGroup, part: str = "test") -> str:
    return f"{part} error" if group.metric == "accuracy" else f"{part} 1 − {metric_name(group.metric)}"


def _chosen(result: Transfer, *groups: TransferGroup) -> str:
    """Which start is meant where a kind has several."""
    told = [
        f"{g.kind} from {g.start} at learning rate {g.lr:g}"
        for g in groups
        if len(result.groups(g.target, g.kind)) > 1
    ]
    return f"; {listed(told)}, which ends best of its kind" if told else ""


def _runs(first: TransferGroup, second: TransferGroup) -> str:
    return f"{len(first.healthy)} and {count(len(second.healthy), 'run')}"


def _tested(result: Transfer, group: TransferGroup) -> str:
    return f", {count(result.test_images[group.target], 'test image')}"
