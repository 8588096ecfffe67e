"""What other images would change: numbers per image of several networks, averaged, compared, and their variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .estimate import Estimate

__all__ = ["Noise", "Numbers", "PerImage", "Resampled", "Row", "averaged"]

Numbers: TypeAlias = Sequence[float] | NDArray[np.floating]
"""One number a network, or a draw."""

_FEW = 16
"""A row of at most so many different numbers counts images, as errors do; a loss takes more."""

_PLUS = 4.0
"""Variance of a count that is added, in images²; 1.64·√4 is about the 3 of the rule of three."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """The numbers of several networks (or pairs) on resampled images, for numbers that are no mean over images.

    Attributes:
        values: ``(networks, resamples)``; resample r is the same images for all networks.
        images: how many images a resample has.
    """

    values: NDArray[np.floating]
    images: int

    def estimate(self, value: float, row: int = 0, *, level: float = 0.95) -> Estimate:
        """Return one number of fixed networks with its percentile interval over images (Efron & Tibshirani 1993).

        Args:
            value: the number on the images as they are.
            row: of which network or pair.
            level: of the interval.

        >>> e = Resampled(np.linspace(0.4, 0.6, 201)[None], 500).estimate(0.5)
        >>> round(e.low, 3), round(e.high, 3), e.over, e.n
        (0.405, 0.595, 'images', 500)
        """
        draws = np.asarray(self.values[row], dtype=np.float64)
        if not math.isfinite(value) or len(draws) < 2 or not np.isfinite(draws).all():
            return Estimate(value, n=self.images, images=self.images, level=level)
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2]).tolist()
        noise = float(draws.var(ddof=1))
        return Estimate(value, low, high, level, "images", self.images, self.images, noise=noise)


PerImage: TypeAlias = NDArray[np.floating] | Resampled
"""``(networks, images)``: numbers whose mean over images is the network's number; or the same on resampled images."""


@dataclass(frozen=True)
class Noise:
    """Variance of a number over images.

    Attributes:
        variance: s²/N of N images.
        plus: what a count has at least, (2·unit/N)²: 2 images in N. A mistake that was not made in N images is not
            known to be absent, its rate may be 3/N; without this such an interval would have no width.
        images: how many images.
    """

    variance: float
    plus: float
    images: int

    def beside(self, spread: float = 0.0) -> float:
        """Return the variance over images to go beside a variance over networks, which may cover ``plus`` already.

        >>> Noise(0.01, 0.004, 30).beside(), Noise(0.01, 0.004, 30).beside(spread=0.02)
        (0.014, 0.01)
        """
        return self.variance + max(0.0, self.plus - spread)


@dataclass(frozen=True, eq=False)
class Row:
    """An average over networks, image by image (or resample by resample).

    Attributes:
        values: ``(images,)`` or ``(resamples,)``.
        images: how many images.
        resampled: whether the values are of resamples.
        unit: how much one image counts; 0 where numbers are continuous.
    """

    values: NDArray[np.float64]
    images: int
    resampled: bool
    unit: float

    def minus(self, other: Row, factor: float = 1.0) -> Row:
        """Return this − factor·other, image by image: what both share cancels.

        Raises:
            UsageError: when the two are not on the same images.
        """
        if (
            self.resampled != other.resampled
            or self.values.shape != other.values.shape
            or self.images != other.images
        ):
            raise UsageError(
                f"numbers per image of {self.images} and {other.images} images; "
                "expected the same images in the same order for both kinds (or paired=False)"
            )
        unit = max(self.unit, abs(factor) * other.unit)
        return Row(self.values - factor * other.values, self.images, self.resampled, unit)

    @property
    def noise(self) -> Noise:
        """Variance of the mean over images: s²/N; of resamples, their variance.

        >>> averaged(np.array([[0.0, 1.0, 0.5, 0.5]]), [1.0]).noise.variance == 0.5 / 3 / 4
        True
        """
        plus = _PLUS * (self.unit / self.images) ** 2 if self.images else 0.0
        if len(self.values) < 2 or not np.isfinite(self.values).all():
            return Noise(math.nan, plus, self.images)
        variance = float(self.values.var(ddof=1))
        return Noise(variance if self.resampled else variance / self.images, plus, self.images)


def averaged(examples: PerImage, weights: Numbers) -> Row:
    """Return Σ_j w_j·e_ji, image by image.

    Args:
        examples: ``(networks, images)``, or resampled.
        weights: one a network.

    Raises:
        UsageError: when there are not as many rows as weights.

    >>> averaged(np.array([[0.0, 1.0], [1.0, 1.0]]), [0.5, 0.5]).values.tolist()
    [0.5, 1.0]
    """
    values = np.asarray(examples.values if isinstance(examples, Resampled) else examples, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(weights):
        raise UsageError(f"numbers per image of shape {values.shape}; expected one row for each of {len(weights)}")
    row = np.asarray(weights, dtype=np.float64) @ values
    if isinstance(examples, Resampled):
        return Row(row, examples.images, True, 0.0)
    unit = float(np.abs(weights).sum()) if _counts(values) else 0.0
    return Row(row, values.shape[1], False, unit)


def _counts(values: NDArray[np.float64]) -> bool:
    """Whether the numbers count images: few different ones in each row, and where there is one only, 0 or ±1."""
    whole = (-1.0, 0.0, 1.0)
    if np.isin(values, whole).all():
        return True
    if values.shape[1] <= _FEW:
        return False
    different = (np.unique(row) for row in values)
    return all(len(d) <= _FEW and (len(d) > 1 or d[0] in whole) for d in different)
