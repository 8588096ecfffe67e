"""Points of weight space: a basis of weights and the coefficients of each point in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError, nearest
from ..params import Params, check_same, clone, combine
from ..rng import numpy_generator

__all__ = ["Points"]


@dataclass(frozen=True, eq=False)
class Points:
    """θᵢ = Σⱼ cᵢⱼ·basisⱼ: a line, simplex, plane, ray or list, all in the one form that the engine evaluates.

    Only floating tensors are combined; a counter (``num_batches_tracked``) is that of the first operand with a
    coefficient. A point with one coefficient, 1, is that operand exactly, and an operand with coefficient 0 has no
    part in a point: weights that are not finite stay where they are.

    Attributes:
        basis: k weights of one network.
        coefficients: float64 ``(m, k)``, one row a point.

    Raises:
        UsageError: when the operands are not of one network, or the coefficients do not fit them or are not finite.

    >>> a, b = {"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([4.0, 4.0])}
    >>> line = Points.line(a, b, [0.0, 0.25, 1.0])
    >>> len(line), line.at(1)["w"].tolist()
    (3, [1.0, 2.5])
    """

    basis: tuple[Params, ...]
    coefficients: np.ndarray

    def __post_init__(self) -> None:
        if not self.basis:
            raise UsageError("points of weight space need at least one set of weights")
        check_same(*self.basis)
        c = self.coefficients
        if c.dtype != np.float64 or c.ndim != 2 or c.shape[1] != len(self.basis) or not len(c):
            raise UsageError(
                f"coefficients {c.dtype} {c.shape} for {len(self.basis)} sets of weights; "
                f"expected float64 (points, {len(self.basis)}) with at least one point"
            )
        if not np.isfinite(c).all():
            raise UsageError(f"the coefficients of point {int(np.argmin(np.isfinite(c).all(1)))} are not all finite")
        if not c.any(1).all():
            raise UsageError(f"point {int(np.argmin(c.any(1)))} has no coefficient other than 0")

    def __len__(self) -> int:
        return len(self.coefficients)

    def terms(self, i: int) -> tuple[tuple[int, float], ...]:
        """Return (operand, coefficient) of point i for the coefficients that are not 0."""
        row = self.coefficients[i]
        return tuple((int(j), float(row[j])) for j in np.flatnonzero(row))

    def at(self, i: int) -> Params:
        """Return the weights of point i, combined in float64: the plain form of what the engine does in place."""
        terms = self.terms(i)
        if len(terms) == 1 and terms[0][1] == 1.0:
            return clone(self.basis[terms[0][0]])
        return combine([self.basis[j] for j, _ in terms], [c for _, c in terms])

    @classmethod
    def line(cls, a: Mapping[str, Tensor], b: Mapping[str, Tensor], lambdas: Sequence[float] | np.ndarray) -> Points:
        """Return (1 − λ)a + λb for each λ (000 §3.3); outside 0…1 the line is extended (000 B.6)."""
        places = np.asarray(lambdas, dtype=np.float64)
        return cls((dict(a), dict(b)), np.stack([1.0 - places, places], axis=-1))

    @classmethod
    def simplex(cls, vertices: Sequence[Mapping[str, Tensor]], count: int, seed: int) -> Points:
        """Return ``count`` points uniform on the convex hull of the vertices (000, definition 3.1)."""
        exponentials = numpy_generator("simplex", seed).standard_exponential((count, len(vertices)))
        return cls(tuple(dict(v) for v in vertices), exponentials / exponentials.sum(1, keepdims=True))

    @classmethod
    def plane(
        cls,
        origin: Mapping[str, Tensor],
        first: Mapping[str, Tensor],
        second: Mapping[str, Tensor],
        steps: np.ndarray,
    ) -> Points:
        """Return origin + p·first + q·second for each row (p, q) of ``steps`` ``(m, 2)`` (002 Fig. 3b).

        Directions may leave tensors out: these stay at the origin.

        >>> zero, x, y = {"w": torch.zeros(2)}, {"w": torch.eye(2)[0]}, {"w": torch.eye(2)[1]}
        >>> Points.plane(zero, x, y, np.array([[3.0, -1.0]])).at(0)["w"].tolist()
        [3.0, -1.0]
        """
        moves = np.asarray(steps, dtype=np.float64)
        basis = (dict(origin), _direction(origin, first), _direction(origin, second))
        return cls(basis, np.concatenate([np.ones((len(moves), 1)), moves], axis=1))

    @classmethod
    def ray(
        cls, origin: Mapping[str, Tensor], direction: Mapping[str, Tensor], steps: Sequence[float] | np.ndarray
    ) -> Points:
        """Return origin + s·direction for each s; what the direction leaves out stays at the origin (002 Fig. 6)."""
        moves = np.asarray(steps, dtype=np.float64)
        return cls((dict(origin), _direction(origin, direction)), np.stack([np.ones_like(moves), moves], axis=-1))

    @classmethod
    def listed(cls, weights: Sequence[Mapping[str, Tensor]]) -> Points:
        """Return the given weights themselves, as they are."""
        return cls(tuple(dict(w) for w in weights), np.eye(len(weights)))


def _direction(origin: Mapping[str, Tensor], direction: Mapping[str, Tensor]) -> Params:
    """Fill a direction up with zeros to a set of weights that can be an operand."""
    for name in direction:
        if name not in origin:
            raise UsageError(f"a direction moves {name!r}, which the network does not have{nearest(name, origin)}")
    return {k: direction.get(k, torch.zeros_like(v)) for k, v in origin.items()}
