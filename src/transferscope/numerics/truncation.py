"""A matrix by its leading singular directions only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError

__all__ = ["Truncated", "check_kept", "truncated"]


@dataclass(frozen=True, eq=False)
class Truncated:
    """The nearest matrix of lower rank, and what it has left.

    Attributes:
        matrix: ``(m, n)`` in the number format of the given one.
        kept: k, how many singular values it has.
        of: how many the given one has, min(m, n).
        energy: Σ_{i≤k} σ_i² / Σσ_i²; 1 of a zero matrix, which has nothing to lose.
    """

    matrix: Tensor
    kept: int
    of: int
    energy: float


def truncated(matrix: Float[Tensor, "m n"], *, energy: float | None = None, count: int | None = None) -> Truncated:
    """Keep the leading singular values and directions of a matrix: Σ_{i≤k} σ_i u_i v_iᵀ.

    The best approximation of rank k in the Frobenius norm (Eckart & Young 1936); computed in float64. A matrix that
    keeps all is returned to the bit.

    Args:
        matrix: finite numbers.
        energy: keep the fewest that hold this share of Σσ², in (0, 1].
        count: keep so many, or all where there are fewer; one of the two must be given.

    Raises:
        UsageError: when not exactly one of energy and count is given, one is out of range, or a number of the
            matrix is not finite.

    >>> found = truncated(torch.diag(torch.tensor([3.0, 2.0, 1.0])), energy=0.9)  # of 14, 9 and 4 hold 93 %
    >>> found.matrix.diagonal().round(decimals=6).tolist(), found.kept, found.of, round(found.energy, 4)
    ([3.0, 2.0, 0.0], 2, 3, 0.9286)
    """
    check_kept(energy, count)
    if not bool(matrix.isfinite().all()):
        raise UsageError("singular values of a matrix with numbers that are not finite")
    u, sigma, v = torch.linalg.svd(matrix.detach().to(torch.float64), full_matrices=False)
    of = len(sigma)
    squares = sigma.square()
    lost = squares.flip(0).cumsum(0).flip(0)  # from each value on; small ones are not lost beside large ones
    whole = float(lost[0]) if of else 0.0
    if count is not None:
        kept = min(count, of)
    else:
        assert energy is not None
        kept = max(1, int((lost > (1 - energy) * whole).sum())) if whole else of
    if kept == of or not whole:
        return Truncated(matrix.detach().clone(), kept, of, 1.0)
    share = float(squares[:kept].sum()) / whole
    low = (u[:, :kept] * sigma[:kept]) @ v[:kept]
    return Truncated(low.to(matrix.dtype), kept, of, share)


def check_kept(energy: float | None, count: int | None) -> None:
    """Raise unless it is clear how many singular values are to be kept.

    Raises:
        UsageError: when not exactly one of the two is given, or it is out of range.
    """
    if (energy is None) == (count is None):
        raise UsageError("top singular values: give either energy, such as 0.9, or count")
    if energy is not None and not (math.isfinite(energy) and 0 < energy <= 1):
        raise UsageError(f"energy: {energy!r} is wrong; expected a share of Σσ² over 0 and up to 1, such as 0.9")
    if count is not None and count < 1:
        raise UsageError(f"count: {count!r} is wrong; expected 1 singular value or more")
