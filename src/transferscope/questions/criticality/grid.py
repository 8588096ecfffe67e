"""One module on its way from start to end, with noise: which points those are, and the least α²d²/σ² among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from ...errors import UsageError
from ...params import Params, distance, norm
from ...probes.points import Points
from ...rng import generator
from .._journeys import Journey, Moving

__all__ = ["Grid", "Noise", "PathKind", "Stretch", "Way", "cells_in_order", "least_ratio", "ratios"]

Noise: TypeAlias = Literal["relative", "absolute"]
PathKind: TypeAlias = Literal["direct", "optimisation"]

_START = "start"


@dataclass(frozen=True)
class Grid:
    """Where along a path, and with how much noise.

    Attributes:
        alphas: places on a direct path, from 0 (start) to 1 (end).
        sigmas: noise, from 0; of the module's root mean square weight, or absolute.
        draws: R, of the noise; the same directions at every cell and for every network.
        noise: ``relative`` or ``absolute``.
        seed: of the draws.

    Raises:
        UsageError: for a grid that is empty or out of range.
    """

    alphas: tuple[float, ...]
    sigmas: tuple[float, ...]
    draws: int
    noise: Noise
    seed: int

    def __post_init__(self) -> None:
        for name, values in (("alphas", self.alphas), ("sigmas", self.sigmas)):
            if not values:
                raise UsageError(f"{name}: the grid is empty; give at least one number, such as 0.1")
            if not all(math.isfinite(v) and v >= 0 for v in values):
                raise UsageError(f"{name}: {values} are not all numbers from 0")
        if max(self.alphas) > 1:
            raise UsageError(
                f"alphas: {max(self.alphas):g} lies beyond the end of the path; give numbers from 0 to 1"
            )
        if not any(self.sigmas):
            raise UsageError("sigmas: only 0; criticality divides by the noise, so give at least one above 0")
        if self.draws < 1:
            raise UsageError(f"draws: {self.draws}; expected at least 1")
        if self.noise not in ("relative", "absolute"):
            raise UsageError(f"noise {self.noise!r}; expected 'relative' or 'absolute'")

    @classmethod
    def of(
        cls,
        alphas: int | Sequence[float] | np.ndarray,
        sigmas: Sequence[float] | np.ndarray,
        draws: int,
        noise: Noise,
        seed: int,
    ) -> Grid:
        """Return the grid of a number of places or the places themselves, both rising and each once.

        Raises:
            UsageError: for what is no number.
        """
        if isinstance(alphas, int):
            if alphas < 2:
                raise UsageError(f"alphas: {alphas} place(s); a path has at least 2, its ends")
            places = tuple(i / (alphas - 1) for i in range(alphas))
        else:
            places = _numbers("alphas", alphas)
        if not isinstance(draws, int):
            raise UsageError(f"draws {draws!r}: expected a whole number")
        return cls(places, _numbers("sigmas", sigmas), draws, noise, seed)


def _numbers(name: str, given: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    try:
        return tuple(sorted({float(one) for one in given}))
    except (TypeError, ValueError):
        raise UsageError(f"{name} {given!r}: expected several numbers, e.g. [0.1, 0.2]") from None


@dataclass(frozen=True, eq=False)
class Way:
    """One of the four paths of a module.

    Attributes:
        kind: ``direct`` or ``optimisation``.
        end: which weights it ends at.
        places: names of the checkpoints of an optimisation path, α of a direct one.
        alphas: ``(p,)`` distance of each place from the start over that of the end; α itself on a direct path.
        distance: d = ‖θ_end − θ⁰‖_F.
        rows: ``(p, s, r)`` where each cell's draw stands among the points; −1 where weights are not finite.
    """

    kind: PathKind
    end: str
    places: tuple[str, ...]
    alphas: np.ndarray
    distance: float
    rows: np.ndarray


class Stretch:
    """All paths of one module of one network, as points of weight space.

    θ = θ* + Σ_w m_w·(w − θ*)_i + scale·σ·z_r: w are the start, the recorded weights and the ends, of the module
    only, z_r ~ N(0, I) on its parameters. A point that several paths share is one point.

    Args:
        journey: the network.
        moving: the module.
        kinds: which paths.
        grid: where on them, and with how much noise.

    Attributes:
        scale: standard deviation of each weight's noise over σ.
        absolute: ``(s,)`` that of each σ.
        noisy: which of them are above 0.
        ways: the paths.
        not_finite: which weights are not finite and are no points.
    """

    def __init__(self, journey: Journey, moving: Moving, kinds: Sequence[PathKind], grid: Grid) -> None:
        self.journey, self.moving, self.grid = journey, moving, grid
        self.size = sum(journey.trained[k].numel() for k in moving.parameters)
        self.norm = norm(journey.trained, moving.parameters)
        self.scale = self.norm / math.sqrt(self.size) if grid.noise == "relative" else 1.0
        self.absolute = self.scale * np.array(grid.sigmas)
        self.noisy = np.flatnonzero(self.absolute > 0)
        trained, *others = journey.ends
        recorded = {_recorded(tag): weights for tag, weights in journey.recorded.items()}
        self._weights = {_START: journey.start, **recorded, **{end: journey.ends[end] for end in others}}
        self._tags = list(self._weights)
        self.not_finite = tuple(tag for tag in self._tags if not self._finite(tag))
        ways, blocks = [], []
        for end in journey.ends:
            for kind in kinds:
                if kind == "optimisation" and not journey.until.get(end):
                    continue
                places, mixture = self._mixture(kind, end, trained)
                blocks.append(self._rows(mixture))
                ways.append((kind, end, places))
        self._steps, inverse = self._unique(blocks)
        self.ways = tuple(
            Way(kind, end, places, *self._lengths(kind, end, places), rows)
            for (kind, end, places), rows in zip(ways, inverse, strict=True)
        )

    def __len__(self) -> int:
        return len(self._steps)

    def cells(self, way: Way | None = None) -> int:
        """Return how many cells a search has, of one path or of all."""
        return sum(len(self.in_order(w)) for w in (self.ways if way is None else (way,)))

    def in_order(self, way: Way) -> np.ndarray:
        """Return (place, noise) ``(c, 2)`` of the cells of a path with noise and finite weights by rising α²d²/σ²."""
        cells = cells_in_order(way.alphas, self.absolute, way.distance)
        there: np.ndarray = cells[(way.rows[cells[:, 0], cells[:, 1]] >= 0).all(1)]
        return there

    def points(self, rows: np.ndarray | None = None) -> Points:
        """Return all points, or those of some rows."""
        steps = self._steps if rows is None else self._steps[rows]
        used = [j for j in range(steps.shape[1]) if steps[:, j].any()]
        directions = [self._direction(j) for j in used]
        return Points.moved(self.journey.trained, directions, steps[:, used])

    def _direction(self, j: int) -> Params:
        origin, names = self.journey.trained, self.moving.tensors
        if j < len(self._tags):
            weights = self._weights[self._tags[j]]
            return {k: weights[k].to(torch.float64) - origin[k].to(torch.float64) for k in names}
        draws = generator("criticality", self.grid.seed, self.moving.name, j - len(self._tags))
        return {k: torch.randn(origin[k].shape, generator=draws) for k in self.moving.parameters}

    def _finite(self, tag: str) -> bool:
        return all(bool(self._weights[tag][k].isfinite().all()) for k in self.moving.tensors)

    def _mixture(self, kind: PathKind, end: str, trained: str) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of the places, and the share ``(p, tags)`` of each set of weights at each."""
        if kind == "direct":
            places = np.array(self.grid.alphas)
            mixture = np.zeros((len(places), len(self._tags)))
            mixture[:, 0] = 1 - places
            if end != trained:
                mixture[:, self._tags.index(end)] = places
            return tuple(f"{a:g}" for a in places), mixture
        before = list(self.journey.before(end))
        mixture = np.zeros((len(before) + 2, len(self._tags)))
        for row, tag in enumerate((_START, *map(_recorded, before), end)):
            if tag != trained:
                mixture[row, self._tags.index(tag)] = 1.0
        return (_START, *before, end), mixture

    def _rows(self, mixture: np.ndarray) -> np.ndarray:
        """Coefficients ``(p, s, r, tags + r)`` of every draw of every cell."""
        draws = self.grid.draws
        rows = np.zeros((len(mixture), len(self.absolute), draws, len(self._tags) + draws))
        rows[..., : len(self._tags)] = mixture[:, None, None]
        rows[..., len(self._tags) :] = self.absolute[:, None, None] * np.eye(draws)
        return rows

    def _unique(self, blocks: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Each point once, and where the cells of each path find theirs."""
        flat = np.concatenate([b.reshape(-1, b.shape[-1]) for b in blocks]) if blocks else np.zeros((0, 1))
        bad = [self._tags.index(tag) for tag in self.not_finite]
        there = ~flat[:, bad].any(1)
        steps, inverse = np.unique(flat[there], axis=0, return_inverse=True)
        rows = np.full(len(flat), -1, dtype=np.int64)
        rows[there] = inverse.ravel()
        parts = np.split(rows, np.cumsum([b.size // b.shape[-1] for b in blocks])[:-1]) if blocks else []
        return steps, [part.reshape(b.shape[:-1]) for part, b in zip(parts, blocks, strict=True)]

    def _lengths(self, kind: PathKind, end: str, places: tuple[str, ...]) -> tuple[np.ndarray, float]:
        start, stop, names = self.journey.start, self.journey.ends[end], self.moving.parameters
        whole = distance(stop, start, names)
        if kind == "direct":
            return np.array(self.grid.alphas), whole
        between = (self.journey.recorded[tag] for tag in places[1:-1])
        lengths = np.array([0.0, *(distance(w, start, names) for w in between), whole])
        return lengths / whole if whole else np.zeros_like(lengths), whole


def _recorded(tag: str) -> str:
    return f"recorded {tag}"  # so that no name is that of the start or an end


def ratios(alphas: np.ndarray, sigmas: np.ndarray, distance: float) -> np.ndarray:
    """Return α²d²/σ² ``(p, s)``, infinite without noise."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: np.ndarray = (alphas[:, None] * distance / sigmas[None, :]) ** 2
    found[:, sigmas == 0] = np.inf
    return found


def least_ratio(
    means: np.ndarray, alphas: np.ndarray, sigmas: np.ndarray, distance: float, bound: float
) -> tuple[float, int, int]:
    """Return min α²d²/σ² over the cells with noise whose mean is at most ``bound`` (Neyshabur et al. 2020, eq. 4),
    and where it is.

    Args:
        means: ``(p, s)`` of each cell; what is not finite keeps nothing.
        alphas: ``(p,)``.
        sigmas: ``(s,)`` absolute, a coordinate.
        distance: d = ‖θ_end − θ⁰‖_F.
        bound: ε.

    Returns:
        The least ratio with its place and its noise. Infinite with −1 and −1 when no cell keeps within the bound, nan
        when no cell has noise.

    >>> means = np.array([[0.9, 0.9], [0.1, 0.5]])
    >>> mu, place, sigma = least_ratio(means, np.array([0.5, 1.0]), np.array([0.1, 0.2]), 3.0, 0.2)
    >>> round(mu, 6), place, sigma
    (900.0, 1, 0)
    """
    order = cells_in_order(alphas, sigmas, distance)
    if not len(order):
        return math.nan, -1, -1
    every = ratios(alphas, sigmas, distance)
    for place, sigma in order:
        if means[place, sigma] <= bound:
            return float(every[place, sigma]), int(place), int(sigma)
    return math.inf, -1, -1


def cells_in_order(alphas: np.ndarray, sigmas: np.ndarray, distance: float) -> np.ndarray:
    """Return (place, noise) ``(c, 2)`` of the cells with noise by rising α²d²/σ²; of equals the most noise first."""
    places, noises = np.meshgrid(np.arange(len(alphas)), np.flatnonzero(sigmas > 0), indexing="ij")
    cells = np.stack([places.ravel(), noises.ravel()], axis=-1)
    value = ratios(alphas, sigmas, distance)[cells[:, 0], cells[:, 1]]
    found: np.ndarray = cells[np.lexsort((-sigmas[cells[:, 1]], value))]
    return found
