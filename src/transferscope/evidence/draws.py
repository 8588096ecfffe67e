"""Numbers of random draws (noise, directions, planes, probes) of given networks: Student over draws.

Of several networks draws are averaged within each, and the networks are the sample (:mod:`.contrast`).
"""

from __future__ import annotations

import math

import numpy as np

from .estimate import Estimate
from .images import Numbers
from .sampling import Part, estimated

__all__ = ["over_draws"]


def over_draws(values: Numbers, *, level: float = 0.95) -> Estimate:
    """Return the mean over independent random draws with Student's interval: of these networks, over draws.

    x̄ ± t_{n−1}·s/√n (Student 1908), right for few draws, too. A percentile bootstrap of 3, 4 or 8 draws holds the
    true number in 74, 79 and 89 % of cases where it should in 95 %.

    Args:
        values: one number a draw.
        level: of the interval.

    Returns:
        The estimate; without an interval for one draw, nan when a number is not finite.

    >>> e = over_draws([1.0, 2.0, 3.0])
    >>> e.value, round(e.high, 3), e.over, e.general
    (2.0, 4.484, 'draws', False)
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    n = len(numbers)
    value = float(numbers.mean()) if n and np.isfinite(numbers).all() else math.nan
    variance = float(numbers.var(ddof=1)) / n if n > 1 and math.isfinite(value) else math.nan
    return estimated(value, [Part(variance, n, n - 1.0)], None, over="draws", level=level)
