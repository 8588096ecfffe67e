"""Points of weight space: a basis of weights and the coefficients of each point in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError, nearest
from ..models.solution import Given, as_solution
from ..numerics.simplex import uniform_on_simplex
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
        basis: k weights of one network; all but the first may leave tensors out, which are then zero there.
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
        for operand in self.basis[1:]:
            _check_part(self.basis[0], operand)
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
        whole = [(self.basis[j] if self.full(j) else _filled(self.basis[0], self.basis[j]), c) for j, c in terms]
        if len(whole) == 1 and whole[0][1] == 1.0:
            return clone(whole[0][0])
        return combine([operand for operand, _ in whole], [c for _, c in whole])

    def value(self, i: int, name: str) -> Tensor:
        """Return one floating tensor of point i: in float64, or as it is where the point is an operand."""
        parts = [(self.basis[j][name], c) for j, c in self.terms(i) if name in self.basis[j]]
        if len(parts) == 1 and parts[0][1] == 1.0:
            return parts[0][0]
        total = torch.zeros_like(self.basis[0][name], dtype=torch.float64)
        for part, coefficient in parts:
            total.add_(part.to(torch.float64), alpha=coefficient)
        return total

    def full(self, j: int) -> bool:
        """Say whether operand j holds every tensor of the network."""
        return len(self.basis[j]) == len(self.basis[0])

    @cached_property
    def moving(self) -> frozenset[str]:
        """Names of the floating tensors that are not the same at all points."""
        varies = (self.coefficients != self.coefficients[0]).any(0)
        full = [j for j in range(len(self.basis)) if self.full(j)]
        totals = self.coefficients[:, full].sum(1)
        balanced = bool((np.abs(totals - totals[0]) <= 1e-12 * max(1.0, np.abs(totals[0]))).all())
        moving = {k for j, part in enumerate(self.basis) if varies[j] and not self.full(j) for k in part}
        if varies[full].any():
            for name, value in self.basis[0].items():
                # Where full operands agree, only the sum of their coefficients matters.
                agree = balanced and all(torch.equal(value, self.basis[j][name]) for j in full if j)
                if not agree:
                    moving.add(name)
        return frozenset(k for k in moving if self.basis[0][k].is_floating_point())

    def holding(self, names: Collection[str]) -> Points:
        """Return the same points with some tensors at all of them as in the first operand.

        >>> a, b = ({"w": torch.full((1,), x), "mean": torch.full((1,), x)} for x in (0.0, 1.0))
        >>> held = Points.line(a, b, [0.0, 1.0]).holding(["mean"])
        >>> held.at(1)["w"].item(), held.at(1)["mean"].item(), sorted(held.moving)
        (1.0, 0.0, ['w'])
        """
        first, kept = self.basis[0], set(names)
        basis = [{k: first[k] if k in kept else v for k, v in part.items()} if self.full(j) else
                 {k: v for k, v in part.items() if k not in kept}
                 for j, part in enumerate(self.basis)]  # fmt: skip
        return Points(tuple(basis), self.coefficients)

    @classmethod
    def moved(
        cls,
        origin: Mapping[str, Tensor],
        directions: Sequence[Mapping[str, Tensor]],
        steps: Sequence[Sequence[float]] | np.ndarray,
    ) -> Points:
        """Return origin + Σⱼ sⱼ·directionⱼ for each row s of ``steps`` ``(m, directions)``.

        Directions may leave tensors out: these stay at the origin. Points that move only one module are evaluated
        from that module on, so this is the form for criticality (Neyshabur et al. 2020, Def. 3.2) and landscapes of
        one layer (Liu et al. 2019).

        >>> origin, step = {"a": torch.ones(1), "b": torch.ones(1)}, {"b": torch.ones(1)}
        >>> points = Points.moved(origin, [step], [[0.0], [2.0]])
        >>> points.at(1)["b"].tolist(), sorted(points.moving)
        ([3.0], ['b'])
        """
        moves = np.asarray(steps, dtype=np.float64).reshape(-1, len(directions))
        return cls((dict(origin), *map(dict, directions)), np.concatenate([np.ones((len(moves), 1)), moves], axis=1))

    @classmethod
    def line(cls, a: Given, b: Given, lambdas: Sequence[float] | np.ndarray) -> Points:
        """Return (1 − λ)a + λb for each λ; outside 0…1 the line is extended.

        Source: Neyshabur et al. 2020, §3.3 and B.6.
        """
        places = np.asarray(lambdas, dtype=np.float64)
        return cls((_weights(a), _weights(b)), np.stack([1.0 - places, places], axis=-1))

    @classmethod
    def simplex(cls, vertices: Sequence[Given], count: int, seed: int) -> Points:
        """Return ``count`` points uniform on the convex hull of the vertices.

        Source: Neyshabur et al. 2020, definition 3.1.
        """
        drawn = uniform_on_simplex(count, len(vertices), numpy_generator("simplex", seed))
        return cls(tuple(map(_weights, vertices)), drawn)

    @classmethod
    def plane(
        cls,
        origin: Mapping[str, Tensor],
        first: Mapping[str, Tensor],
        second: Mapping[str, Tensor],
        steps: np.ndarray,
    ) -> Points:
        """Return origin + p·first + q·second for each row (p, q) of ``steps`` ``(m, 2)`` (Liu et al. 2019, Fig. 3b).

        Directions may leave tensors out: these stay at the origin.

        >>> zero, x, y = {"w": torch.zeros(2)}, {"w": torch.eye(2)[0]}, {"w": torch.eye(2)[1]}
        >>> Points.plane(zero, x, y, np.array([[3.0, -1.0]])).at(0)["w"].tolist()
        [3.0, -1.0]
        """
        return cls.moved(origin, (first, second), steps)

    @classmethod
    def ray(
        cls, origin: Mapping[str, Tensor], direction: Mapping[str, Tensor], steps: Sequence[float] | np.ndarray
    ) -> Points:
        """Return origin + s·direction for each s; what the direction leaves out stays at the origin.

        Source: Liu et al. 2019, Fig. 6.
        """
        return cls.moved(origin, (direction,), np.asarray(steps, dtype=np.float64)[:, None])

    @classmethod
    def listed(cls, weights: Sequence[Given]) -> Points:
        """Return the given weights themselves, as they are."""
        return cls(tuple(map(_weights, weights)), np.eye(len(weights)))


def _weights(x: Given) -> Params:
    """Return weights of any form by name; a file needs its network, see ``load_weights``."""
    return dict(as_solution(x, "weights").params)


def _check_part(whole: Mapping[str, Tensor], part: Mapping[str, Tensor]) -> None:
    """Raise unless an operand is of the same network as the first; it may be a part."""
    if len(part) >= len(whole):
        check_same(whole, part)
        return
    for name in part:
        if name not in whole:
            raise UsageError(f"a direction moves {name!r}, which the network does not have{nearest(name, whole)}")
    check_same({name: whole[name] for name in part}, part)


def _filled(whole: Mapping[str, Tensor], part: Mapping[str, Tensor]) -> Params:
    return {k: part.get(k, torch.zeros_like(v)) for k, v in whole.items()}
