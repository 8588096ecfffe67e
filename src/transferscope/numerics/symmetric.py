"""Eigenvalues and eigenvectors of symmetric matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

__all__ = ["symmetric_eigh"]

_LARGE = 256
"""Rows of a matrix that is large."""


def symmetric_eigh(
    product: Float64[Tensor, "*batch m m"],
) -> tuple[Float64[Tensor, "*batch m"], Float64[Tensor, "*batch m m"]]:
    """Return eigenvalues, rising, and eigenvectors, of one matrix or of several of one size.

    On a CPU large matrices go to SciPy's LAPACK, whose divide and conquer is the faster there; small ones to torch.

    >>> values, vectors = symmetric_eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
    >>> values.tolist(), vectors.abs().tolist()
    ([1.0, 2.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    if product.device.type != "cpu" or product.shape[-1] < _LARGE:
        values, vectors = torch.linalg.eigh(product)
        return values, vectors
    if product.ndim > 2:
        found = [symmetric_eigh(one) for one in product]
        return torch.stack([values for values, _ in found]), torch.stack([vectors for _, vectors in found])
    from scipy.linalg import eigh

    of, at = eigh(product.numpy(), driver="evd", check_finite=False)
    return torch.from_numpy(of), torch.from_numpy(at)
