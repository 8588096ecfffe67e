"""Pieces of sentences about paths: amounts in the unit of their metric, and how high a barrier is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..evidence.estimate import Estimate
from ..evidence.finding import Finding, said
from ..evidence.left_out import LeftOut, joined
from ..evidence.peaks import Peak
from ..evidence.phrases import count, interval_text, number
from ._paths import Path

__all__ = ["amount", "compared", "level", "name_of", "not_finite", "peak_text", "remarks", "rise_words",
           "spread"]  # fmt: skip


def name_of(metric: str) -> str:
    """Name a metric, or 1 − it for those that are better when larger, as a sentence calls it.

    >>> name_of("error"), name_of("auc")
    ('error', '1 − AUC')
    """
    return {"accuracy": "error", "auc": "1 − AUC"}.get(metric, metric)


def amount(metric: str, x: float) -> str:
    """Return a difference with its unit: percentage points of error, nats of loss.

    >>> amount("error", 0.0123), amount("loss", 0.5), amount("auc", -0.01), amount("error", float("nan"))
    ('1.2 points', '0.50 nats', '−0.010', 'not finite')
    """
    if not math.isfinite(x):
        return "not finite"
    if metric in ("error", "accuracy"):
        return f"{number(100 * x, 1)} points"
    return f"{number(x)} nats" if metric == "loss" else number(x, 3)


def level(metric: str, x: float) -> str:
    """Return a value itself with its unit.

    >>> level("error", 0.123), level("loss", 0.5), level("auc", 0.1)
    ('12.3 %', '0.50', '0.100')
    """
    if not math.isfinite(x):
        return "not finite"
    if metric in ("error", "accuracy"):
        return f"{number(100 * x, 1)} %"
    return number(x, 2 if metric == "loss" else 3)


def spread(metric: str, e: Estimate, sign: int = 1) -> str:
    """Return the interval of an estimate in the metric's unit, with a space before it; empty when there is none.

    Args:
        metric: of what.
        e: what was estimated.
        sign: −1 where the number is written as the contrary: 2 points lower instead of −2 points higher.

    >>> spread("error", Estimate(0.015, 0.01, 0.02, over="images", n=400))
    ' (1.0 to 2.0 over these test images)'
    """
    factor, digits = (100, 1) if metric in ("error", "accuracy") else (1, 2 if metric == "loss" else 3)
    return interval_text(e, factor=sign * factor, digits=digits)


def compared(metric: str, e: Estimate, over: str, under: str) -> str:
    """Return a difference with the word for its sign, and its interval.

    >>> compared("error", Estimate(-0.01, -0.02, 0.01, over="networks", n=3), "lower", "higher")
    '1.0 points (−1.0 to 2.0) higher'
    """
    sign = -1 if e.value < 0 else 1
    return f"{amount(metric, abs(e.value))}{spread(metric, e, sign)} {under if sign < 0 else over}"


def peak_text(metric: str, peak: Peak) -> str:
    """Say how far an error rises at a λ chosen on other images, and what it stays under at every λ."""
    ceiling = peak.ceiling
    known = ceiling is not None and math.isfinite(ceiling)
    limit = f", at no λ by more than {amount(metric, ceiling or 0.0)} (one-sided 95 % limit)" if known else ""
    return f"{amount(metric, peak.height.value)}{spread(metric, peak.height)}{limit}"


def rise_words(metric: str, peak: Peak, threshold: float, *, over_ends: bool = True) -> str:
    """Say whether a rise is a barrier above a threshold: a description, the claims have margins of their own.

    Args:
        metric: of what.
        peak: the rise.
        threshold: how high a barrier is.
        over_ends: whether the path is worse than both of its ends somewhere.
    """
    limit, low, ceiling = amount(metric, threshold), peak.height.low, peak.ceiling
    if low is not None and low > threshold:
        return (
            f"a barrier (more than {limit})" if over_ends else f"more than {limit}, yet no worse than the worse end"
        )
    if ceiling is not None and ceiling < threshold:
        return f"no barrier (none above {limit})"
    return f"this cannot tell whether it exceeds {limit}"


def not_finite(path: Path, on: str) -> list[Finding]:
    """Name the places of a path where a metric is not finite, one finding a curve."""
    found = []
    for curve in path.curves:
        wrong = path.lambdas[~np.isfinite(curve.values)]
        if len(wrong):
            text = (
                f"From {path.a} to {path.b}, {on}the {curve.metric} on {curve.images} is not finite at "
                f"{count(len(wrong), 'place')} of {len(path.lambdas)} (λ from {number(wrong.min())} to "
                f"{number(wrong.max())}); these places are drawn as gaps and no height is given; "
                f"n = {count(curve.n, 'image')}."
            )
            found.append(said(text, Estimate(float(len(wrong))), n=len(path.lambdas), unit="points", weight=0.6))
    return found


def remarks(paths: Sequence[Path], left_out: Sequence[LeftOut]) -> list[Finding]:
    """Say what was left out, and which pairs were made to fit."""
    pairs, found = len(paths), []
    if left_out:
        text = f"Left out: {'; '.join(joined(left_out))}."
        found.append(said(text, Estimate(float(len(set(left_out)))), n=pairs, unit="pairs", weight=0.6))
    notes = [f"{p.a} & {p.b}: {p.note}." for p in paths if p.note]
    return found + [said(text, Estimate(1.0), n=pairs, unit="pairs", weight=0.2) for text in notes]
