"""Points of a simplex by their barycentric coordinates: drawn uniformly, left along a ray, measured in length."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from ..errors import UsageError

__all__ = ["exit_points", "has_volume", "lengths", "uniform_on_simplex"]

_LEAST_ANGLE = 1e-10
"""Smallest eigenvalue of the edges' cosines at which they count as independent: an angle of 1e-5."""


def uniform_on_simplex(m: int, k: int, rng: np.random.Generator) -> Float64[np.ndarray, "m k"]:
    """Draw m points uniformly from a simplex of k vertices, as barycentric coordinates (each row sums to 1).

    With E₁ … E_k exponential, E/ΣE is uniform (Dirichlet(1, …, 1); Devroye 1986, ch. V.2); an affine map keeps it so.

    >>> points = uniform_on_simplex(1000, 3, np.random.default_rng(0))
    >>> bool((points >= 0).all()), points.sum(1).round(12).max(), points.mean(0).round(1)
    (True, np.float64(1.0), array([0.3, 0.3, 0.3]))
    """
    drawn = rng.standard_exponential((m, k))
    return np.asarray(drawn / drawn.sum(1, keepdims=True))


def exit_points(first: Float64[np.ndarray, "m k"], second: Float64[np.ndarray, "m k"]) -> Float64[np.ndarray, "m k"]:
    """Return where the ray from each first point through the second leaves the simplex (Neyshabur et al. 2020, Def.
    3.1, 2).

    f = w₁ + α̃(w₂ − w₁), α̃ = max{α : w₁ + α(w₂ − w₁) ∈ S}: the α at which the first of the falling barycentric
    coordinates is 0.

    Args:
        first: w₁, barycentric coordinates.
        second: w₂.

    Raises:
        UsageError: when two points are the same: no ray goes through them.

    >>> exit_points(np.array([[0.5, 0.25, 0.25]]), np.array([[0.4, 0.35, 0.25]]))
    array([[0.  , 0.75, 0.25]])
    >>> exit_points(np.array([[0.5, 0.5]]), np.array([[0.4, 0.6]]))
    array([[0., 1.]])
    """
    moves = second - first
    falling = moves < 0
    if not falling.any(1).all():
        raise UsageError("a ray through two equal points of the simplex has no direction")
    with np.errstate(divide="ignore", invalid="ignore"):
        until = np.where(falling, first / -moves, np.inf)
    side = until.argmin(1)[:, None]
    points = np.maximum(first + np.take_along_axis(until, side, 1) * moves, 0.0)
    np.put_along_axis(points, side, 0.0, 1)  # exactly on the face, so that a segment is left at its very end
    return np.asarray(points / points.sum(1, keepdims=True))


def lengths(moves: Float64[np.ndarray, "m k"], gram: Float64[np.ndarray, "e e"]) -> Float64[np.ndarray, " m"]:
    """Return the Euclidean lengths of moves Σⱼ cⱼvⱼ given as coordinates that sum to 0.

    Args:
        moves: c, one row a move.
        gram: ``(k − 1, k − 1)`` inner products of the edges vⱼ − v₀, j = 1 … k − 1.

    >>> lengths(np.array([[-1.0, 1.0], [-0.5, 0.5]]), np.array([[4.0]]))
    array([2., 1.])
    """
    rest = moves[:, 1:]
    return np.asarray(np.sqrt(np.maximum(np.einsum("mi,ij,mj->m", rest, gram, rest), 0.0)))


def has_volume(gram: Float64[np.ndarray, "e e"]) -> bool:
    """Say whether the edges of a simplex are independent, so that its coordinates are unique.

    Args:
        gram: inner products of the edges from one vertex.

    >>> has_volume(np.array([[2.0]])), has_volume(np.array([[0.0]])), has_volume(np.array([[1.0, 2.0], [2.0, 4.0]]))
    (True, False, False)
    """
    sizes = np.sqrt(np.diagonal(gram))
    if not (sizes > 0).all():
        return False
    return bool(np.linalg.eigvalsh(gram / np.outer(sizes, sizes))[0] > _LEAST_ANGLE)
