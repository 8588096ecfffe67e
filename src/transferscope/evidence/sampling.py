"""How variances over networks and over images become one estimate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .estimate import Estimate, Over, Scale, measured
from .images import Noise

__all__ = ["LEAST", "Part", "estimated", "satterthwaite"]

LEAST: dict[Over, int] = {"networks": 3, "pre-trainings": 4, "targets": 4, "draws": 2}
"""The least number of each kind from which on an interval is over these; with fewer it is over images or nothing."""


@dataclass(frozen=True)
class Part:
    """The variance that one kind of networks brings into a number.

    Attributes:
        variance: of the number, because these networks are a sample.
        n: how many networks.
        freedom: degrees of freedom of the variance.
        enough: whether there are enough for a variance, beyond their number.
    """

    variance: float
    n: int
    freedom: float
    enough: bool = True


def satterthwaite(parts: Sequence[Part]) -> tuple[float, float]:
    """Add independent variances: V = ΣV_k, ν = V²/Σ(V_k²/ν_k) (Satterthwaite 1946; for two kinds Welch 1947).

    >>> satterthwaite([Part(1.0, 3, 2.0), Part(1.0, 3, 2.0)])
    (2.0, 4.0)
    """
    total = math.fsum(p.variance for p in parts)
    below = math.fsum((p.variance / total) ** 2 / p.freedom for p in parts if p.freedom > 0) if total > 0 else 0.0
    return total, 1.0 / below if below > 0 else math.fsum(p.freedom for p in parts)


def estimated(
    value: float,
    parts: Sequence[Part],
    images: Noise | None,
    *,
    over: Over = "networks",
    scale: Scale = "plain",
    level: float = 0.95,
) -> Estimate:
    """Return a number that is over networks where there are enough of each kind, else over images, else over nothing.

    Args:
        value: the number.
        parts: one a kind of networks that varies; none where none does.
        images: the variance of the number over images; ``None`` where no images are behind it.
        over: what the parts are of.
        scale: of the number; variances are on it.
        level: of the interval.

    >>> estimated(0.5, [Part(0.01, 2, 1.0)], Noise(0.0004, 0.0, 500)).over
    'images'
    """
    n = sum(p.n for p in parts)
    count = images.images if images else 0
    if not math.isfinite(value):
        return Estimate(math.nan, level=level, n=n, images=count, scale=scale)
    if parts and all(p.enough and p.n >= LEAST[over] for p in parts):
        spread, freedom = satterthwaite(parts)
        noise = images.beside(spread) if images else None
        both: Over = "networks and images" if over == "networks" and images else over
        return measured(
            value, over=both, n=n, images=count, spread=spread, freedom=freedom, noise=noise, scale=scale, level=level
        )
    if images is None:
        return Estimate(value, level=level, n=n, scale=scale)
    return measured(value, over="images", n=count, images=count, noise=images.beside(), scale=scale, level=level)
