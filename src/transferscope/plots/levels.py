"""Contour levels that suit a valley of a tenth of a nat and a wall of a million alike."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .style import SEQUENTIAL

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize

__all__ = ["Levels"]

_EVEN = 10
_LEAST, _FINE = 2, 5
"""Where fewer steps than the first are drawn, at least the second are, if finer ones are allowed."""

_FAR = 12
"""At most as many levels beyond the even ones, on each side."""


@dataclass(frozen=True)
class Levels:
    """Levels a step apart up to 10 steps from 0, then each at least twice the one before.

    Between two neighbours there is one colour, and all neighbours are equally far apart in colour.

    Attributes:
        values: the levels, ascending, 0 among them; all that is drawn lies between the first and the last.
        step: between two even ones.

    >>> Levels.of(np.array([-0.01, 0.12, np.inf]), 0.05).values.round(2).tolist()
    [-0.05, 0.0, 0.05, 0.1, 0.15]
    >>> Levels.of(np.array([0.0, 3.0]), 0.05).values[-5:].round(2).tolist()
    [0.45, 0.5, 1.0, 2.0, 4.0]
    >>> Levels.of(np.array([-0.0003, 0.0046]), 0.05, finer=True).step
    0.0005
    """

    values: np.ndarray
    step: float

    @classmethod
    def of(cls, drawn: np.ndarray, step: float, *, finer: bool = False) -> Levels:
        """Choose levels for these values; those that are not finite do not count.

        Args:
            drawn: the values.
            step: between two even levels.
            finer: take 1, 2 or 5 times a power of ten instead where fewer than two steps would be drawn.
        """
        finite = drawn[np.isfinite(drawn)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
        reach = max(-low, high)
        if finer and 0 < reach < _LEAST * step:
            power = 10.0 ** math.floor(math.log10(reach / _FINE))
            step = power * max(m for m in (1, 2, 5) if power * m * _FINE <= reach * (1 + 1e-9))
        return cls(np.concatenate([-_upwards(-low, step)[::-1], [0.0], _upwards(high, step)]), step)

    @property
    def even(self) -> float:
        """How far from 0 levels are a step apart."""
        return _EVEN * self.step

    @property
    def widens(self) -> bool:
        """Whether some are further apart."""
        return bool(np.abs(self.values).max() > self.even * (1 + 1e-9))

    def colours(self) -> tuple[Colormap, Normalize]:
        """Return the colour map, and which colour a value has."""
        import matplotlib as mpl
        from matplotlib.colors import BoundaryNorm

        return mpl.colormaps[SEQUENTIAL], BoundaryNorm(self.values, 256)

    def ticks(self, most: int = 11) -> np.ndarray:
        """Return about so many levels to be named, evenly in colour, 0 and the last among them."""
        zero, last = int(np.flatnonzero(self.values == 0)[0]), len(self.values) - 1
        every = -(-len(self.values) // most)
        places = [i for i in range(zero % every, last, every) if i == zero or last - i > every / 2]
        return self.values[[*places, last]]


def _upwards(farthest: float, step: float) -> np.ndarray:
    """Levels above 0 as far as the first that is not under the farthest; at least one."""
    if farthest <= _EVEN * step:
        return step * np.arange(1, max(1, math.ceil(farthest / step - 1e-9)) + 1)
    even = step * np.arange(1, _EVEN + 1)
    ratio = max(2.0, (farthest / even[-1]) ** (1 / _FAR))
    count = math.ceil(math.log(farthest / even[-1]) / math.log(ratio) - 1e-9)
    return np.concatenate([even, even[-1] * ratio ** np.arange(1, max(1, count) + 1)])
