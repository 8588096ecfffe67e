"""Intervals of proportions, of differences of paired proportions, and Student's quantile.

What is said of runs has its intervals from :mod:`transferscope.evidence`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from ..errors import UsageError

__all__ = ["Interval", "PairedDifference", "normal_quantile", "paired_difference", "t_quantile", "wilson"]


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Attributes:
        low: lower end.
        high: upper end.
        level: how often such intervals hold the true value, e.g. 0.95.
    """

    low: float
    high: float
    level: float


@dataclass(frozen=True)
class PairedDifference:
    """How much more often one of two classifiers is right on the same examples.

    Attributes:
        difference: accuracy of the first minus accuracy of the second.
        interval: confidence interval of the difference.
        p: two-sided p-value of McNemar's exact test of no difference.
        n: number of examples.
    """

    difference: float
    interval: Interval
    p: float
    n: int


def wilson(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return the interval of a proportion, e.g. an accuracy; it stays inside [0, 1] and is right near both ends.

    (k + z²/2)/(n + z²) ± z/(n + z²)·√(k(n − k)/n + z²/4) (Wilson 1927).

    Args:
        successes: k, how many of the n.
        n: number of examples, at least 1.
        level: of the interval.

    Raises:
        UsageError: unless 0 ≤ successes ≤ n and n ≥ 1, and the level is between 0 and 1.

    >>> i = wilson(8, 10)
    >>> round(i.low, 4), round(i.high, 4)
    (0.4902, 0.9433)
    """
    if n < 1 or not 0 <= successes <= n:
        raise UsageError(f"proportion {successes} of {n}; expected 0 ≤ successes ≤ n with n ≥ 1")
    # As scipy.stats.binomtest, without the second and a half that importing scipy.stats takes in each process.
    z2 = normal_quantile(level) ** 2
    centre = (successes + z2 / 2) / (n + z2)
    half = math.sqrt(z2 * (successes * (n - successes) / n + z2 / 4)) / (n + z2)
    low, high = 0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half
    return Interval(float(low), float(high), level)


def paired_difference(only_first: int, only_second: int, n: int, level: float = 0.95) -> PairedDifference:
    """Compare the accuracies of two classifiers on the same n examples.

    With b = only_first, c = only_second: difference (b − c)/n; interval
    (b − c)/(n + 2) ± z·√(b + c + 1 − (b − c)²/(n + 2))/(n + 2), cut at ±1 (Agresti & Min 2005, "Wald + 2"), which
    keeps its level where Wald's has no width, at b = c = 0; p from b ~ Binomial(b + c, ½) (McNemar 1947, exact form).

    Args:
        only_first: examples that only the first gets right (g1 of shared mistakes).
        only_second: examples that only the second gets right (g2).
        n: all examples.
        level: of the interval.

    Raises:
        UsageError: when the counts do not fit into n.

    >>> d = paired_difference(30, 10, 200)
    >>> d.difference, round(d.interval.low, 4), round(d.interval.high, 4), round(d.p, 4)
    (0.1, 0.0384, 0.1596, 0.0022)
    """
    if min(only_first, only_second) < 0 or only_first + only_second > n or n < 1:
        raise UsageError(
            f"{only_first} and {only_second} of {n} examples; expected counts ≥ 0 that sum to at most n ≥ 1"
        )
    from scipy.special import bdtr

    z = normal_quantile(level)
    discordant, surplus = only_first + only_second, only_first - only_second
    centre = surplus / (n + 2)
    half = z * math.sqrt(discordant + 1 - surplus**2 / (n + 2)) / (n + 2)
    p = min(1.0, 2.0 * float(bdtr(min(only_first, only_second), discordant, 0.5)))
    interval = Interval(max(-1.0, centre - half), min(1.0, centre + half), level)
    return PairedDifference(surplus / n, interval, p, n)


def t_quantile(level: float, freedom: int | float) -> float:
    """Return t such that Student's distribution with ``freedom`` degrees has ``level`` of its mass in [−t, t].

    >>> round(t_quantile(0.95, 4), 4)
    2.7764
    """
    from scipy.special import stdtrit

    _check_level(level)
    return float(stdtrit(freedom, 0.5 + level / 2))


def normal_quantile(level: float) -> float:
    """Return z such that the standard normal distribution has ``level`` of its mass in [−z, z].

    >>> round(normal_quantile(0.95), 4)
    1.96
    """
    _check_level(level)
    return NormalDist().inv_cdf(0.5 + level / 2)


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise UsageError(f"confidence level {level}; expected a number between 0 and 1, such as 0.95")
