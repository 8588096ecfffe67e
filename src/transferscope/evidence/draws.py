"""Numbers of random draws (noise, directions, planes, probes): Student over draws, or averaged within a network."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .contrast import Sample, mean
from .estimate import Estimate
from .images import Numbers
from .sampling import Part, estimated

__all__ = ["AveragedDraws", "draws_of_networks", "over_draws"]


@dataclass(frozen=True, eq=False)
class AveragedDraws:
    """Numbers of networks, each a mean over random draws.

    Attributes:
        values: ``(networks,)``, one mean a network: the sample for ``mean`` and ``contrast``.
        error: the part of the mean's standard error that more draws would take away; nan with one draw. It is no
            interval and is printed apart.
        draws: how many draws a network has.
        shared: whether all networks have the same draws.
    """

    values: NDArray[np.float64]
    error: float
    draws: int
    shared: bool

    def mean(self, *, over: Sample = "networks", level: float = 0.95) -> Estimate:
        """Return the mean over networks; draws that are not shared are in its spread already."""
        return mean(self.values, over=over, level=level)


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


def draws_of_networks(values: NDArray[np.floating], *, shared: bool = False) -> AveragedDraws:
    """Average draws within each network: networks are the sample, however many draws each has.

    The Monte-Carlo error of the mean over n networks of m draws each is √(Σ_j s_j²/m)/n, s_j the standard deviation
    within network j; with the same draws for all networks it is s/√m, s that of the mean over networks.

    Args:
        values: ``(networks, draws)``.
        shared: whether draw d is the same for all networks (the same noise, the same plane).

    Raises:
        UsageError: when there is no draw, or the shape is another.

    >>> found = draws_of_networks(np.array([[1.0, 3.0], [2.0, 4.0], [3.0, 5.0]]))
    >>> found.values.tolist(), round(found.error, 4), found.mean().n
    ([2.0, 3.0, 4.0], 0.5774, 3)
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 2 or not numbers.shape[1]:
        raise UsageError(f"draws of shape {numbers.shape}; expected (networks, draws) with at least one draw")
    n, m = numbers.shape
    error = math.nan
    if n and m > 1 and np.isfinite(numbers).all():
        one = float(numbers.mean(0).var(ddof=1)) if shared else float(numbers.var(1, ddof=1).sum()) / n**2
        error = math.sqrt(one / m)
    return AveragedDraws(numbers.mean(1), error, m, shared)
