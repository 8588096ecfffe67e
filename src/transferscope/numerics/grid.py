"""Whether scaling one thing at a time leads along the same curve as searching a whole grid."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError
from .intervals import t_quantile
from .power_law import fit_power_law

__all__ = ["AxisOffset", "axis_offsets"]

_LEAST = 3
"""Models on an axis."""


@dataclass(frozen=True)
class AxisOffset:
    """How far the models along one axis of a grid lie from the law of all others.

    Attributes:
        factor: what varies along the axis; the other factors stay at ``fixed``.
        fixed: the value of each other factor.
        index: the models on the axis.
        offset: mean downstream accuracy over the law of the models that are not on it; 0 on the same curve.
        low: lower end of its interval, Student's over the axis' models; nan with fewer than three.
        high: upper end.
        spread: root mean squared distance from the law, along the axis.
        elsewhere: the same of the models that the law was fitted to.
    """

    factor: str
    fixed: dict[str, str]
    index: tuple[int, ...]
    offset: float
    low: float
    high: float
    spread: float
    elsewhere: float


def axis_offsets(
    us: ArrayLike, ds: ArrayLike, names: Sequence[str], settings: Sequence[np.ndarray], level: float = 0.95
) -> tuple[AxisOffset, ...]:
    """Compare one-factor-at-a-time scaling with the rest of a grid: the grid-search equivalence of Abnar et al. 2022.

    For each factor the longest axis is taken: models whose other factors are equal, with most different values of
    this one. The power law is fitted to all models outside of it, so that the axis does not judge itself. Models
    at one place of the grid (seeds, other settings) all count.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        names: of the factors, such as size, data and compute.
        settings: the value of each factor for each model; numbers or words.
        level: of the intervals.

    Returns:
        One for each factor that has an axis of three values at least and leaves five other models.

    Raises:
        UsageError: for fewer than two factors.

    >>> x = np.linspace(0.2, 0.9, 16)
    >>> size, data = np.repeat([1, 2, 3, 4], 4), np.tile([1, 2, 3, 4], 4)
    >>> found = axis_offsets(x, 0.9 - 0.7 * (1 - x) ** 2, ["size", "data"], [size, data])
    >>> [(f.factor, len(f.index), abs(f.offset) < 1e-6) for f in found]
    [('size', 4, True), ('data', 4, True)]
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    if len(names) < 2 or len(names) != len(settings):
        raise UsageError(f"a grid of {len(names)} factors with {len(settings)} settings; give two factors or more")
    codes = [np.unique(np.asarray(s).astype(np.str_), return_inverse=True) for s in settings]
    found = []
    for i, name in enumerate(names):
        others = np.stack([inverse for j, (_, inverse) in enumerate(codes) if j != i], axis=1)
        axis = _longest(others, codes[i][1])
        rest = np.setdiff1d(np.arange(len(x)), axis)
        if len(np.unique(codes[i][1][axis])) < _LEAST or len(np.unique(x[rest])) < 5:
            continue
        law = fit_power_law(1 - x[rest], 1 - y[rest])
        away = y[axis] - (1 - law(1 - x[axis]))
        error = float(away.std(ddof=1)) / math.sqrt(len(axis)) * t_quantile(level, len(axis) - 1)
        mean = float(away.mean())
        fixed = {n: str(codes[j][0][codes[j][1][axis[0]]]) for j, n in enumerate(names) if j != i}
        spread = math.sqrt(float(np.mean(away**2)))
        found.append(
            AxisOffset(name, fixed, tuple(axis.tolist()), mean, mean - error, mean + error, spread, law.rmse)
        )
    return tuple(found)


def _longest(others: np.ndarray, own: np.ndarray) -> np.ndarray:
    """The models of one place of all other factors that has most values of this one; of equals the last place."""
    places, of = np.unique(others, axis=0, return_inverse=True)
    lengths = [len(np.unique(own[of.ravel() == place])) for place in range(len(places))]
    best = max(range(len(places)), key=lambda place: (lengths[place], place))
    return np.flatnonzero(of.ravel() == best)
