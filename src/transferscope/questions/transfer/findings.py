"""What errors and deviations of transferred networks say, in sentences: networks are the sample, and test images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ...evidence.contrast import mean, ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import learned
from ...evidence.images import Numbers
from ...evidence.judge import judge
from ...evidence.left_out import LeftOut, joined
from ...evidence.phrases import count, interval_text, listed, number, percent, points_more, short
from ...evidence.proportion import correlation
from .._kinds import FINE_TUNED, HEAD_ONLY, KINDS, SCRATCH, metric_name
from .._sides import said_silenced
from .measure import Transfer, TransferGroup

__all__ = ["findings", "typical_error"]

_NEARLY_ZERO = 0.01
"""Training error that counts as nearly zero; the largest in Liu et al.'s Table 1 is 0.15 %."""


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
    return (*found, *_fit(result), *_proportional(result), *_missing(result), *_diverged(result))


def _gain(result: Transfer, tuned: TransferGroup, scratch: TransferGroup) -> Finding:
    less = result.counted(tuned).less(result.counted(scratch), "final")
    judged = judge("002-B.3-a", less, networks=result.witnesses.get(tuned.target, ()))
    word = {"agrees": "beats", "disagrees": "does worse than"}.get(judged.verdict, "does not clearly beat")
    gain = result.improvement(tuned)
    saved = ""
    if math.isfinite(gain.value):
        told = "an improvement of" if gain.value >= 0 else "worse by"
        sign = 1 if gain.value >= 0 else -1
        saved = f", {told} {percent(sign * gain.value)}{interval_text(gain, factor=100 * sign, digits=1)}"
    return said(
        f"{tuned.target}: fine-tuning {word} training from scratch: {_error(tuned)} {_percent(result, tuned)} "
        f"against {_percent(result, scratch)}, {points_more(less, 'less', 'more')}{saved}"
        f"{_chosen(result, tuned, scratch)}; {_sample(less, tuned, scratch)}.",
        less,
        n=len(tuned.runs) + len(scratch.runs),
        unit="runs",
        target=tuned.target,
        weight=0.9,
        judged=judged,
    )


def _head(result: Transfer, tuned: TransferGroup, head: TransferGroup) -> Finding:
    less = result.counted(tuned).less(result.counted(head), "final")
    judged = judge("002-3-b", less, networks=result.witnesses.get(tuned.target, ()))
    word = {"agrees": "ends no worse than", "disagrees": "does worse than"}.get(
        judged.verdict, "is not clearly as good as"
    )
    return said(
        f"{tuned.target}: fine-tuning all layers {word} training the head only: {_error(tuned)} "
        f"{_percent(result, tuned)} against {_percent(result, head)}, {points_more(less, 'less', 'more')}"
        f"{_chosen(result, tuned, head)}; {_sample(less, tuned, head)}.",
        less,
        n=len(tuned.runs) + len(head.runs),
        unit="runs",
        target=tuned.target,
        weight=0.6,
        judged=judged,
    )


def _farther(result: Transfer, tuned: TransferGroup, scratch: TransferGroup) -> list[Finding]:
    """How much farther from scratch ends from the pre-trained weights, heads left out."""
    sources = {run.source for run in result.runs if run.kind != SCRATCH}
    witnesses = result.witnesses.get(tuned.target, ())
    _, gone = learned(witnesses)
    failed = {left.subject for left in gone}
    near, far = (_learned(result, g, "from_pretrained") for g in (tuned, scratch))
    if len(sources) > 1:  # the given weights are those of one source
        return []
    if not (near and far) and failed:
        told = f"{tuned.target}: how far networks end from the pre-trained weights is not compared."
        return [said_silenced("002-B.3-b", told, witnesses, target=tuned.target, weight=0.3)]
    if not (near and far) or min(near) <= 0:
        return []
    times = ratio(far, near)
    named = {run.label for group in (tuned, scratch) for run in group.runs}
    rests = [w for w in witnesses if w.role == "P" or (w.label in named and not w.unfit)]
    judged = judge("002-B.3-b", times, networks=rests)
    return [
        said(
            f"{tuned.target}: networks from scratch end {number(times.value)} times"
            f"{interval_text(times, form='times')} as far from the pre-trained weights as fine-tuned ones: deviation "
            f"without the head {short(_mean(far))} against {short(_mean(near))}, n = "
            f"{result.train_images[tuned.target]:,} training images; {len(near)} and {count(len(far), 'run')}"
            f"{'' if times.known else ', too few for an interval'}.",
            times,
            n=len(near) + len(far),
            unit="runs",
            target=tuned.target,
            weight=0.7,
            judged=judged,
        )
    ]


def _fit(result: Transfer) -> list[Finding]:
    """Whether the training error is nearly zero on every target, head only and fine-tuned: one claim about all."""
    there = [
        g
        for kind in (HEAD_ONLY, FINE_TUNED)
        for t in result.targets
        if (g := result.best(t, kind)) and math.isfinite(result.train_error(g).value)
    ]
    if not there:
        return []
    errors = [_typical(result, g) for g in there]
    witnesses = [w for t in result.targets for w in result.witnesses.get(t, ())]
    judged = judge("002-3-a", *errors, networks=witnesses)
    worst = max(range(len(there)), key=lambda i: errors[i].value)
    group, error = there[worst], errors[worst]
    where = f" at most, {group.kind} on {group.target}" if len(there) > 1 else f" {group.kind} on {group.target}"
    return [
        said(
            f"The {_error(group, 'training')} is {percent(error.value, 2)}"
            f"{interval_text(error, factor=100, digits=2)}{where} (geometric mean over runs, half a training image "
            f"at least); under {percent(_NEARLY_ZERO, 0)} counts as nearly zero; "
            f"{count(len(there), 'kind and target', 'kinds and targets')}.",
            error,
            n=len(there),
            unit="kinds and targets",
            weight=0.3,
            judged=judged,
        )
    ]


def _typical(result: Transfer, group: TransferGroup) -> Estimate:
    counted = result.counted(group).counts("speed")
    return typical_error(1 - counted.numbers("speed"), 0.5 / result.train_images[group.target])


def typical_error(errors: Numbers, least: float) -> Estimate:
    """Return the geometric mean of small errors, one a network; its interval is over networks.

    Errors near 0 are skewed to the right, and Student's upper limit of few such numbers is too low; their logarithms
    hardly are.

    Args:
        errors: from 0.
        least: what 0 counts as: half an image.

    >>> round(typical_error([0.0, 0.01, 0.04], 0.0025).value, 6)
    0.01
    """
    return mean(np.log(np.maximum(errors, least))).as_ratio()


def _proportional(result: Transfer) -> list[Finding]:
    """Pearson's correlation of deviation and test error over targets, for head only and for fine-tuned."""
    found: dict[str, tuple[Estimate, int, str]] = {}
    for kind in (HEAD_ONLY, FINE_TUNED):
        there = [g for t in result.targets if (g := result.best(t, kind)) and _learned(result, g, "deviation")]
        if len(there) < 3 or len({g.metric for g in there}) > 1:  # 1 − AUC and error are not on one scale
            continue
        errors = [_mean(_learned(result, g, "test_error")) for g in there]
        r = correlation([_mean(_learned(result, g, "deviation")) for g in there], errors)
        if math.isfinite(r.value):
            found[kind] = r, len(there), _error(there[0])
    every = [w for t in result.targets for w in result.witnesses.get(t, ())]
    if not found:
        text = "Deviation and error are not compared over targets."
        return [said_silenced("002-3-f", text, every, numbers=2, weight=0.3)] if _would_be_compared(result) else []
    witnesses = [w for w in every if w.role == "P" or not w.unfit]
    judged = judge("002-3-f", *(r for r, _, _ in found.values()), networks=witnesses)
    told = [f"{kind} r = {number(r.value)}{interval_text(r)}" for kind, (r, _, _) in found.items()]
    r, n, error = next(iter(found.values()))
    word = {"agrees": "goes with", "disagrees": "goes against"}.get(judged.verdict, "does not clearly go with")
    few = "" if r.known else ", too few for an interval"
    return [
        said(
            f"Over targets a larger deviation from the start {word} a larger {error} (Pearson): {listed(told)}; "
            f"{count(n, 'target')}{few}.",
            r,
            n=n,
            unit="targets",
            weight=0.7,
            judged=judged,
        )
    ]


def _would_be_compared(result: Transfer) -> bool:
    """Whether three targets of one metric have runs of a kind, were all of them networks that learned something."""
    there = [[g for t in result.targets if (g := result.best(t, kind))] for kind in (HEAD_ONLY, FINE_TUNED)]
    return any(sum(bool(g.values("deviation")) for g in of) > 2 and len({g.metric for g in of}) == 1 for of in there)


def _learned(result: Transfer, group: TransferGroup, what: str) -> list[float]:
    """A number of every run that learned something: position says nothing of networks that did not."""
    failed = {left.subject for left in learned(result.witnesses.get(group.target, ()))[1]}
    return [x for run in group.healthy if run.label not in failed and math.isfinite(x := getattr(run, what))]


def _alone(result: Transfer, group: TransferGroup) -> Finding:
    """A kind with nothing to hold it against."""
    error = result.test_error(group)
    return said(
        f"{group.target}: {group.kind} ends with a {_error(group)} of {_percent(result, group)}"
        f"{interval_text(error, factor=100, digits=1)}; {count(len(group.runs), 'run')}.",
        error,
        n=len(group.runs),
        unit="runs",
        target=group.target,
        weight=0.4,
    )


def _missing(result: Transfer) -> list[Finding]:
    """What is not compared, and why."""
    gaps = [
        f"no {kind} runs on {listed(without)}"
        for kind in KINDS
        if (without := [t for t in result.targets if not result.groups(t, kind)])
    ]
    gaps += joined(result.left_out)
    if not gaps:
        return []
    runs = len(result.runs) + len(result.left_out)
    return [said(f"Not compared: {'; '.join(gaps)}.", Estimate(float(len(gaps))), n=runs, unit="runs", weight=0.2)]


def _diverged(result: Transfer) -> list[Finding]:
    gone = [LeftOut(run.label, run.ended, run.target) for run in result.runs if run.ended != "finished"]
    if not gone:
        return []
    how = "counted as chance in claims about errors" if result.chance else "left out of the means"
    text = f"{count(len(gone), 'run')} of {len(result.runs)} diverged, {how}: {'; '.join(joined(gone))}."
    return [said(text, Estimate(float(len(gone))), n=len(result.runs), unit="runs", weight=0.6)]


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def _percent(result: Transfer, group: TransferGroup) -> str:
    return percent(result.test_error(group).value, 2)


def _error(group: TransferGroup, part: str = "test") -> str:
    return f"{part} error" if group.metric == "accuracy" else f"{part} 1 − {metric_name(group.metric)}"


def _chosen(result: Transfer, *groups: TransferGroup) -> str:
    """Which start is meant where a kind has several, and why."""
    several = [g for g in groups if len(result.groups(g.target, g.kind)) > 1]
    if not several:
        return ""
    told = [f"{g.kind} from {g.start} at learning rate {g.lr:g}" for g in several]
    known = all(result.validated(g.target, g.kind) for g in several)
    why = (
        "best of its kind on validation images"
        if known
        else "the first of its kind that did not diverge, as there are no validation images"
    )
    return f"; {listed(told)}, {why}"


def _sample(estimate: Estimate, first: TransferGroup, second: TransferGroup) -> str:
    runs = f"{len(first.runs)} and {count(len(second.runs), 'run')}"
    images = f", {count(estimate.images or estimate.n, 'test image')}" if "images" in estimate.over else ""
    return f"{runs}{images}{'' if estimate.known else ', too few for an interval'}"
