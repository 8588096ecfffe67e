"""What the eigenvalues of the Hessian say, in sentences.

Eigenvalues at given weights on given images are computed, not sampled; what varies is which networks one happened to
have. So a contrast is judged over networks, and one network of a kind says nothing of another.
"""

from __future__ import annotations

import math

import numpy as np

from ...evidence.contrast import ratio
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, least_to_most, listed, short, times
from .._sides import Sides, geometric_mean, interval_of, not_compared, said_unlearned, sides
from .measure import Hessian

__all__ = ["findings"]


def findings(result: Hessian) -> tuple[Finding, ...]:
    """Return the findings of a result: how sharp each minimum is, whose is flatter, what did not converge."""
    both = sides(result.members, result.witnesses)
    found = [_level(result, m) for m in range(len(result.members))]
    found += [_contrast(result, both)] if both.compared else not_compared(("002-3-g",), both)
    if len(result.members) > 1 and not any(m.role for m in result.members):
        found += _range(result)
    return (*found, *_unfinished(result), *said_unlearned(result.members, result.witnesses))


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
    return said(
        f"{result.members[m].label}: the {largest}{of} of the Hessian{where} is "
        f"{short(values[0])} (numerical error {short(result.errors[m, 0])}){last}{lowest}; "
        f"loss {short(result.loss[m])}, gradient {short(result.gradient_norm[m])}; "
        f"{count(result.n, 'image')}, {count(int(result.size[m]), 'parameter')}.",
        Estimate(float(values[0])),
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
        said(
            f"The largest eigenvalue of the Hessian goes from {told}; {count(len(known), 'network')}, "
            f"{count(result.n, 'image')}.",
            Estimate(max(known.values())),
            n=len(known),
            unit="networks",
            weight=0.4,
        )
    ]


def _contrast(result: Hessian, both: Sides) -> Finding:
    p, ri = both.near, both.far
    top, total = _sharpness(result), np.abs(result.values).sum(1)
    largest, summed = (ratio(of[ri], of[p]) for of in (top, total))
    sum_of = f"the sum of the sizes of the {count(result.values.shape[1], 'eigenvalue')} computed"
    told = [
        f"the largest eigenvalue {_told(largest, top[ri], top[p])}",
        f"{sum_of} {_told(summed, total[ri], total[p])}",
    ]
    return said(
        f"RI-T against P-T: {' and '.join(told)}; {len(ri)} and {count(len(p), 'network')}, "
        f"{count(result.n, 'image')}.",
        largest,
        n=len(p) + len(ri),
        unit="networks",
        weight=0.7,
        judged=judge("002-3-g", largest, summed, networks=both.networks),
    )


def _told(found: Estimate, far: np.ndarray, near: np.ndarray) -> str:
    if math.isnan(found.value):
        return "cannot be compared, as not all are positive"
    against = f"{short(geometric_mean(far))} against {short(geometric_mean(near))}"
    return f"is {times(found.value)}{interval_of(found, 'times')} times as large ({against})"


def _unfinished(result: Hessian) -> list[Finding]:
    late = [m.label for m, done in zip(result.members, result.converged, strict=True) if not done]
    if not late:
        return []
    reached = float((result.errors / np.abs(result.values)).max())
    why = (
        f"not all eigenvalues reached a relative error of {result.tolerance:g} within the products allowed (the "
        f"worst is {reached:.2g}); see the residuals"
        if reached > result.tolerance
        else "a larger eigenvalue, or another of the same size, could not be excluded within the products allowed"
    )
    return [
        said(
            f"{listed(late)}: {why}.",
            Estimate(reached),
            n=len(late),
            unit="networks",
            weight=0.4,
        )
    ]
