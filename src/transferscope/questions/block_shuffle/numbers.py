"""Means of a few runs, and intervals of what is computed from several such means."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...numerics.intervals import t_quantile

__all__ = ["Basis", "Estimate", "Mean", "combined", "drop", "drop_slope", "log_slope", "mean_of", "slope"]

Basis = Literal["seeds", "test images", ""]
"""What an interval is over; empty where there is none."""

_SEEDS = 3
"""Fewer runs than this say too little of their spread."""


@dataclass(frozen=True)
class Mean:
    """A mean over runs that differ in the seed.

    Attributes:
        value: the mean.
        variance: of the mean; ``None`` when nothing is known of it.
        freedom: degrees of freedom of the variance.
        basis: what the variance is over.
    """

    value: float
    variance: float | None
    freedom: float
    basis: Basis


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Attributes:
        value: the number.
        low: lower end, ``None`` when nothing is known of the spread.
        high: upper end.
        basis: what the interval is over; with some means over seeds and some over test images, the latter.
    """

    value: float
    low: float | None
    high: float | None
    basis: Basis


def mean_of(values: Sequence[float], images: int | None = None) -> Mean:
    """Return the mean of runs: with three or more its variance over seeds, s²/n, else that over test images.

    The latter is that of a proportion, p̃(1 − p̃)/(N + 4) with p̃ = (Np + 2)/(N + 4) (Agresti & Coull 1998).

    Args:
        values: one number a run, at least one.
        images: N, the number of test images of which the values are the share answered right; ``None`` for numbers
            that are no such share.

    >>> mean_of([1.0, 2.0, 3.0]).basis, mean_of([0.5], 96).variance, mean_of([0.5]).variance
    ('seeds', 0.0025, None)
    """
    mean = math.fsum(values) / len(values)
    if len(values) >= _SEEDS:
        return Mean(mean, float(np.var(values, ddof=1)) / len(values), len(values) - 1.0, "seeds")
    if images is None:
        return Mean(mean, None, math.inf, "")
    p = (images * mean + 2) / (images + 4)
    return Mean(mean, p * (1 - p) / (images + 4), math.inf, "test images")


def combined(value: float, parts: Iterable[tuple[float, Mean]]) -> Estimate:
    """Return a function of independent means with its interval: value ± t_ν·√Σv, v = (∂f/∂m)²·var(m).

    ν = (Σv)²/Σ(v²/ν_m) (Welch 1947 for a difference, Satterthwaite 1946 in general). Means over the same test images
    agree more than independent ones, so that intervals over test images are rather too wide for differences.

    Args:
        value: the function at the means.
        parts: its derivative by each mean, and the mean.

    >>> found = combined(2.0, [(1.0, mean_of([3.0, 4.0, 5.0])), (-1.0, mean_of([1.0, 2.0, 3.0]))])
    >>> round(found.low, 3), round(found.high, 3)  # Welch's interval
    (-0.267, 4.267)
    """
    variance = weight = 0.0
    bases: set[Basis] = set()
    for derivative, mean in parts:
        if mean.variance is None:
            return Estimate(value, None, None, "")
        v = derivative**2 * mean.variance
        variance += v
        weight += v**2 / mean.freedom
        bases.add(mean.basis)
    if not bases or not math.isfinite(value):
        return Estimate(value, None, None, "")
    freedom = min(variance**2 / weight, 1e9) if weight else 1e9
    half = t_quantile(0.95, freedom) * math.sqrt(variance) if variance else 0.0
    return Estimate(value, value - half, value + half, "test images" if "test images" in bases else "seeds")


def drop(pretrained: Mean, random: Mean) -> Estimate:
    """Return the relative drop without pre-training, 100·(A_PT − A_RIT)/A_PT (000 Fig. 3), in percent.

    >>> drop(mean_of([0.5], 100), mean_of([0.25], 100)).value
    50.0
    """
    value, parts = _drop(pretrained, random)
    return combined(value, parts)


def slope(blocks: Sequence[int], means: Sequence[Mean]) -> Estimate:
    """Return by how much a mean rises a doubling of the blocks, by least squares over log₂ of their side.

    Args:
        blocks: sides of the blocks, two or more.
        means: one for each.

    >>> slope([1, 2, 4], [mean_of([x]) for x in (0.25, 0.5, 0.75)]).value
    0.25
    """
    weighted = list(zip(_weights(blocks), means, strict=True))
    return combined(math.fsum(w * m.value for w, m in weighted), weighted)


def drop_slope(blocks: Sequence[int], pretrained: Sequence[Mean], random: Sequence[Mean]) -> Estimate:
    """Return by how many percentage points the relative drop rises a doubling of the blocks.

    Args:
        blocks: sides of the blocks, two or more.
        pretrained: A_PT for each.
        random: A_RIT for each.

    >>> half, all_, none = (mean_of([x]) for x in (0.5, 0.0, 1.0))
    >>> drop_slope([1, 2], [none, none], [half, all_]).value
    50.0
    """
    value = 0.0
    parts: list[tuple[float, Mean]] = []
    for weight, first, second in zip(_weights(blocks), pretrained, random, strict=True):
        at, inner = _drop(first, second)
        value += weight * at
        parts += [(weight * derivative, mean) for derivative, mean in inner]
    return combined(value, parts)


def log_slope(
    blocks: Sequence[int], means: Sequence[Mean], less: Sequence[Mean] = (), times: float = 1.0
) -> Estimate:
    """Return by how much the logarithm of a mean rises a doubling of the blocks, less a multiple of that of another.

    Args:
        blocks: sides of the blocks, two or more.
        means: a mean above 0 for each; 0 or less makes the slope nan.
        less: the other one, if there is one.
        times: the multiple.

    >>> found = log_slope([1, 2, 4], [mean_of([x]) for x in (0.1, 0.2, 0.4)])
    >>> round(math.exp(found.value), 6)
    2.0
    """
    value = 0.0
    parts: list[tuple[float, Mean]] = []
    weights = _weights(blocks)
    for factor, of in ((1.0, means), (-times, less)):
        for weight, mean in zip(weights, of, strict=False):
            if mean.value <= 0:
                return Estimate(math.nan, None, None, "")
            value += factor * weight * math.log(mean.value)
            parts.append((factor * weight / mean.value, mean))
    return combined(value, parts)


def _drop(pretrained: Mean, random: Mean) -> tuple[float, list[tuple[float, Mean]]]:
    a, b = pretrained.value, random.value
    if a <= 0:
        return math.nan, [(1.0, pretrained), (1.0, random)]
    return 100 * (a - b) / a, [(100 * b / a**2, pretrained), (-100 / a, random)]


def _weights(blocks: Sequence[int]) -> list[float]:
    """What each value counts in the slope of a least-squares line over log₂ of the side."""
    x = np.log2(blocks)
    x -= x.mean()
    return [float(w) for w in x / (x**2).sum()]
