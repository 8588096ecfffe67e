"""What the variation of the loss along the gradient says, in sentences.

Intervals are over images, with the gradient held fixed; a contrast must also hold for any two runs.
"""

from __future__ import annotations

import numpy as np

from .._phrases import count, least_to_most, listed, short
from .._ratios import ratio
from ..result import Finding
from .measure import LossVariation, VariationCurve

__all__ = ["findings"]

_CLAIMS = {
    "own": "002 §4, Fig. 6: along the gradient the loss of pre-trained networks varies less than from scratch",
    "fixed": "002 App. B.2, Fig. 11: also out to a fixed size the loss of pre-trained networks varies less",
}


def findings(result: LossVariation) -> tuple[Finding, ...]:
    """Return the findings of a result: how much the loss varies in each run, in which more, and what broke."""
    if result.alone:
        return tuple([_single(result, curve) for curve in result.curves] + _range(result))
    found = [_level(result, curve) for curve in result.curves]
    p, ri = (_whole([c for c in result.curves if c.role == role]) for role in ("P-T", "RI-T"))
    if p and ri:
        found += _contrasts(result, p, ri)
    return tuple(found + _broken(result) + _ended(result))


def _whole(curves: list[VariationCurve]) -> list[VariationCurve]:
    """Return the runs that came to their end, or all where none did."""
    return [c for c in curves if c.ended == "finished"] or curves


def _reach(result: LossVariation) -> str:
    own = "out to the gradient's own size" if result.size == 1 else f"out to {result.size:g} times the gradient"
    return own if result.protocol == "own" else f"out to a distance of {result.size:g}"


def _single(result: LossVariation, curve: VariationCurve) -> Finding:
    """What is said of weights that belong to no run."""
    low, high = curve.interval(0)
    value, ends, lost = float(curve.variation()[0]), curve.losses[0, [0, -1]], int(curve.broken()[0])
    told = f"varies by {_of(value, low, high)} and ends at {short(ends[1])}"
    if lost:
        why = " as the gradient itself is not" if not np.isfinite(curve.gradient_norm[0]) else ""
        told = f"is not finite at {lost} of {count(len(result.places), 'place')}{why}"
    return Finding(
        f"{curve.label}: along the gradient, {_reach(result)}, the loss, {short(ends[0])}, {told}; "
        f"{count(result.n, 'image')}.",
        value=value,
        low=low,
        high=high,
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
        Finding(
            f"Along the gradient, {_reach(result)}, the loss varies by {told}; "
            f"{count(len(labels), 'network')}, {count(result.n, 'image')}.",
            value=max(values),
            n=len(labels),
            unit="networks",
            weight=0.4,
        )
    ]


def _level(result: LossVariation, curve: VariationCurve) -> Finding:
    variation = curve.variation()
    middle, top = float(np.median(variation)), int(variation.argmax())
    low, high = curve.interval(top)
    change = curve.losses[:, -1] - curve.losses[:, 0]
    down = int((change < 0).sum())
    several = len(curve.steps) > 1
    most = f", at most {_of(variation[top], low, high)} at step {curve.steps[top]:,}" if several else ""
    only = f" at step {curve.steps[0]:,}" if not several else f" in the median of {len(curve.steps)} recorded steps"
    first = _of(middle, None, None) if several else _of(middle, low, high)
    return Finding(
        f"{curve.label}: along the gradient, {_reach(result)}, the loss varies by {first}{only}{most}; a walk of "
        f"that length ends lower than it began at {down} of {count(len(curve.steps), 'step')}; "
        f"{count(result.n, 'image')}.",
        value=middle,
        low=None if several else low,
        high=None if several else high,
        n=result.n,
        unit="images",
        weight=0.3,
    )


def _contrasts(result: LossVariation, p: list[VariationCurve], ri: list[VariationCurve]) -> list[Finding]:
    shared = set.intersection(*(set(c.steps.tolist()) for c in (*p, *ri)))
    if not shared:
        labels = listed([c.label for c in (*p, *ri)])
        return [
            Finding(
                f"{labels} have no recorded step in common, so their variation cannot be compared; "
                "record the same steps in all.",
                value=0,
                n=len(p) + len(ri),
                unit="runs",
                claim=_CLAIMS[result.protocol],
                verdict="cannot tell",
                weight=0.6,
            )
        ]
    at = sorted(shared)
    above, below = (np.array([c.variation()[np.isin(c.steps, at)] for c in of]) for of in (ri, p))
    draws = [np.array([c.draws[np.isin(c.steps, at)] for c in of]) for of in (ri, p)]
    draws = [np.where(np.isnan(d), np.inf, d) for d in draws]
    got = ratio(above, below, (draws[0], draws[1]))
    with np.errstate(invalid="ignore"):
        more = int((above.mean(0) > below.mean(0)).sum())
    sizes = [np.array([c.gradient_norm[np.isin(c.steps, at)] for c in of]) for of in (ri, p)]
    return [
        Finding(
            f"Along the gradient the loss of RI-T varies {got.told} as much as that of P-T in the median over "
            f"{count(len(at), 'common step')} (medians of each: {short(float(np.median(above)))} against "
            f"{short(float(np.median(below)))}), and more at {more} of them; {len(ri)} and {count(len(p), 'run')}, "
            f"{count(result.n, 'image')}.",
            value=got.value,
            low=got.low,
            high=got.high,
            n=result.n,
            unit="images",
            claim=_CLAIMS[result.protocol],
            verdict=got.verdict,
            weight=0.8,
        ),
        _gradients(sizes[0], sizes[1], len(at)),
    ]


def _gradients(above: np.ndarray, below: np.ndarray, steps: int) -> Finding:
    got = ratio(above, below)
    return Finding(
        f"The gradient of RI-T is {got.told} as large as that of P-T (median over {count(steps, 'common step')}).",
        value=got.value,
        low=got.low,
        high=got.high,
        n=steps,
        unit="steps",
        weight=0.4,
    )


def _broken(result: LossVariation) -> list[Finding]:
    found = []
    for curve in result.curves:
        broken = curve.broken()
        if not broken.any():
            continue
        first = int(np.flatnonzero(broken)[0])
        lost = int((~np.isfinite(curve.gradient_norm)).sum())
        why = f", at {lost} of them because the gradient itself is not" if lost else ""
        found.append(
            Finding(
                f"{curve.label}: the loss along the gradient is not finite at {int((broken > 0).sum())} of "
                f"{count(len(curve.steps), 'recorded step')}, first at step {curve.steps[first]:,}{why}; there its "
                "variation counts as infinite.",
                value=int((broken > 0).sum()),
                n=len(curve.steps),
                unit="steps",
                weight=0.5,
            )
        )
    return found


def _ended(result: LossVariation) -> list[Finding]:
    short_of = [f"{c.label} {c.ended}" for c in result.curves if c.ended != "finished"]
    found = []
    if short_of:
        text = "looked at up to the last step recorded before, and compared only where no other run is."
        found.append(f"{listed(short_of)}: {text}")
    if result.left_out:
        found.append(f"{listed(result.left_out)}, before anything was recorded, and left out.")
    counts = [n for n in (len(short_of), len(result.left_out)) if n]
    runs = len(result.curves) + len(result.left_out)
    return [Finding(text, value=n, n=runs, unit="runs", weight=0.4) for text, n in zip(found, counts, strict=True)]


def _of(x: float, low: float | None, high: float | None) -> str:
    interval = "" if low is None or high is None else f" ({short(low)} to {short(high)})"
    return f"{short(x)}{interval}"
