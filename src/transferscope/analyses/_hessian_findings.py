"""What the eigenvalues of the Hessian say, in sentences.

Eigenvalues at given weights on given images are computed, not sampled; what varies is which seeds one happened to
have. So a contrast is judged by whether the two kinds of networks overlap, and its range is that over networks.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..results import Finding, Verdict
from ._phrases import count, listed, number

if TYPE_CHECKING:
    from .hessian import Hessian

__all__ = ["hessian_findings"]

_CLAIM = "002 §3, Fig. 3a: the largest eigenvalues of the Hessian are smaller after fine-tuning than from scratch"


def hessian_findings(result: Hessian) -> tuple[Finding, ...]:
    """Return the findings of a result: how sharp each minimum is, whose is flatter, what did not converge."""
    found = [_level(result, m) for m in range(len(result.members))]
    p, ri = ([i for i, m in enumerate(result.members) if m.role == role] for role in ("P-T", "RI-T"))
    if p and ri:
        found.append(_contrast(result, p, ri, result.values[:, 0], "The largest eigenvalue", 0.7))
        if result.values.shape[1] > 1:
            what = f"The sum of the {result.values.shape[1]} largest eigenvalues"
            found.append(_contrast(result, p, ri, result.values.sum(1), what, 0.6))
    return tuple(found + _unfinished(result))


def _level(result: Hessian, m: int) -> Finding:
    values = result.values[m]
    negative = int((values < 0).sum())
    lowest = f", {count(negative, 'of them negative', 'of them negative')} (to {_short(values.min())})" * bool(
        negative
    )
    where = f" of {result.module}" if result.module else ""
    return Finding(
        f"{result.members[m].label}: the largest of {count(len(values), 'eigenvalue')} of the Hessian{where} is "
        f"{_short(values[0])} (± {_short(result.errors[m, 0])}), the last {_short(values[-1])}{lowest}; loss "
        f"{_short(result.loss[m])}, gradient {_short(result.gradient_norm[m])}; {count(result.n, 'image')}, "
        f"{count(int(result.size[m]), 'parameter')}.",
        value=float(values[0]),
        low=float(values[0] - result.errors[m, 0]),
        high=float(values[0] + result.errors[m, 0]),
        n=result.n,
        unit="images",
        weight=0.3,
    )


def _contrast(result: Hessian, p: list[int], ri: list[int], values: np.ndarray, what: str, weight: float) -> Finding:
    far, near = values[ri], values[p]
    several = len(p) > 1 or len(ri) > 1
    verdict: Verdict = (
        "agrees" if far.min() > near.max() else "disagrees" if far.max() < near.min() else "cannot tell"
    )
    positive = bool((values[[*p, *ri]] > 0).all())  # a ratio says nothing otherwise
    value = float(far.mean() / near.mean()) if positive else float(far.mean() - near.mean())
    low, high = (
        (float(far.min() / near.max()), float(far.max() / near.min()))
        if positive
        else (float(far.min() - near.max()), float(far.max() - near.min()))
    )
    spread = f" (network by network {number(low)} to {number(high)})" if several else ""
    told = f"is {number(value)}{spread} times that of P-T" if positive else f"is {number(value)}{spread} above P-T's"
    return Finding(
        f"{what} of RI-T {told}: {_short(far.mean())} against {_short(near.mean())}; "
        f"{len(ri)} and {count(len(p), 'network')}, {count(result.n, 'image')}.",
        value=value,
        low=low if several else None,
        high=high if several else None,
        n=len(p) + len(ri),
        unit="networks",
        claim=_CLAIM,
        verdict=verdict,
        weight=weight,
    )


def _unfinished(result: Hessian) -> list[Finding]:
    late = [m.label for m, done in zip(result.members, result.converged, strict=True) if not done]
    if not late:
        return []
    reached = float((result.errors / np.abs(result.values)).max())
    return [
        Finding(
            f"{listed(late)}: not all eigenvalues reached a relative error of {result.tolerance:g} within the "
            f"products allowed (the worst is {reached:.2g}); see the residuals.",
            value=reached,
            n=len(late),
            unit="networks",
            weight=0.4,
        )
    ]


def _short(x: float) -> str:
    """Three significant figures."""
    if not math.isfinite(x):
        return "nan"
    if x and not 1e-3 <= abs(x) < 1e6:
        return f"{x:.1e}".replace("-", "−")
    return number(float(x), max(0, 2 - math.floor(math.log10(abs(x)))) if x else 2)
