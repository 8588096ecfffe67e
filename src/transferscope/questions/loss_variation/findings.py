"""What the variation of the loss along the gradient says, in sentences.

The interval of one run is over images, with the gradient held fixed. To compare kinds, the steps of a run become one
number, their median, as they are not independent; runs are the sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...evidence.contrast import ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.phrases import count, least_to_most, listed, short, times
from .._sides import Sides, geometric_mean, interval_of, not_compared, sides
from .measure import LossVariation, VariationCurve

__all__ = ["findings"]

_CLAIMS = {"own": "002-4-b", "fixed": "002-4-c"}


def findings(result: LossVariation) -> tuple[Finding, ...]:
    """Return the findings of a result: how much the loss varies in each run, in which more, and what broke."""
    if result.alone:
        return tuple([_single(result, curve) for curve in result.curves] + _range(result))
    both = sides(result.curves, result.witnesses)
    found = [_level(result, curve) for curve in result.curves]
    found += not_compared((_CLAIMS[result.protocol],), both)
    if both.compared:
        found += _contrasts(result, both)
    runs = {c.label for c in result.curves} | {one.subject for one in result.left_out}
    return (*found, *_broken(result), *remark(result.left_out, len(runs), "runs", weight=0.4))


def _reach(result: LossVariation) -> str:
    own = "out to the gradient's own size" if result.size == 1 else f"out to {result.size:g} times the gradient"
    return own if result.protocol == "own" else f"out to a distance of {result.size:g}"


def _single(result: LossVariation, curve: VariationCurve) -> Finding:
    """What is said of weights that belong to no run."""
    found = curve.estimate(0)
    ends, lost = curve.losses[0, [0, -1]], int(curve.broken()[0])
    told = f"varies by {short(found.value)}{interval_of(found)} and ends at {short(ends[1])}"
    if lost:
        why = " as the gradient itself is not" if not np.isfinite(curve.gradient_norm[0]) else ""
        told = f"is not finite at {lost} of {count(len(result.places), 'place')}{why}"
    return said(
        f"{curve.label}: along the gradient, {_reach(result)}, the loss, {short(ends[0])}, {told}; "
        f"{count(result.n, 'image')}.",
        found,
        n=result.n,
        unit="images",
        weight=0.5 if lost else 0.3,
    )


def _range(result: LossVariation) -> list[Finding]:
    if len(result.curves) < 2:
        return []
    labels, values = [c.label for c in result.curves], [float(c.variation()[0]) for c in result.curves]
    told = least_to_most(labels, values)
    return [
        said(
            f"Along the gradient, {_reach(result)}, the loss varies by {told}; "
            f"{count(len(labels), 'network')}, {count(result.n, 'image')}.",
            Estimate(max(values)),
            n=len(labels),
            unit="networks",
            weight=0.4,
        )
    ]


def _level(result: LossVariation, curve: VariationCurve) -> Finding:
    variation = curve.variation()
    middle, top = float(np.median(variation)), int(variation.argmax())
    highest = curve.estimate(top)
    down = int((curve.losses[:, -1] < curve.losses[:, 0]).sum())
    if len(curve.steps) > 1:
        most = f", at most {short(highest.value)}{interval_of(highest)} at step {curve.steps[top]:,}"
        told = f"{short(middle)} in the median of {len(curve.steps)} recorded steps{most}"
    else:
        told = f"{short(middle)}{interval_of(highest)} at step {curve.steps[0]:,}"
    return said(
        f"{curve.label}: along the gradient, {_reach(result)}, the loss varies by {told}; a walk of "
        f"that length ends lower than it began at {down} of {count(len(curve.steps), 'step')}; "
        f"{count(result.n, 'image')}.",
        Estimate(middle) if len(curve.steps) > 1 else highest,
        n=result.n,
        unit="images",
        weight=0.3,
    )


def _contrasts(result: LossVariation, both: Sides) -> list[Finding]:
    ri, p = ([result.curves[i] for i in places] for places in (both.far, both.near))
    claim, n = _CLAIMS[result.protocol], len(p) + len(ri)
    shared = sorted(set.intersection(*(set(c.steps.tolist()) for c in (*p, *ri))))
    if not shared:
        nothing = Estimate(math.nan)
        return [
            said(
                f"{listed([c.label for c in (*p, *ri)])} have no recorded step in common, so their variation cannot "
                "be compared; record the same steps in all.",
                nothing,
                n=n,
                unit="runs",
                weight=0.6,
                judged=judge(claim, nothing, networks=both.networks),
            )
        ]
    far, near = (_medians(of, shared, VariationCurve.variation) for of in (ri, p))
    found = ratio(far, near)
    means = [np.mean([_at(c, shared, c.variation()) for c in of], axis=0) for of in (ri, p)]
    more = int((means[0] > means[1]).sum())
    told = f"{times(found.value)}{interval_of(found, 'times')} times as much as that of P-T"
    if math.isnan(found.value):
        told = "by an amount that cannot be set against that of P-T"
    return [
        said(
            f"Along the gradient, {_reach(result)}, the loss of RI-T varies {told} (one median over "
            f"{count(len(shared), 'common step')} a run: {short(geometric_mean(far))} against "
            f"{short(geometric_mean(near))}), and more at {more} of the steps; {len(ri)} and {count(len(p), 'run')}, "
            f"{count(result.n, 'image')}.",
            found,
            n=n,
            unit="runs",
            weight=0.8,
            judged=judge(claim, found, networks=both.networks),
        ),
        _gradients(ri, p, shared),
    ]


def _gradients(ri: Sequence[VariationCurve], p: Sequence[VariationCurve], shared: list[int]) -> Finding:
    far, near = (_medians(of, shared, lambda c: c.gradient_norm) for of in (ri, p))
    found = ratio(far, near)
    return said(
        f"The gradient of RI-T is {times(found.value)}{interval_of(found, 'times')} times as large as that of P-T, "
        f"in the median over {count(len(shared), 'common step')}; {len(ri)} and {count(len(p), 'run')}.",
        found,
        n=len(p) + len(ri),
        unit="runs",
        weight=0.4,
    )


def _medians(
    curves: Sequence[VariationCurve], shared: list[int], of: Callable[[VariationCurve], np.ndarray]
) -> np.ndarray:
    """One number a run: exp of the median over these steps of the logarithm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.exp([np.median(np.log(_at(c, shared, of(c)))) for c in curves])


def _at(curve: VariationCurve, shared: list[int], values: np.ndarray) -> np.ndarray:
    there: np.ndarray = values[np.isin(curve.steps, shared)]
    return there


def _broken(result: LossVariation) -> list[Finding]:
    found = []
    for curve in result.curves:
        broken = curve.broken()
        if not broken.any():
            continue
        first, n = int(np.flatnonzero(broken)[0]), int((broken > 0).sum())
        lost = int((~np.isfinite(curve.gradient_norm)).sum())
        why = f", at {lost} of them because the gradient itself is not" if lost else ""
        found.append(
            said(
                f"{curve.label}: the loss along the gradient is not finite at {n} of "
                f"{count(len(curve.steps), 'recorded step')}, first at step {curve.steps[first]:,}{why}; there its "
                "variation counts as infinite.",
                Estimate(float(n)),
                n=len(curve.steps),
                unit="steps",
                weight=0.5,
            )
        )
    return found
