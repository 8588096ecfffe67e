"""What the images look like, in sentences: how many are shown, of what, and how bright they are."""

from __future__ import annotations

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.phrases import count, listed, number
from .measure import Samples

__all__ = ["findings"]

_NAMED = 6


def findings(result: Samples) -> tuple[Finding, ...]:
    """Return one finding a title."""
    return tuple(_shown(result, title) for title in result.pictures)


def _shown(result: Samples, title: str) -> Finding:
    images = result.pictures[title]
    k, height, width, channels = images.shape
    shown = list(dict.fromkeys(result.labels[title]))
    more = [f"{len(shown) - _NAMED} more"] if len(shown) > _NAMED else []
    mean, spread = float(images.mean()), float(images.std())
    return said(
        f"{title}: {count(k, 'image')} of {height}×{width} pixels, {'RGB' if channels == 3 else 'grey'}: "
        f"{listed([*shown[:_NAMED], *more])}; values {number(mean, 0)} of 255 in the mean, standard deviation "
        f"{number(spread, 0)}.",
        Estimate(mean),
        n=k,
        unit="images",
        weight=0.1,
    )
