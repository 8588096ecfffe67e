"""What the accuracies of classes say: who wins which class, and what the size of a class has to do with it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...evidence.contrast import contrast
from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.phrases import count, interval_text, number, points_text, range_text
from .._sides import Sides, not_compared, sides
from .measure import Mistakes

__all__ = ["class_size", "classes_won"]

_LEAST = 5
"""A correlation over fewer classes says nothing."""


def classes_won(result: Mistakes) -> list[Finding]:
    """Say in how many classes P-T is more accurate than RI-T, and whether in every class."""
    both = sides(result.members, result.witnesses)
    if not both.compared or not len(result.labels):
        return not_compared(("000-B.2-b",), both)
    by_class = _by_class(result, both)
    judged = judge("000-B.2-b", *by_class.values(), networks=both.networks)
    least = min(by_class, key=lambda name: by_class[name].value)
    word = {"agrees": "and so in every class", "disagrees": "and not in every class"}.get(
        judged.verdict, "which does not tell whether in every class"
    )
    won = sum(e.value > 0 for e in by_class.values())
    return [
        said(
            f"P-T is more accurate than RI-T in {won} of {count(len(by_class), 'class', 'classes')}, {word}; "
            f"least in {least}, by {points_text(by_class[least])}; {count(result.n, 'image')}, {_networks(both)}.",
            by_class[least],
            n=len(both.near) + len(both.far),
            unit="networks",
            weight=0.5,
            judged=judged,
        )
    ]


def _by_class(result: Mistakes, both: Sides) -> dict[str, Estimate]:
    """Accuracy of P-T less that of RI-T, for each class that has images."""
    right = (result.right[:, :, 0] == 1).astype(np.float64)
    found = {}
    for name, images in zip(result.classes, result.class_images(), strict=True):
        if len(images):
            near, far = right[both.near][:, images], right[both.far][:, images]
            found[name] = contrast(near.mean(1), far.mean(1), (near, far))
    return found


def class_size(result: Mistakes) -> list[Finding]:
    """Say how accuracy on a class goes with its size, and for whom more (Neyshabur et al. 2020, Fig. 8)."""
    # What files were trained on is not known, and the images at hand say nothing of it.
    if np.ptp(result.class_sizes) == 0 or len(result.classes) < _LEAST:
        return []
    both = sides(result.members, result.witnesses)
    r = {role: _correlations(result, places) for role, places in (("P-T", both.near), ("RI-T", both.far)) if places}
    found = [_level(result, role, of) for role, of in r.items()]
    return found + (
        _order(result, both, r["P-T"], r["RI-T"]) if both.compared else not_compared(("000-B.2-c",), both)
    )


def _correlations(result: Mistakes, places: list[int]) -> NDArray[np.float64]:
    return np.array([result.size_correlation(place).r for place in places])


def _level(result: Mistakes, role: str, r: NDArray[np.float64]) -> Finding:
    value = float(r.mean())
    span = range_text(float(r.min()), float(r.max()), "networks", digits=2) if len(r) > 1 else ""
    told = "cannot be correlated" if math.isnan(value) else f"correlate with r = {number(value)}{span}"
    return said(
        f"{role}: accuracy on a class and its size in {result.sizes_of} {told}; "
        f"{count(len(result.classes), 'class', 'classes')}, {count(len(r), 'network')}.",
        Estimate(value, n=len(r)),
        n=len(r),
        unit="networks",
        weight=0.3,
    )


def _order(result: Mistakes, both: Sides, near: NDArray[np.float64], far: NDArray[np.float64]) -> list[Finding]:
    """Whether the accuracy of P-T goes more with class size than that of RI-T."""
    found = contrast(near, far)
    judged = judge("000-B.2-c", found, networks=both.networks)
    word = {"agrees": "goes more", "disagrees": "goes less"}.get(judged.verdict, "does not clearly go more")
    return [
        said(
            f"The accuracy of P-T {word} with class size than that of RI-T: r = {number(float(near.mean()))} against "
            f"{number(float(far.mean()))}, network by network, difference {number(found.value)}"
            f"{interval_text(found)}; {count(len(result.classes), 'class', 'classes')}, {_networks(both)}.",
            found,
            n=len(near) + len(far),
            unit="networks",
            weight=0.4,
            judged=judged,
        )
    ]


def _networks(both: Sides) -> str:
    return f"{len(both.near)} and {count(len(both.far), 'network')}"
