"""Eigenvalues and eigenvectors of symmetric matrices."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

__all__ = ["symmetric_eigh"]

_LARGE = 256
"""Rows of a matrix that is large."""


def symmetric_eigh(product: Float64[Tensor, "m m"]) -> tuple[Float64[Tensor, " m"], Float64[Tensor, "m m"]]:
    """Return eigenvalues, rising, and eigenvectors.

    On a CPU large matrices go to SciPy's LAPACK, whose divide and conquer is the faster there; small ones to torch.

    >>> values, vectors = symmetric_eigh(torch.tensor([[2.0, 0.0], [0.0, 1.0]], dtype=torch.float64))
    >>> values.tolist(), vectors.abs().tolist()
    ([1.0, 2.0], [[0.0, 1.0], [1.0, 0.0]])
    """
    if product.device.type != "cpu" or len(product) < _LARGE:
        values, vectors = torch.linalg.eigh(product)
        return values, vectors
    from scipy.linalg import eigh

    of, at = eigh(product.numpy(), driver="evd", check_finite=False)
    return torch.from_numpy(of), torch.from_numpy(at)
