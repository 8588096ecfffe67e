"""What the eigenvalues of the Hessian say, in sentences.

Eigenvalues at given weights on given images are computed, not sampled; what varies is which networks one happened to
have. So a contrast is judged over networks, and one network of a kind says nothing of another.
"""

from __future__ import annotations

import math

import numpy as np

from .._phrases import count, least_to_most, listed, short
from .._ratios import geometric_mean, ratio_of_networks
from ..result import Finding
from .measure import Hessian

__all__ = ["findings"]

_CLAIM = "002 §3, Fig. 3a: the largest eigenvalues of the Hessian are smaller after fine-tuning than from scratch"


def findings(result: Hessian) -> tuple[Finding, ...]:
    """Return the findings of a result: how sharp each minimum is, whose is flatter, what did not converge."""
    found = [_level(result, m) for m in range(len(result.members))]
    p, ri = ([i for i, m in enumerate(result.members) if m.role == role] for role in ("P-T", "RI-T"))
    if p and ri:
        found.append(_contrast(result, p, ri, _sharpness(result), "The largest eigenvalue", 0.7))
        if result.values.shape[1] > 1:
            what = f"The sum of the sizes of the {result.values.shape[1]} largest eigenvalues"
            found.append(_contrast(result, p, ri, np.abs(result.values).sum(1), what, 0.6))
    if len(result.members) > 1 and not any(m.role for m in result.members):
        found += _range(result)
    return tuple(found + _unfinished(result))


def _sharpness(result: Hessian) -> np.ndarray:
    """The largest eigenvalue of each network; nan where all that were computed, the largest in size, are negative."""
    top: np.ndarray = result.values.max(1)
    return np.where((top > 0) | (result.which == "algebraic"), top, np.nan)


def _level(result: Hessian, m: int) -> Finding:
    values = result.values[m]
    negative = int((values < 0).sum())
    lowest = f", {count(negative, 'of them negative', 'of them negative')} (to {short(values.min())})" * bool(
        negative
    )
    where = f" of {result.module}" if result.module else ""
    of, last = (
        (f" of {len(values)} eigenvalues", f", the last {short(values[-1])}")
        if len(values) > 1
        else (" eigenvalue", "")
    )
    largest = "largest in size" if result.which == "magnitude" and negative else "largest"
    return Finding(
        f"{result.members[m].label}: the {largest}{of} of the Hessian{where} is "
        f"{short(values[0])} (numerical error {short(result.errors[m, 0])}){last}{lowest}; "
        f"loss {short(result.loss[m])}, gradient {short(result.gradient_norm[m])}; "
        f"{count(result.n, 'image')}, {count(int(result.size[m]), 'parameter')}.",
        value=float(values[0]),
        n=result.n,
        unit="images",
        weight=0.3,
    )


def _range(result: Hessian) -> list[Finding]:
    """Which of some networks of unknown kind is sharpest."""
    known = {m.label: float(x) for m, x in zip(result.members, _sharpness(result), strict=True) if not math.isnan(x)}
    if len(known) < 2:
        return []
    told = least_to_most([*known], [*known.values()])
    return [
        Finding(
            f"The largest eigenvalue of the Hessian goes from {told}; {count(len(known), 'network')}, "
            f"{count(result.n, 'image')}.",
            value=max(known.values()),
            n=len(known),
            unit="networks",
            weight=0.4,
        )
    ]


def _contrast(result: Hessian, p: list[int], ri: list[int], values: np.ndarray, what: str, weight: float) -> Finding:
    far, near = values[ri], values[p]
    got = ratio_of_networks(far, near)
    if math.isnan(got.value):
        told = "cannot be compared with that of P-T: not all are positive"
    else:
        told = f"is {got.told} that of P-T: {short(geometric_mean(far))} against {short(geometric_mean(near))}"
    return Finding(
        f"{what} of RI-T {told}; {len(ri)} and {count(len(p), 'network')}, {count(result.n, 'image')}.",
        value=got.value,
        low=got.low,
        high=got.high,
        n=len(p) + len(ri),
        unit="networks",
        claim=_CLAIM,
        verdict=got.verdict,
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
