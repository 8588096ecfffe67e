"""What is known of the floor e_∞ of a power law: the interval of its profile likelihood, and whether it is any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .power_law import ALPHAS, PowerLaw, fit_power_law

__all__ = ["FloorProfile", "floor_profile"]

_LEAST = 5
"""Points a law of three numbers takes before its floor can be called known."""
_WHOLE = 0.9
"""An interval over more than this share of what is possible says nothing."""
_STEPS = 60
_NARROWING = 7
_WIDTH = 41

Array = NDArray[np.float64]


@dataclass(frozen=True)
class FloorProfile:
    """Which floors go with the points.

    Attributes:
        low: lower end of the interval; 0 where even no floor at all goes with them.
        high: upper end.
        level: of the interval.
        unknown: why the floor is not identified, to follow a colon; empty where it is.
    """

    low: float
    high: float
    level: float
    unknown: str

    @property
    def identified(self) -> bool:
        """Whether the points say what the floor is."""
        return not self.unknown


def floor_profile(x: ArrayLike, y: ArrayLike, law: PowerLaw | None = None, level: float = 0.95) -> FloorProfile:
    """Return the floors for which the best k and α fit not clearly worse than the best law of all.

    The interval holds each floor with SSE(floor) ≤ SSE·(1 + F/(n − 3)), F the quantile of F(1, n − 3). It supposes
    errors of one size, independent between points; a hull's vertices are not, so of a hull it is a description. The
    floor is called not identified when the interval reaches 0 or takes more than 90 % of what the smallest y allows,
    when α ran to its bound, and for fewer than five points.

    Args:
        x: as given to :func:`~transferscope.numerics.power_law.fit_power_law`.
        y: like it.
        law: its answer, where it is there.
        level: of the interval.

    Raises:
        UsageError: as there, or for a level that is not between 0 and 1.

    >>> x = np.linspace(0.05, 0.9, 30)
    >>> found = floor_profile(x, 0.5 * x**2 + 0.1 + 0.002 * np.cos(40 * x))
    >>> found.identified, round(found.low, 3), round(found.high, 3)
    (True, 0.098, 0.101)
    """
    from scipy.stats import f as fisher

    if not 0.0 < level < 1.0:
        raise UsageError(f"confidence level {level}; expected a number between 0 and 1, such as 0.95")
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    law = fit_power_law(a, b) if law is None else law
    least, free = float(b.min()), len(a) - 3
    if free < 1:
        return FloorProfile(0.0, least, level, f"{len(a)} points, a law has three numbers")
    most = law.sse * (1.0 + float(fisher.ppf(level, 1, free)) / free)
    cost = _profile(a, b)
    top = float(b.mean())  # the floor of a law without any k; beyond it every fit only gets worse
    low, high = _end(cost, law.floor, 0.0, most), _end(cost, law.floor, max(top, law.floor), most)
    return FloorProfile(low, high, level, _why(law, len(a), low, high, least))


def _why(law: PowerLaw, n: int, low: float, high: float, least: float) -> str:
    if n < _LEAST:
        return f"{n} points, a law has three numbers"
    if law.k <= 0:
        return "y does not rise with x"
    if law.at_bound:
        end = "largest" if law.alpha > 1 else "smallest"
        return f"α ran to the {end} that is tried, {ALPHAS[1] if law.alpha > 1 else ALPHAS[0]:g}"
    if low <= 0.0:
        return "even a floor of 0 goes with the points"
    if min(high, least) - low > _WHOLE * least:
        return "nearly every floor goes with the points"
    return ""


def _end(cost: Callable[[Array], Array], best: float, limit: float, most: float) -> float:
    """Where the cost rises over ``most`` on the way from the best floor to a limit; the limit where it never does.

    The outermost crossing counts: the profile may have a second valley.
    """
    if best == limit:
        return limit
    at = np.linspace(best, limit, _STEPS)
    inside = np.flatnonzero(cost(at) <= most)
    last = int(inside[-1]) if len(inside) else 0
    if last == len(at) - 1:
        return limit
    near, far = float(at[last]), float(at[last + 1])
    for _ in range(_NARROWING):
        at = np.linspace(near, far, 9)
        good = np.flatnonzero(cost(at) <= most)
        last = min(int(good[-1]) if len(good) else 0, len(at) - 2)
        near, far = float(at[last]), float(at[last + 1])
    return (near + far) / 2


def _profile(x: Array, y: Array) -> Callable[[Array], Array]:
    """Return the cost of the best k and α at each of some floors.

    Closed in k; α on a grid that narrows around the best place three times, at once for all floors.
    """
    top = float(x.max())
    with np.errstate(divide="ignore"):
        logs = np.log(x / top)
    n, sy, syy = len(y), float(y.sum()), float((y * y).sum())

    def over(grid: Array, floors: Array) -> Array:
        """Cost for floors (f) at each log α of their rows (f, a)."""
        u = np.exp(np.exp(grid)[..., None] * logs)
        su, suu, suy = u.sum(axis=-1), (u * u).sum(axis=-1), u @ y
        cross = suy - floors[:, None] * su
        k = np.maximum(np.where(suu > 0, cross / np.where(suu > 0, suu, 1.0), 0.0), 0.0)
        plain = (syy - 2 * floors * sy + n * floors**2)[:, None]
        cost: Array = plain - 2 * k * cross + k * k * suu
        return cost

    first = np.linspace(np.log(ALPHAS[0]), np.log(ALPHAS[1]), _WIDTH * 2)

    def cost(floors: Array) -> Array:
        grid = first[None, :]  # the same powers for all floors
        best, value = np.zeros(len(floors)), np.full(len(floors), np.inf)
        half = np.full(len(floors), first[1] - first[0])
        for narrowing in range(4):
            found = over(grid, floors)
            place = found.argmin(axis=1)
            at = np.broadcast_to(grid, found.shape)[np.arange(len(floors)), place]
            here = found[np.arange(len(floors)), place]
            best, value = np.where(here < value, at, best), np.minimum(value, here)
            if narrowing < 3:
                steps = np.linspace(-1.0, 1.0, 9)
                grid = np.clip(best[:, None] + half[:, None] * steps, first[0], first[-1])
                half = half / 4
        return value

    return cost
