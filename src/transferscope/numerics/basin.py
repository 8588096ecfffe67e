"""The numbers of an (ε, δ)-basin (Neyshabur et al. 2020, Def. 3.1) for any loss: μ, ε, and the smallest δ with its
Monte-Carlo error.

Points of S are drawn once, and so are the pairs (w₁, w₂) and the noise: for another δ the same draws are scaled. So a
condition changes with δ only because the loss does, and bisection is sound although every number is an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64

from ..errors import UsageError
from ..rng import numpy_generator
from .crossing import first_crossing
from .simplex import exit_points, has_volume, lengths, uniform_on_simplex

__all__ = [
    "BasinNumbers",
    "LossField",
    "Rises",
    "Search",
    "basin_numbers",
    "basin_of",
    "draw_points",
    "resample_counts",
    "search_rises",
]

_ROUNDING = 1e-12
"""By how much a mean may miss 2ε and still reach it."""


@runtime_checkable
class LossField(Protocol):
    """q losses at points given by coordinates in k vertices; they may lie outside of the vertices' hull."""

    def at(self, places: Float64[np.ndarray, "m k"]) -> Float64[np.ndarray, "q m"]:
        """Return ℓ at each place."""

    def shaken(
        self, places: Float64[np.ndarray, "r k"], deltas: Float64[np.ndarray, " d"]
    ) -> Float64[np.ndarray, "q d r"]:
        """Return ℓ(place_r + δ_d·z_r), z_r ~ N(0, I/n) the same whenever r is the same."""

    def moved(
        self, places: Float64[np.ndarray, "r k"], moves: Float64[np.ndarray, "r k"], deltas: Float64[np.ndarray, " d"]
    ) -> Float64[np.ndarray, "q d r"]:
        """Return ℓ(place_r + δ_d·move_r), places and moves given by coordinates."""


@dataclass(frozen=True)
class Search:
    """How δ is searched for: at 0, at limit/2^doublings, …, limit/2, limit, then by bisection.

    Attributes:
        draws: of (w₁, w₂, ν).
        limit: the largest δ.
        doublings: how often the smallest δ doubles until it is the limit.
        tolerance: relative width at which bisection stops.
        seed: of the draws.
    """

    draws: int
    limit: float
    doublings: int = 9
    tolerance: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if self.draws < 2 or self.doublings < 1:
            raise UsageError(
                f"{self.draws} noise draws and {self.doublings} doublings of δ; expected at least 2 and 1"
            )
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise UsageError(f"limit {self.limit:g} of δ; expected a positive length")
        if not 0 < self.tolerance < 1:
            raise UsageError(f"tolerance {self.tolerance:g} of δ; expected a share between 0 and 1, such as 0.05")

    @property
    def scan(self) -> Float64[np.ndarray, " d"]:
        """The δ of the scan but 0, rising."""
        return self.limit * 2.0 ** np.arange(-self.doublings, 1)

    @property
    def halvings(self) -> int:
        """The most steps that bisection takes for one loss."""
        return math.ceil(math.log2(1 / self.tolerance))


@dataclass(frozen=True, eq=False)
class Rises:
    """q losses around S, at every δ that was tried.

    Attributes:
        deltas: ``(d,)``, rising from 0.
        shaken: ``(q, d, r)`` ℓ(f + ν), ‖ν‖ ≈ δ, of each draw.
        beyond: ``(q, d, r)`` ℓ(κ), at |ν| past the boundary, ν ~ N(0, δ²), of each draw.
    """

    deltas: np.ndarray
    shaken: np.ndarray
    beyond: np.ndarray


@dataclass(frozen=True)
class BasinNumbers:
    """What Definition 3.1 says of one loss on one S. Intervals are 95 % bootstrap intervals over the draws.

    Attributes:
        mu: E ℓ(w), w uniform on S.
        mu_error: its Monte-Carlo standard error.
        epsilon: E|ℓ(w) − μ|.
        epsilon_low: lower end of its interval.
        epsilon_high: upper end.
        delta: the smallest δ with which conditions 2 and 3 hold; inf when none does up to the limit, nan when the
            loss is not finite on S.
        delta_low: lower end of its interval; inf when not within the limit.
        delta_high: upper end.
        binding: which of the conditions, ``2``, ``3`` or ``2 and 3``, fails until δ is reached; ``""`` for δ = 0.
    """

    mu: float
    mu_error: float
    epsilon: float
    epsilon_low: float
    epsilon_high: float
    delta: float
    delta_low: float
    delta_high: float
    binding: str


def draw_points(m: int, vertices: Float64[np.ndarray, "v k"], seed: int) -> Float64[np.ndarray, "m k"]:
    """Draw m points uniformly from the simplex S of these vertices.

    Args:
        m: how many, at least 2.
        vertices: of S, one row each: coordinates in k solutions.
        seed: the same gives the same points.

    Raises:
        UsageError: for fewer than 2 points.
    """
    if m < 2:
        raise UsageError(f"{m} point(s) of S; expected at least 2, such as 64")
    drawn = uniform_on_simplex(m, len(vertices), numpy_generator("basin", seed, "points", m))
    return np.asarray(drawn @ vertices)


def search_rises(
    field: LossField,
    vertices: Float64[np.ndarray, "v k"],
    gram: Float64[np.ndarray, "e e"],
    losses: Float64[np.ndarray, "q m"],
    search: Search,
) -> Rises:
    """Measure the losses around S at growing δ, and by bisection where conditions 2 and 3 begin to hold.

    Args:
        field: the losses.
        vertices: of S, coordinates in k solutions.
        gram: inner products of the edges from the first solution to the others, over what the noise moves.
        losses: at points drawn uniformly from S.
        search: how.
    """
    first, second = (
        uniform_on_simplex(search.draws, len(vertices), numpy_generator("basin", search.seed, "pair", i))
        for i in (1, 2)
    )
    leave = exit_points(first, second)
    edge, outward = leave @ vertices, (leave - first) @ vertices
    outward /= lengths(outward, gram)[:, None]
    drawn = numpy_generator("basin", search.seed, "distance").standard_normal(search.draws)
    outward *= np.abs(drawn)[:, None]

    places, where = np.unique(edge, axis=0, return_inverse=True)
    still = field.at(places)[:, where.reshape(-1)][:, None]
    rises = Rises(np.zeros(1), still, still)

    def extended(rises: Rises, deltas: np.ndarray) -> Rises:
        all_deltas = np.concatenate([rises.deltas, deltas])
        order = np.argsort(all_deltas)
        shaken = np.concatenate([rises.shaken, field.shaken(edge, deltas)], 1)
        beyond = np.concatenate([rises.beyond, field.moved(edge, outward, deltas)], 1)
        return Rises(all_deltas[order], shaken[:, order], beyond[:, order])

    rises = extended(rises, search.scan)
    for q in range(len(losses)):
        while (middle := _halfway(rises, losses[q], q, search)) is not None:
            rises = extended(rises, np.array([middle]))
    return rises


def basin_numbers(
    losses: Float64[np.ndarray, " m"],
    deltas: Float64[np.ndarray, " d"],
    shaken: Float64[np.ndarray, "d r"],
    beyond: Float64[np.ndarray, "d r"],
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> BasinNumbers:
    """Work out μ, ε and δ of one loss, and how far they would move with other draws.

    δ is where min(E ℓ(f + ν), E ℓ(κ)) − μ first reaches 2ε, linear between the δ that were tried. A loss around S
    that is not finite counts as risen.

    Args:
        losses: at points drawn uniformly from S.
        deltas: rising from 0.
        shaken: ℓ(f + ν) of each draw at every δ.
        beyond: ℓ(κ) of each draw at every δ.
        resamples: of the points and, apart from them, of the draws.
        seed: of the resamples.

    Raises:
        UsageError: for no resamples.

    >>> losses = np.array([0.0, 2.0])  # μ = 1, ε = 1: the loss around S must reach 3
    >>> deltas, height = np.array([0.0, 1.0, 2.0]), np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]])
    >>> found = basin_numbers(losses, deltas, height, height + 1.0)
    >>> found.mu, found.epsilon, round(found.delta, 6), found.binding
    (1.0, 1.0, 1.5, '2')
    """
    finite = bool(np.isfinite(losses).all())
    mu = float(losses.mean()) if finite else math.nan
    epsilon = float(np.abs(losses - mu).mean())
    of_points = resample_counts(len(losses), resamples, seed, "points")
    of_draws = resample_counts(shaken.shape[1], resamples, seed, "draws")
    mus = of_points @ losses if finite else np.full(resamples, np.nan)
    epsilons = (of_points * np.abs(losses - mus[:, None])).sum(1)
    margins = np.minimum(_means(of_draws, shaken), _means(of_draws, beyond))
    margins = _margin(margins, mus[:, None], epsilons[:, None])
    one = np.full((1, shaken.shape[1]), 1 / shaken.shape[1])
    shown = [_margin(_means(one, x)[0], mu, epsilon) for x in (shaken, beyond)]
    delta = float(first_crossing(deltas, np.minimum(*shown)))
    crossings = first_crossing(deltas, margins)
    return BasinNumbers(
        mu,
        float(losses.std(ddof=1)) / math.sqrt(len(losses)) if finite else math.nan,
        epsilon,
        *_ends(epsilons),
        delta,
        *_ends(crossings),
        _binding(shown[0], shown[1]),
    )


def basin_of(
    loss: Callable[[np.ndarray], np.ndarray],
    solutions: Float64[np.ndarray, "k n"],
    *,
    samples: int = 64,
    draws: int = 32,
    limit: float,
    doublings: int = 9,
    tolerance: float = 0.05,
    resamples: int = 1000,
    seed: int = 0,
) -> BasinNumbers:
    """Find the (ε, δ) of the hull S of k vectors for any loss of vectors (Neyshabur et al. 2020, Def. 3.1).

    Args:
        loss: from points ``(m, n)`` to ``(m,)``.
        solutions: vertices of S, at least two, none in the hull of the others.
        samples: points drawn from S.
        draws: of (w₁, w₂, ν).
        limit: the largest δ that is tried.
        doublings: of δ between the smallest and the limit.
        tolerance: relative width at which bisection stops.
        resamples: for the intervals.
        seed: of all draws.

    Raises:
        UsageError: when S has no extent, or a number cannot be.

    >>> def box(x):  # a floor at 0 on the left, at 0.1 on the right, walls of height 1 at −1.1 and 1.1
    ...     return np.where(np.abs(x[:, 0]) > 1.1, 1.0, np.where(x[:, 0] > 0, 0.1, 0.0))
    >>> found = basin_of(box, np.array([[-1.0], [1.0]]), samples=4000, draws=4000, limit=1.0)
    >>> round(found.mu, 2), round(found.epsilon, 2)  # 2ε is reached when 0.1/0.95 of all draws are over the wall
    (0.05, 0.05)
    >>> round(found.delta, 2)  # 0.1/1.25
    0.08
    """
    vertices = np.asarray(solutions, dtype=np.float64)
    if len(vertices) < 2:
        raise UsageError(f"{len(vertices)} solution(s) given; a basin is spanned by at least 2")
    edges = vertices[1:] - vertices[0]
    gram = edges @ edges.T
    if not has_volume(gram):
        raise UsageError("the solutions do not span a simplex: two are the same, or one lies between others")
    search = Search(draws, limit, doublings, tolerance, seed)
    field = _Vectors(loss, vertices, seed)
    corners = np.eye(len(vertices))
    losses = field.at(draw_points(samples, corners, seed))
    rises = search_rises(field, corners, gram, losses, search)
    return basin_numbers(losses[0], rises.deltas, rises.shaken[0], rises.beyond[0], resamples=resamples, seed=seed)


def resample_counts(n: int, resamples: int, seed: int, *purpose: str) -> Float64[np.ndarray, "b n"]:
    """Return the shares of n things in resamples with replacement, each row summing to 1.

    >>> resample_counts(4, 100, 0).sum(1).round(12).tolist() == [1.0] * 100
    True
    """
    if resamples < 1:
        raise UsageError(f"bootstrap of {resamples} resamples; expected at least 1")
    drawn = numpy_generator("basin", seed, "resample", *purpose).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.asarray(drawn / n, dtype=np.float64)


class _Vectors:
    """A loss of vectors as a field."""

    def __init__(self, loss: Callable[[np.ndarray], np.ndarray], solutions: np.ndarray, seed: int) -> None:
        self._loss, self._solutions, self._seed = loss, solutions, seed

    def at(self, places: np.ndarray) -> np.ndarray:
        return np.asarray(self._loss(places @ self._solutions), dtype=np.float64)[None]

    def shaken(self, places: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        n = self._solutions.shape[1]
        noise = numpy_generator("basin", self._seed, "noise").standard_normal((len(places), n)) / math.sqrt(n)
        points = places @ self._solutions
        return np.stack([np.asarray(self._loss(points + d * noise), dtype=np.float64) for d in deltas])[None]

    def moved(self, places: np.ndarray, moves: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        return np.stack([self.at(places + d * moves)[0] for d in deltas])[None]


def _halfway(rises: Rises, losses: np.ndarray, q: int, search: Search) -> float | None:
    """Return the δ to try next for a loss, ``None`` when there is nothing left to halve."""
    if not np.isfinite(losses).all():
        return None
    mu = losses.mean()
    one = np.full((1, search.draws), 1 / search.draws)
    means = np.minimum(_means(one, rises.shaken[q]), _means(one, rises.beyond[q]))[0]
    holds = np.flatnonzero(_margin(means, mu, np.abs(losses - mu).mean()) >= 0)
    if not len(holds) or holds[0] == 0:
        return None
    low, high = rises.deltas[holds[0] - 1 : holds[0] + 1]
    close = search.tolerance * max(high, search.scan[0])
    return None if high - low <= close else float((low + high) / 2)


def _margin(means: np.ndarray, mu: np.ndarray | float, epsilon: np.ndarray | float) -> np.ndarray:
    """By how much the mean loss around S exceeds μ + 2ε."""
    return np.asarray(means - mu - 2 * epsilon + _ROUNDING * np.maximum(1.0, np.abs(mu)))


def _means(shares: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return weighted means ``(b, d)`` of values ``(d, r)``; inf where one that is not finite takes part."""
    finite = np.isfinite(values)
    means = shares @ np.where(finite, values, 0.0).T
    return np.where(shares @ ~finite.T > 0, np.inf, means)


def _ends(draws: np.ndarray) -> tuple[float, float]:
    if np.isnan(draws).any():
        return math.nan, math.nan
    low, high = np.quantile(draws, [0.025, 0.975], method="inverted_cdf")  # some may be infinite
    return float(low), float(high)


def _binding(shaken: np.ndarray, beyond: np.ndarray) -> str:
    if np.isnan(shaken).any():
        return ""
    holds = np.flatnonzero(np.minimum(shaken, beyond) >= 0)
    last = len(shaken) - 1 if not len(holds) else holds[0] - 1
    if last < 0:
        return ""
    return " and ".join(name for name, margin in (("2", shaken), ("3", beyond)) if margin[last] < 0)
