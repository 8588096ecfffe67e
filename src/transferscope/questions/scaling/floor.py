"""The floor of a law as a number with its interval."""

from __future__ import annotations

from ...evidence.estimate import Estimate, quantile
from ...numerics.law_profile import FloorProfile

__all__ = ["floor_estimate"]


def floor_estimate(floor: float, profile: FloorProfile, n: int) -> Estimate:
    """Return e_∞ with its profile as the interval, over models.

    A profile is not symmetric. The p-value is Student's by the half of the interval that lies below the floor, which
    decides whether there is one; where it reaches 0, by the half above.

    Args:
        floor: e_∞ of the law of all models.
        profile: which floors go with them.
        n: how many models.

    >>> from ...numerics.law_profile import floor_profile
    >>> import numpy as np
    >>> x = np.linspace(0.1, 0.9, 40)
    >>> found = floor_estimate(0.1, floor_profile(x, 0.8 * x**1.5 + 0.1 + 0.002 * (-1.0) ** np.arange(40)), 40)
    >>> found.low < 0.1 < found.high, found.over, round(found.p_over(found.low), 3)
    (True, 'networks', 0.025)
    """
    freedom = n - 3
    half = floor - profile.low if profile.low > 0 else profile.high - floor
    known = freedom > 0 and half > 0
    spread = (half / quantile(1 - profile.level, float(freedom))) ** 2 if known else None
    return Estimate(
        floor, profile.low, profile.high, profile.level, "networks", n, spread=spread,
        freedom=float(freedom) if known else None,
    )  # fmt: skip
