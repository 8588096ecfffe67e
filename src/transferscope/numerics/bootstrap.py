"""The bootstrap over examples: how far a number would move with another test set of the same size.

A resample is a vector of counts that sum to n, so all resampled means of m rows of values are one matrix product. The
rows share the resample: differences between them are paired.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import UsageError
from ..rng import generator
from .intervals import Interval

__all__ = ["bootstrap_mean", "bootstrap_statistic", "percentile_interval", "resampled_means"]

_CHUNK = 2**22
"""Drawn indices held at a time."""


def bootstrap_mean(values: Float[Tensor, " n"], *, seed: int, resamples: int = 1000, level: float = 0.95) -> Interval:
    """Return the percentile interval of a mean over examples.

    Source: Efron & Tibshirani 1993, §13.3.

    Args:
        values: one number an example: 1 where it is classified wrongly, its loss, ….
        seed: the same seed gives the same interval.
        resamples: how many test sets are drawn.
        level: of the interval.

    Returns:
        The interval; both ends nan when a value is not finite.

    Raises:
        UsageError: when there are no values, or resamples or level make no sense.

    >>> bootstrap_mean(torch.full((50,), 0.5), seed=0)
    Interval(low=0.5, high=0.5, level=0.95)
    """
    return bootstrap_statistic(lambda means: means[:, 0], values[None], seed=seed, resamples=resamples, level=level)


def bootstrap_statistic(
    statistic: Callable[[Tensor], Tensor],
    values: Float[Tensor, "m n"],
    *,
    seed: int,
    resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Return the percentile interval of anything computed from m means over the same examples.

    Source: Efron & Tibshirani 1993, §13.3.

    Args:
        statistic: from means (resamples, m) to one number a resample, e.g. a barrier's height from the errors at m
            positions.
        values: m rows of one number an example.
        seed: the same seed gives the same interval.
        resamples: how many test sets are drawn.
        level: of the interval.

    Returns:
        The interval; both ends nan when a statistic is not finite.

    Raises:
        UsageError: when there are no values, or resamples or level make no sense.

    >>> values = torch.tensor([[1.0, 2.0, 3.0, 4.0], [0.5, 1.5, 2.5, 3.5]])
    >>> bootstrap_statistic(lambda means: means[:, 0] - means[:, 1], values, seed=0)  # 0.5 on every example
    Interval(low=0.5, high=0.5, level=0.95)
    """
    return percentile_interval(statistic(resampled_means(values, seed=seed, resamples=resamples)), level)


def resampled_means(
    values: Float[Tensor, "m n"], *, seed: int, resamples: int = 1000
) -> Float64[Tensor, "resamples m"]:
    """Return the m means on each of ``resamples`` draws of n examples with replacement.

    For several statistics of the same values, draw once and hand each to :func:`percentile_interval`.

    Args:
        values: m rows of one number an example.
        seed: the same seed and n give the same draws, on every device.
        resamples: how many test sets are drawn.

    Raises:
        UsageError: when there are no values or no resamples.

    >>> resampled_means(torch.tensor([[2.0, 2.0], [3.0, 3.0]]), seed=1, resamples=2).tolist()
    [[2.0, 3.0], [2.0, 3.0]]
    """
    n = values.shape[-1]
    if values.ndim != 2 or n == 0:
        raise UsageError(f"bootstrap of values of shape {tuple(values.shape)}; expected rows of at least one example")
    if resamples < 1:
        raise UsageError(f"bootstrap of {resamples} resamples; expected at least 1")
    columns = values.detach().to(torch.float64).T
    draws = generator("bootstrap", seed)
    means = []
    step = max(1, _CHUNK // n)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = torch.randint(n, (rows, n), generator=draws)
        drawn += n * torch.arange(rows)[:, None]
        counts = torch.bincount(drawn.view(-1), minlength=rows * n).view(rows, n)
        means.append(counts.to(columns) @ columns / n)
    return torch.cat(means)


def percentile_interval(draws: Float[Tensor, " resamples"], level: float = 0.95) -> Interval:
    """Return the interval that leaves out (1 − level)/2 of the resampled statistics on each side.

    Args:
        draws: one statistic a resample.
        level: of the interval.

    Returns:
        The interval, interpolated linearly between draws; both ends nan when a draw is not finite.

    Raises:
        UsageError: when there are no draws, or the level is not between 0 and 1.

    >>> percentile_interval(torch.arange(101.0), 0.5)
    Interval(low=25.0, high=75.0, level=0.5)
    """
    if not 0.0 < level < 1.0:
        raise UsageError(f"confidence level {level}; expected a number between 0 and 1, such as 0.95")
    if draws.ndim != 1 or len(draws) == 0:
        raise UsageError(f"interval of draws of shape {tuple(draws.shape)}; expected one number a resample")
    if not bool(draws.isfinite().all()):
        return Interval(float("nan"), float("nan"), level)
    tail = (1 - level) / 2
    low, high = draws.to(torch.float64).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(low, high, level)
