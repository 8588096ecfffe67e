"""The kernel of a wide two-layer ReLU network of which only the first layer is trained: H∞."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError

__all__ = ["relu_gram", "unit_rows"]

_ROWS = 512
"""Rows of the kernel at a time: few enough that what is computed of them stays in the cache."""

_NEAR = 1e-6
"""Rows with a cosine closer to ±1 than this have their angle from their difference: 1 − cos has lost its digits."""


def unit_rows(x: Float[Tensor, "n d"], what: str = "inputs") -> Float[Tensor, "n d"]:
    """Return inputs as the theorems want them: float64, each of length 1.

    Args:
        x: an input a row.
        what: how to call them in an error.

    Raises:
        UsageError: for a number that is not finite, or a row of zeros, which has no direction.

    >>> unit_rows(torch.tensor([[3.0, 4.0]])).tolist()
    [[0.6, 0.8]]
    """
    rows = x.detach().to(torch.float64)
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    if not bool(length.isfinite().all()):
        raise UsageError(f"{what}: row {int((~length.isfinite()).nonzero()[0, 0])} has a number that is not finite")
    if bool((length == 0).any()):
        row = int((length == 0).nonzero()[0, 0])
        raise UsageError(
            f"{what}: row {row} is zero (after centring, if asked), so it has no direction; leave it out"
        )
    unit: Tensor = rows / length
    return unit


def relu_gram(
    x: Float[Tensor, "n d"], z: Float[Tensor, "m d"] | None = None
) -> Float[Tensor, "n n"] | Float[Tensor, "n m"]:
    """Return H_ij = E_w[x_iᵀz_j·1{wᵀx_i ≥ 0, wᵀz_j ≥ 0}] = x_iᵀz_j(π − ∠(x_i, z_j))/2π, w ~ N(0, I), ‖x‖ = ‖z‖ = 1.

    The arc-cosine kernel of order 0 times the inner product (Cho & Saul 2009; Du et al. 2019, eq. 4; H_P, H_Q and
    H_PQ of Liu et al. 2019, §6.1). The angle is atan2(√((1 − c)(1 + c)), c); where the cosine c is within 1e-6 of ±1
    it is 2·atan2(‖x − z‖, ‖x + z‖), which is right to the last digits. The diagonal of H of one set is ½ exactly.

    Args:
        x: unit rows in float64, see :func:`unit_rows`.
        z: other unit rows; without them H of x with itself, symmetric to the bit.

    Raises:
        UsageError: unless both are float64, rows of length 1 and as long as each other.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.5, 0.75**0.5]], dtype=torch.float64)
    >>> (relu_gram(x)[0] * 6).round(decimals=12).tolist()  # at 0, 90, 180 and 60 degrees
    [3.0, 0.0, 0.0, 1.0]
    """
    other = x if z is None else z
    for rows in (x,) if z is None else (x, z):
        _check(rows)
    if x.shape[1] != other.shape[1]:
        raise UsageError(f"kernel of inputs with {x.shape[1]} and {other.shape[1]} numbers; both must have as many")
    found = x.new_empty(len(x), len(other))
    for low in range(0, len(x), _ROWS):
        high = min(low + _ROWS, len(x))
        right = other[low:] if z is None else other  # of one set only what lies right of the diagonal
        cosine = x[low:high] @ right.T
        if z is None:
            cosine.fill_diagonal_(0.0)  # not near 1, where it would take the long way
        block = _arc_cosine(cosine, x[low:high], right)
        if z is not None:
            found[low:high] = block
            continue
        block[:, : high - low].triu_(1)
        block[:, : high - low] += block[:, : high - low].T.clone()
        found[low:high, low:] = block
        found[low:, low:high] = block.T
    if z is None:
        found.fill_diagonal_(0.5)
    return found


def _check(rows: Tensor) -> None:
    if rows.dtype != torch.float64:
        raise UsageError(
            f"kernel of numbers in {str(rows.dtype).removeprefix('torch.')}; expected float64, see unit_rows"
        )
    if len(rows) and float((torch.linalg.vector_norm(rows, dim=1) - 1).abs().max()) > 1e-9:
        raise UsageError("kernel of rows that are not of length 1; see unit_rows")


def _arc_cosine(cosine: Tensor, x: Tensor, z: Tensor) -> Tensor:
    """c·(π − angle)/2π; ``cosine`` is overwritten."""
    sine = torch.mul(cosine, cosine).neg_().add_(1.0).clamp_(min=0.0)  # squared
    near = (sine < 2 * _NEAR).nonzero()
    share = torch.atan2(sine.sqrt_(), cosine).mul_(-1 / (2 * math.pi)).add_(0.5)
    if len(near):
        i, j = near.T
        apart = torch.linalg.vector_norm(x[i] - z[j], dim=1)
        together = torch.linalg.vector_norm(x[i] + z[j], dim=1)
        share[i, j] = 0.5 - torch.atan2(apart, together) / math.pi
        cosine[i, j] = (together.square() - apart.square()) / 4
    return cosine.mul_(share)
