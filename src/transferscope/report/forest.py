"""Numbers with their intervals as small drawings that stand in a table: a row each of a forest plot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import Markup

from ..evidence.bounds import Within
from ..evidence.claim import Claim
from ..evidence.estimate import Estimate
from ..evidence.phrases import number, short, times

__all__ = ["Axis", "axis_of", "drawn", "effect_text", "interval_only", "references_of", "unit_of"]

_WIDTH, _HEIGHT, _PAD = 132.0, 16.0, 7.0
_MARKS = {
    "agrees": "M{x} 3.5a4.5 4.5 0 1 0 .01 0z",
    "disagrees": "M{x} 3l5 5-5 5-5-5z",
    "": "M{x} 5.5a2.5 2.5 0 1 0 .01 0z",
}


@dataclass(frozen=True)
class Axis:
    """The scale that the numbers of one row share.

    Attributes:
        low: its left end, on the scale drawn.
        high: its right end.
        log: whether logarithms are drawn.
        references: where the rule of the claim divides.
    """

    low: float
    high: float
    log: bool
    references: tuple[float, ...]

    def place(self, x: float) -> float:
        """Return where a number is drawn, within the drawing."""
        at = _scaled(x, self.log)
        share = 0.0 if at == -math.inf else 1.0 if at == math.inf else (at - self.low) / (self.high - self.low)
        return _PAD + (_WIDTH - 2 * _PAD) * min(1.0, max(0.0, share))


def references_of(claim: Claim, *, log: bool) -> tuple[float, ...]:
    """Return what the first number of a claim is held against: the margin of its rule, of ratios 1.

    What is to be none, up to a margin, is held against the margin on both sides.

    >>> from transferscope.evidence.claims import claim_called
    >>> references_of(claim_called("000-3.3-a"), log=False), references_of(claim_called("000-3.2-g"), log=True)
    ((0.02,), (1.0,))
    >>> references_of(claim_called("002-6-a"), log=False)
    (-0.1, 0.1)
    """
    rule = claim.rule
    while parts := getattr(rule, "parts", None):
        rule = parts[0]
    rule = getattr(rule, "rule", rule)
    margin = float(getattr(rule, "margin", 0.0))
    if isinstance(rule, Within):
        return (1 / margin, margin) if log else (-margin, margin)
    return (1.0 if log and margin <= 0 else margin,)


def axis_of(estimates: Iterable[Estimate], references: tuple[float, ...] = ()) -> Axis:
    """Return a scale on which some numbers, their intervals and the references can be seen.

    Args:
        estimates: the numbers.
        references: are always on the scale.

    >>> axis_of([Estimate(0.1, 0.0, 0.2)], (0.0,)).place(0.0) < axis_of([Estimate(0.1, 0.0, 0.2)], (0.0,)).place(0.1)
    True
    """
    every = list(estimates)
    log = any(e.scale == "log" for e in every)
    ends = [*(x for e in every for x in (e.low, e.value, e.high) if x is not None), *references]
    seen = [y for y in (_scaled(x, log) for x in ends) if math.isfinite(y)] or [0.0]
    low, high = min(seen), max(seen)
    missing = max(0.0, 1e-12 - (high - low))
    return Axis(low - missing / 2, high + missing / 2, log, references)


def drawn(e: Estimate, axis: Axis, verdict: str = "") -> Markup:
    """Draw a number and its interval as SVG: the interval a line, the references dashed ones across.

    A number that agrees is a disc, one that disagrees a diamond, one that cannot tell a small hollow disc. The
    drawing says nothing that does not stand in the text beside it, so it is hidden from those who read by ear.

    Args:
        e: the number.
        axis: the scale.
        verdict: ``agrees``, ``disagrees``, or anything else.
    """
    middle = _HEIGHT / 2
    parts = [f'<path class="axis" d="M{_PAD:g} {middle:g}H{_WIDTH - _PAD:g}"/>']
    parts += [f'<path class="ref" d="M{axis.place(x):.1f} 0V{_HEIGHT:g}"/>' for x in axis.references]
    if e.low is not None and e.high is not None and not (math.isnan(e.low) or math.isnan(e.high)):
        parts.append(f'<path class="ci" d="M{axis.place(e.low):.1f} {middle:g}H{axis.place(e.high):.1f}"/>')
    look = verdict if verdict in ("agrees", "disagrees") else ""
    if not math.isnan(e.value):
        parts.append(f'<path class="dot" d="{_MARKS[look].format(x=f"{axis.place(e.value):.1f}")}"/>')
    box = f'width="{_WIDTH:g}" height="{_HEIGHT:g}" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}"'
    # Numbers and our own words only, so nothing in it needs to be escaped.
    head = f'<svg class="forest {look or "unsure"}" {box} aria-hidden="true" focusable="false">'
    return Markup(f"{head}{''.join(parts)}</svg>")


def unit_of(units: str) -> str:
    """Return in what the numbers of a claim are written.

    >>> unit_of("share of test images"), unit_of("times"), unit_of("CKA")
    ('points (share of test images)', 'times', 'CKA')
    """
    if _shares(units):
        return f"points ({units})"
    return units


def effect_text(e: Estimate, units: str) -> str:
    """Write a number, shares in points.

    >>> effect_text(Estimate(0.098), "share of test images"), effect_text(Estimate(1.5), "times")
    ('9.8', '1.50×')
    """
    if math.isnan(e.value):
        return "–"
    return _one(e.value, units, e.scale == "log")


def interval_only(e: Estimate, units: str) -> str:
    """Write its interval; empty where there is none.

    >>> interval_only(Estimate(0.098, 0.09, 0.103), "share of test images"), interval_only(Estimate(0.1), "CKA")
    ('9.0 to 10.3', '')
    >>> interval_only(Estimate(1.5, 0.9, 2.1), "share of what is predicted")
    '90.0 to 210.0'
    """
    if e.low is None or e.high is None or math.isnan(e.low) or math.isnan(e.high):
        return ""
    whole = _shares(units) and not units.startswith(_UNBOUNDED)
    ends = (min(max(x, -1.0), 1.0) if whole else x for x in (e.low, e.high))
    return " to ".join(_one(x, units, e.scale == "log") for x in ends)


_UNBOUNDED = "share of what is predicted"
"""A share that can be larger than one; of images, modules and cells none is."""


def _shares(units: str) -> bool:
    """Whether numbers of a claim are shares or differences of them."""
    return units.startswith("share")


def _one(x: float, units: str, log: bool) -> str:
    if _shares(units):
        return number(100 * x, 1)
    return f"{times(x)}×" if log or units.startswith("times") else short(x)


def _scaled(x: float, log: bool) -> float:
    if not log:
        return x
    return math.log(x) if x > 0 else -math.inf
