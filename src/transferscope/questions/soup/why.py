"""Why a soup works or fails, in words: what the pre-check found."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ...evidence.phrases import number, percent, points_text, shortened
from .precheck import PreCheck

__all__ = ["Reason", "against", "reasons"]

_MARGIN = 0.02
"""A rise in the middle is a barrier from 2 points on, as elsewhere."""

_ALIKE = 0.01
"""Ingredients that differ from the best in no more of their answers have little to add."""

_COSINE = 0.5
"""Final layers that point further apart than this do as if they had begun as different numbers."""


@dataclass(frozen=True)
class Reason:
    """One thing that was looked at.

    Attributes:
        bad: whether it speaks against a soup.
        text: what was found.
    """

    bad: bool
    text: str


def reasons(check: PreCheck, best: str) -> list[Reason]:
    """Return what speaks for and against a soup, what was measured in the middle first.

    Args:
        check: what was found.
        best: the best ingredient on held-out images.
    """
    return [_barriers(check, best), *_heads(check), *_alike(check, best)]


def against(check: PreCheck, best: str) -> list[str]:
    """Return only what speaks against it."""
    return [reason.text for reason in reasons(check, best) if reason.bad]


def _barriers(check: PreCheck, best: str) -> Reason:
    high = {k: e for k, e in check.rises.items() if e.low is not None and e.low > _MARGIN}
    worst = max(check.rises, key=lambda k: check.rises[k].value)
    rise = points_text(check.rises[worst]).replace("these test images", "these held-out images")
    if high:
        named = shortened(sorted(high, key=lambda k: -high[k].value))
        return Reason(
            True,
            f"{len(high)} of {len(check.rises)} lie behind a barrier from {best} ({named}; half way to {worst} the "
            f"error is {rise} over the mean of the two)",
        )
    return Reason(False, f"half way from {best} to any other the error rises by at most {rise}, to {worst}")


def _heads(check: PreCheck) -> list[Reason]:
    if check.heads == "different starts":
        return [Reason(True, "their final layers did not begin as the same numbers")]
    cosine = check.spread.head_cosine
    if check.heads == "not known" and math.isfinite(cosine) and cosine < _COSINE:
        return [
            Reason(
                True,
                "their final layers point in different directions (mean cosine "
                f"{number(cosine)}), as those do that began as different numbers",
            )
        ]
    return [Reason(False, "their final layers began as the same numbers")] if check.heads == "one start" else []


def _alike(check: PreCheck, best: str) -> list[Reason]:
    most = max(check.disagreement, key=lambda k: check.disagreement[k])
    share = check.disagreement[most]
    if share <= _ALIKE:
        return [
            Reason(
                True, f"they are too alike to gain: none differs from {best} in more than {percent(share)} of answers"
            )
        ]
    return [Reason(False, f"they differ from {best} in up to {percent(share)} of answers ({most})")]
