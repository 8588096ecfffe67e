"""The power law y = k·x^α + floor by variable projection: no start values, the best fit there is.

For a fixed α the law is linear in k and the floor, with a closed form under k ≥ 0 and floor ≥ 0. What is left is a
search over log α alone, on a grid and then by golden section around its best point (Golub & Pereyra 1973). Many fits
are made at once, because a bootstrap needs a thousand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError

__all__ = ["ALPHAS", "PowerLaw", "fit_power_law", "fit_power_laws"]

ALPHAS = (0.05, 60.0)
"""Smallest and largest exponent; a fit at one of them has found none."""

_GRID = np.linspace(math.log(ALPHAS[0]), math.log(ALPHAS[1]), 96)
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0
_STEPS = {True: 44, False: 20}
"""Golden sections: they leave 1e-10 of log α, or 1e-5 where that is enough."""
_AT_BOUND = 1e-6
_CHUNK = 4_000_000
"""Numbers held at once."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """A law y = k·x^α + floor, and how it fits.

    Attributes:
        k: factor, of x as it is given; where x has a narrow range it means nothing by itself: see :meth:`excess`.
        alpha: exponent, in :data:`ALPHAS`.
        floor: e_∞, what is left at x = 0.
        sse: sum of squared residuals.
        n: points.
        sst: sum of squares about the mean, for R².
    """

    k: float
    alpha: float
    floor: float
    sse: float
    n: int
    sst: float

    @property
    def rmse(self) -> float:
        """Root of the mean squared residual, in units of y."""
        return math.sqrt(self.sse / self.n)

    @property
    def r2(self) -> float:
        """Share of the variance of y that it explains; nan where y does not vary."""
        return 1.0 - self.sse / self.sst if self.sst > 0 else math.nan

    @property
    def at_bound(self) -> bool:
        """Whether the exponent ran to the end of its range."""
        low, high = math.log(ALPHAS[0]), math.log(ALPHAS[1])
        return not low + _AT_BOUND < math.log(self.alpha) < high - _AT_BOUND

    def __call__(self, x: ArrayLike | float) -> Array:
        """Return the law at each x.

        >>> PowerLaw(0.5, 2.0, 0.1, 0.0, 3, 1.0)([0.0, 0.5]).round(6).tolist()
        [0.1, 0.225]
        """
        return np.asarray(self.excess(x) + self.floor)

    def excess(self, x: ArrayLike | float) -> Array:
        """Return k·x^α, what x adds to the floor; at the median of x a number that can be compared between laws."""
        return _powers(np.asarray(x, dtype=np.float64), self.k, self.alpha)

    def where_excess(self, size: float) -> float:
        """Return the x at which the excess is ``size``, (size/k)^(1/α); infinite where there is no excess.

        >>> round(PowerLaw(0.5, 2.0, 0.1, 0.0, 3, 1.0).where_excess(0.125), 6)
        0.5
        """
        if size <= 0:
            raise UsageError(f"an excess of {size}; expected a number over 0, such as 0.01")
        return math.exp((math.log(size) - math.log(self.k)) / self.alpha) if self.k > 0 else math.inf

    def slope(self, x: float) -> float:
        """Return dy/dx = k·α·x^(α − 1) at an x over 0.

        >>> round(PowerLaw(0.5, 2.0, 0.1, 0.0, 3, 1.0).slope(0.5), 6)
        0.5
        """
        return float(self.alpha * self.excess(x) / x)


def fit_power_law(x: ArrayLike, y: ArrayLike, weights: ArrayLike | None = None) -> PowerLaw:
    """Fit y = k·x^α + floor by least squares with k ≥ 0, floor ≥ 0 and α in :data:`ALPHAS`.

    With upstream errors for x and downstream errors for y it is the law of Abnar et al. 2022, e_DS = k·e_US^α + e_∞.

    Args:
        x: numbers from 0 on, at least three different ones.
        y: as many numbers from 0 on.
        weights: of each point; default: 1.

    Raises:
        UsageError: for fewer than three points, fewer than three different x, or numbers that are negative or not
            finite.

    >>> law = fit_power_law([0.1, 0.2, 0.4, 0.8], [0.105, 0.12, 0.18, 0.42])
    >>> round(law.k, 6), round(law.alpha, 6), round(law.floor, 6)
    (0.5, 2.0, 0.1)
    """
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    w = np.ones_like(a) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if not len(a) == len(b) == len(w):
        raise UsageError(f"a law of {len(a)} x, {len(b)} y and {len(w)} weights; give as many of each")
    used = w > 0
    if len(np.unique(a[used])) < 3:
        raise UsageError(f"a power law of {len(np.unique(a[used]))} different x; it has three numbers, give three")
    k, alpha, floor, sse = (float(v[0]) for v in fit_power_laws(a, b, w[None, :]))
    mean = float(np.average(b, weights=w))
    # The mean of equal numbers is rounded: about it they would vary by a little, and R² be anything.
    sst = float(np.sum(w * (b - mean) ** 2)) if np.ptp(b[used]) > 0 else 0.0
    return PowerLaw(k, alpha, floor, sse, int(used.sum()), sst)


def fit_power_laws(
    x: ArrayLike, y: ArrayLike, weights: ArrayLike, *, precise: bool = True
) -> tuple[Array, Array, Array, Array]:
    """Fit many laws at once, as :func:`fit_power_law` fits one.

    Args:
        x: one row of n numbers for all fits, or a row for each of them.
        y: like x.
        weights: a row of n for each fit; 0 leaves a point out, 2 counts it twice.
        precise: find α to ten places instead of five, in twice the time; resamples do not need it.

    Returns:
        k, α, floor and the weighted sum of squared residuals, one of each a fit; nan where a fit has fewer than two
        different x with weight.

    Raises:
        UsageError: when the shapes do not go together, or a number is negative or not finite.

    >>> k, alpha, floor, sse = fit_power_laws([0.1, 0.2, 0.4, 0.8], [0.1, 0.1, 0.1, 0.1], [[1, 1, 1, 1]])
    >>> k.tolist(), floor.round(6).tolist()
    ([0.0], [0.1])
    """
    w = np.atleast_2d(np.asarray(weights, dtype=np.float64))
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape != b.shape or a.ndim not in (1, 2) or a.shape[-1] != w.shape[1] or (a.ndim == 2 and len(a) != len(w)):
        raise UsageError(
            f"laws of x {a.shape}, y {b.shape}, weights {w.shape}; give n, n and (fits, n), or all alike"
        )
    if not all(np.isfinite(v).all() and (v >= 0).all() for v in (a, b, w)):
        raise UsageError("a power law of negative numbers, or of some that are not finite; leave them out first")
    out = [np.full(len(w), np.nan) for _ in range(4)]
    width = w.shape[1] * (len(_GRID) if a.ndim == 2 else 1)
    step = max(1, _CHUNK // max(width, 1))
    for start in range(0, len(w), step):
        rows = slice(start, start + step)
        part = (a, b) if a.ndim == 1 else (a[rows], b[rows])
        for into, found in zip(out, _fit(*part, w[rows], _STEPS[precise]), strict=True):
            into[rows] = found
    return out[0], out[1], out[2], out[3]


def _fit(x: Array, y: Array, w: Array, steps: int) -> tuple[Array, Array, Array, Array]:
    top = np.where(w > 0, x, 0.0).max(axis=1, keepdims=True)
    enough = (np.where(w > 0, x, np.inf).min(axis=1) < top[:, 0]) & (w.sum(axis=1) > 0)
    top = np.where(top > 0, top, 1.0)
    with np.errstate(divide="ignore"):
        logs = np.log(x / top)  # one row a fit: powers of it are at most 1, whatever α is
    best = _grid(x, y, w, top).argmin(axis=1)
    low, high = _GRID[np.maximum(best - 1, 0)], _GRID[np.minimum(best + 1, len(_GRID) - 1)]

    def cost(at: Array) -> Array:
        return _project(_raised(logs, np.exp(at)), y, w)[2]

    inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    left, right = cost(inner), cost(outer)
    for _ in range(steps):
        lower = left <= right
        high, low = np.where(lower, outer, high), np.where(lower, low, inner)
        fresh = np.where(lower, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        value = cost(fresh)
        inner, outer = np.where(lower, fresh, outer), np.where(lower, inner, fresh)
        left, right = np.where(lower, value, right), np.where(lower, left, value)
    at = (low + high) / 2
    ends = np.stack([at, np.full_like(at, _GRID[0]), np.full_like(at, _GRID[-1])])  # a bound is tried as it is
    costs = np.stack([cost(e) for e in ends])
    at = ends[costs.argmin(axis=0), np.arange(len(at))]
    alpha = np.exp(at)
    k, floor, sse = _project(_raised(logs, alpha), y, w)
    with np.errstate(over="ignore"):
        k = np.where(k > 0, np.exp(np.log(np.where(k > 0, k, 1.0)) - alpha * np.log(top[:, 0])), 0.0)
    for v in (k, alpha, floor, sse):
        v[~enough] = np.nan
    return k, alpha, floor, sse


def _grid(x: Array, y: Array, w: Array, top: Array) -> Array:
    """Cost at every α of the grid, by moments; good to choose a bracket, the residuals decide inside it."""
    with np.errstate(divide="ignore"):
        logs = np.log(x / (top.max() if x.ndim == 1 else top))
    raised = _raised(logs[..., None, :], np.exp(_GRID))
    shift, level = raised.mean(axis=-1, keepdims=True), y.mean(axis=-1, keepdims=True)
    u, v = raised - shift, y - level
    if x.ndim == 1:
        s0, su, suu = w.sum(axis=1)[:, None], w @ u.T, w @ (u * u).T
        sv, suv, svv = (w @ v)[:, None], w @ (u * v).T, (w @ (v * v))[:, None]
        shift, level = shift[:, 0][None, :], level[None, :]
    else:
        s0 = w.sum(axis=1)[:, None]
        su, suu = np.einsum("bn,ban->ba", w, u), np.einsum("bn,ban,ban->ba", w, u, u)
        sv, svv = (w * v).sum(axis=1)[:, None], (w * v * v).sum(axis=1)[:, None]
        suv, shift = np.einsum("bn,ban->ba", w * v, u), shift[:, :, 0]
    spread, cross, total = suu - su * su / s0, suv - su * sv / s0, svv - sv * sv / s0
    with np.errstate(divide="ignore", invalid="ignore"):
        k = np.where(spread > 0, np.maximum(cross / spread, 0.0), 0.0)
        mean_u, mean_y = su / s0 + shift, sv / s0 + level
        free = total - k * cross
        square = spread + s0 * mean_u**2
        through = total + s0 * mean_y**2 - (cross + s0 * mean_u * mean_y) ** 2 / square
    cost: Array = np.where(mean_y - k * mean_u >= 0, free, np.where(square > 0, through, np.inf))
    return np.where(np.isfinite(cost), cost, np.inf)


def _project(u: Array, y: Array, w: Array) -> tuple[Array, Array, Array]:
    """Return k ≥ 0, floor ≥ 0 and the cost for each row of powers; y must not be negative.

    Where the free solution has a negative floor, the best is on floor = 0, and where it has a negative k, on k = 0:
    the conditions of Karush, Kuhn and Tucker hold there because neither u nor y is ever negative.
    """
    s0 = w.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_u, mean_y = (w * u).sum(axis=1) / s0, (w * y).sum(axis=1) / s0
        du, dy = u - mean_u[:, None], y - mean_y[:, None]
        spread = (w * du * du).sum(axis=1)
        k = np.where(spread > 0, np.maximum((w * du * dy).sum(axis=1) / spread, 0.0), 0.0)
        floor = mean_y - k * mean_u
        through = (w * u * y).sum(axis=1) / (w * u * u).sum(axis=1)
    under = floor < 0
    k, floor = np.where(under, through, k), np.where(under, 0.0, floor)
    rest = y - k[:, None] * u - floor[:, None]
    return k, floor, (w * rest * rest).sum(axis=1)


def _raised(logs: Array, alpha: Array) -> Array:
    raised: Array = np.exp(alpha[:, None] * logs)
    return raised


def _powers(x: Array, k: float, alpha: float) -> Array:
    """k·x^α without an overflow on the way: k may be 1e35 where x^α is 1e-36."""
    if k <= 0:
        return np.zeros_like(x)
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(math.log(k) + alpha * np.log(x)), dtype=np.float64)
