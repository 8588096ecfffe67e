"""The floor of a law as a number with its interval."""

from __future__ import annotations

from ...evidence.estimate import Estimate, quantile
from ...numerics.law_profile import FloorProfile

__all__ = ["floor_estimate"]


def floor_estimate(floor: float, profile: FloorProfile, n: int, reference: float = 0.0) -> Estimate:
    """Return e_∞ with its profile as the interval, over models; without one where the floor is not identified.

    A profile is not symmetric. The p-value is Student's by the half of the interval on the side of the reference, so
    that it is under 5 % exactly where the interval ends before the reference.

    Args:
        floor: e_∞ of the law of all models.
        profile: which floors go with them.
        n: how many models.
        reference: what the floor is held against.

    >>> from ...numerics.law_profile import floor_profile
    >>> import numpy as np
    >>> x = np.linspace(0.1, 0.9, 40)
    >>> profile = floor_profile(x, 0.8 * x**1.5 + 0.1 + 0.002 * (-1.0) ** np.arange(40))
    >>> found = floor_estimate(0.1, profile, 40)
    >>> found.low < 0.1 < found.high, found.over, round(found.p_over(found.low), 3)
    (True, 'networks', 0.025)
    >>> round(floor_estimate(0.1, profile, 40, 0.2).p_under(found.high), 3)
    0.025
    """
    freedom = n - 3
    half = floor - profile.low if floor > reference else profile.high - floor
    if not profile.identified or freedom < 1 or half <= 0:
        return Estimate(floor, n=n)
    spread = (half / quantile(1 - profile.level, float(freedom))) ** 2
    return Estimate(
        floor, profile.low, profile.high, profile.level, "networks", n, spread=spread, freedom=float(freedom)
    )
