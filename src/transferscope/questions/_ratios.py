"""How many times larger a positive number is for one kind of networks than for another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ..numerics.bootstrap import percentile_interval
from ..numerics.intervals import mean_difference
from ..rng import numpy_generator
from ._phrases import number, short, verdict_of
from .result import Verdict

__all__ = ["Ratio", "geometric_mean", "ratio", "ratio_of_networks"]

_FEW = 5
"""Fewer places than this are not resampled."""


@dataclass(frozen=True)
class Ratio:
    """A ratio with what is known about it.

    Attributes:
        value: the ratio; nan where nothing can be compared.
        low: lower end of its interval, ``None`` when there is none.
        high: upper end of its interval.
        least: the smallest ratio of any two networks.
        most: the largest.
        networks: how many of each kind.
    """

    value: float
    low: float | None
    high: float | None
    least: float
    most: float
    networks: tuple[int, int]

    @property
    def verdict(self) -> Verdict:
        """Whether it is over 1, by the interval and for any two networks."""
        if self.low is None or self.high is None or math.isnan(self.value):
            return "cannot tell"
        low, high = min(self.low, self.least), max(self.high, self.most)
        return verdict_of(low - 1, high - 1)

    @property
    def told(self) -> str:
        """The number with its interval, and its range over networks where there are several."""
        known = []
        if self.low is not None and self.high is not None:
            known.append(f"{_times(self.low)} to {_times(self.high)}")
        if self.networks != (1, 1):
            known.append(f"network by network {_times(self.least)} to {_times(self.most)}")
        return f"{_times(self.value)} ({'; '.join(known)}) times" if known else f"{_times(self.value)} times"


def ratio(above: np.ndarray, below: np.ndarray, draws: tuple[np.ndarray, np.ndarray] | None = None) -> Ratio:
    """Compare networks by the median over places of a ratio of geometric means over networks.

    Args:
        above: positive numbers of one kind of networks, ``(networks, places)``; infinite where there was no number.
        below: of the other kind, at the same places; places where a number is nan, or 0/0, play no part.
        draws: both on resampled examples, ``(networks, places, resamples)``; without them, places are resampled.

    >>> found = ratio(np.array([[2.0, 6.0, 3.0]]), np.array([[1.0, 2.0, 1.0]]))
    >>> round(found.value, 6), found.low
    (3.0, None)
    """
    pairs = _log_ratio(above[:, None], below[None, :])
    there = ~np.isnan(pairs).any((0, 1))
    networks = (len(above), len(below))
    if not there.any():
        return Ratio(math.nan, None, None, math.nan, math.nan, networks)
    pairs = pairs[:, :, there]
    single, place = np.exp(np.median(pairs, axis=2)), pairs.mean((0, 1))
    low, high = _interval(place, None if draws is None else _log_ratio(draws[0], draws[1], (0,))[there])
    return Ratio(float(np.exp(np.median(place))), low, high, float(single.min()), float(single.max()), networks)


def ratio_of_networks(above: np.ndarray, below: np.ndarray) -> Ratio:
    """Compare exact positive numbers, one a network, where only the networks could be others.

    The ratio of the geometric means, with Welch's interval of the difference of the mean logarithms; none where
    either kind is one network, which says nothing of another.

    >>> found = ratio_of_networks(np.array([8.0, 8.2]), np.array([2.0, 2.1]))
    >>> round(found.value, 2), found.verdict, ratio_of_networks(np.array([8.0]), np.array([2.0])).verdict
    (3.95, 'agrees', 'cannot tell')
    """
    networks = (len(above), len(below))
    if not (np.isfinite([*above, *below]).all() and min(*above, *below) > 0):
        return Ratio(math.nan, None, None, math.nan, math.nan, networks)
    found = mean_difference(np.log(above), np.log(below))
    low, high = (None, None) if found.interval is None else (found.interval.low, found.interval.high)
    return Ratio(
        value=math.exp(found.mean),
        low=None if low is None else math.exp(low),
        high=None if high is None else math.exp(high),
        least=float(above.min() / below.max()),
        most=float(above.max() / below.min()),
        networks=networks,
    )


def geometric_mean(values: np.ndarray) -> float:
    """Return the mean of positive numbers that their logarithms have.

    >>> geometric_mean(np.array([1.0, 4.0]))
    2.0
    """
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))


def _log_ratio(above: np.ndarray, below: np.ndarray, over: tuple[int, ...] = ()) -> np.ndarray:
    """Difference of mean logarithms; 0 for two infinite numbers, which are equal as far as anybody can tell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        first, second = np.log(above).mean(over), np.log(below).mean(over)
        return np.where((first == np.inf) & (second == np.inf), 0.0, first - second)


def _interval(place: np.ndarray, draws: np.ndarray | None) -> tuple[float | None, float | None]:
    if draws is not None:
        medians = np.median(draws, axis=0)
    elif len(place) < _FEW:
        return None, None
    else:
        picked = numpy_generator("ratio", len(place)).integers(0, len(place), (1000, len(place)))
        medians = np.median(place[picked], axis=1)
    interval = percentile_interval(torch.from_numpy(medians))
    if not math.isfinite(interval.low):
        return None, None
    return math.exp(interval.low), math.exp(interval.high)


def _times(x: float) -> str:
    return short(x) if x < 10 else number(x, 1) if x < 1000 else short(x)
