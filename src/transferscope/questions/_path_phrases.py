"""Pieces of sentences about paths: amounts in the unit of their metric, what an interval says of a threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ._paths import LeftOut, Path
from ._phrases import count, number
from .result import Finding, Verdict

__all__ = ["amount", "between", "known", "level", "name_of", "not_finite", "outcome", "remarks"]


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


def between(metric: str, low: float | None, high: float | None) -> str:
    """Return an interval in the metric's unit, with a space before it; empty when there is none.

    >>> between("error", 0.01, 0.02), between("error", float("nan"), 0.0)
    (' (95 % interval 1.0 to 2.0)', '')
    """
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    scale, digits = (100, 1) if metric in ("error", "accuracy") else (1, 2 if metric == "loss" else 3)
    return f" (95 % interval {number(scale * low, digits)} to {number(scale * high, digits)})"


def known(x: float) -> float | None:
    """Return the end of an interval, ``None`` where there is none.

    >>> known(0.5), known(float("nan"))
    (0.5, None)
    """
    return None if math.isnan(x) else x


def outcome(low: float | None, high: float | None, threshold: float) -> Verdict:
    """Judge the claim that a number lies above a threshold: the interval above it, at or below it, or on both sides.

    >>> outcome(0.1, 0.2, 0.02), outcome(0.0, 0.02, 0.02), outcome(0.0, 0.1, 0.02), outcome(None, None, 0.02)
    ('agrees', 'disagrees', 'cannot tell', 'cannot tell')
    """
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return "cannot tell"
    return "agrees" if low > threshold else "disagrees" if high <= threshold else "cannot tell"


def not_finite(path: Path, on: str) -> list[Finding]:
    """Name the places of a path where a metric is not finite, one finding a curve."""
    found = []
    for curve in path.curves:
        wrong = path.lambdas[~np.isfinite(curve.values)]
        if len(wrong):
            found.append(
                Finding(
                    f"From {path.a} to {path.b}, {on}the {curve.metric} on {curve.images} is not finite at "
                    f"{count(len(wrong), 'place')} of {len(path.lambdas)} (λ from {number(wrong.min())} to "
                    f"{number(wrong.max())}); these places are drawn as gaps and no height is given; "
                    f"n = {count(curve.n, 'image')}.",
                    value=float(len(wrong)),
                    n=len(path.lambdas),
                    unit="points",
                    weight=0.6,
                )
            )
    return found


def remarks(paths: Sequence[Path], left_out: Sequence[LeftOut]) -> list[Finding]:
    """Say which pairs were left out and which were made to fit."""
    pairs = len(paths) + len(left_out)
    found = [
        Finding(f"{o.a} & {o.b} left out. {o.reason}.", value=1.0, n=pairs, unit="pairs", weight=0.6)
        for o in left_out
    ]
    found += [
        Finding(f"{p.a} & {p.b}: {p.note}.", value=1.0, n=pairs, unit="pairs", weight=0.2) for p in paths if p.note
    ]
    return found
