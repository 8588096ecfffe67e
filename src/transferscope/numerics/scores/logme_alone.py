"""LogME where nothing else is wanted of the features: without their singular vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import UsageError
from ..finite import check_finite
from .targets import Targets

__all__ = ["logme_alone"]

_GRID, _ROUNDS = 145, 4
_LOWEST, _HIGHEST = 1e-12, 1e6
"""Where α/β is sought, as multiples of a bound of the largest σ² of the features."""


def logme_alone(features: Float[Tensor, "n d"], targets: Targets) -> float:
    """Return what :func:`~transferscope.numerics.scores.logme` returns, faster when no other score is wanted.

    The evidence at λ = α/β takes log det(I + FFᵀ/λ) and q(λ) = yᵀ(I + FFᵀ/λ)⁻¹y only. The smaller of FᵀF and FFᵀ is
    made tridiagonal, QTQᵀ; then each λ takes one Cholesky factor of T + λI and one solve with Qᵀ times the labels,
    O(min(n, d)·c): no eigenvector is computed and no image is turned. With FᵀF, q = ‖y‖² − (Fᵀy)ᵀ(FᵀF + λI)⁻¹Fᵀy.

    Source: You, Liu, Wang, Long 2021, equation 2.

    Args:
        features: n images, d features of each.
        targets: their labels; several an image are allowed.

    Raises:
        UsageError: when a feature is not finite, or there are not as many labels as images.

    >>> from .targets import targets_of
    >>> x, labels = torch.tensor([[1.0], [-1.0], [-1.0], [1.0]]), torch.tensor([0, 0, 1, 1])
    >>> round(logme_alone(x, targets_of(labels)), 5)
    -1.07237
    """
    check_finite(features)
    if len(targets.columns) != len(features):
        raise UsageError(
            f"{len(targets.columns)} labels for the features of {len(features)} images; give one an image"
        )
    form = _reduced(features.to(torch.float64).numpy(), targets.columns.numpy())
    grid = np.linspace(math.log(form.size * _LOWEST), math.log(form.size * _HIGHEST), _GRID)
    coarse = np.stack([form.evidence(at, slice(None)) for at in grid])  # (g, c)
    found, width = coarse.max(0), float(grid[1] - grid[0])
    at = grid[coarse.argmax(0)]
    for _ in range(_ROUNDS):
        low, middle, high = (
            np.array([form.evidence(x + step, slice(c, c + 1))[0] for c, x in enumerate(at)])
            for step in (-width, 0.0, width)
        )
        bent = low - 2 * middle + high
        with np.errstate(invalid="ignore", divide="ignore"):
            step = np.where(bent < 0, width * (low - high) / (2 * bent), 0.0)
        at, width = at + np.clip(np.nan_to_num(step), -width, width), width / 8
        found = np.max([found, low, middle, high], axis=0)
    last = [form.evidence(x, slice(c, c + 1))[0] for c, x in enumerate(at)]
    return float(np.maximum(found, last).mean())


@dataclass(frozen=True, eq=False)
class _Reduced:
    """The evidence of all columns as a function of log λ, from a tridiagonal matrix.

    Attributes:
        diagonal: of T.
        beside: its other diagonal.
        along: ``(m, c)``, Qᵀ times Fᵀy, or times y where T is of FFᵀ.
        whole: ``(c,)``, ‖y‖², or none where T is of FFᵀ.
        n: how many images.
        size: no eigenvalue of T is larger.
    """

    diagonal: np.ndarray
    beside: np.ndarray
    along: np.ndarray
    whole: np.ndarray | None
    n: int
    size: float

    def evidence(self, log_lambda: float, columns: slice) -> np.ndarray:
        """Return the log evidence an image of some columns, ``(c,)``; −∞ where T + λI is not positive in float64."""
        from scipy.linalg.lapack import dpttrf, dpttrs

        at, along = math.exp(log_lambda), np.asfortranarray(self.along[:, columns])
        # LAPACK wants numbers beside the diagonal, also where there are none.
        d, e, wrong = dpttrf(self.diagonal + at, self.beside if len(self.beside) else np.zeros(1))
        if wrong:
            return np.full(along.shape[1], -np.inf)
        solved, _ = dpttrs(d, e, along)
        inner = (along * solved).sum(0)
        q = at * inner if self.whole is None else self.whole[columns] - inner
        q = np.maximum(q, np.finfo(np.float64).tiny)
        determinant = float(np.log(d / at).sum())
        found: np.ndarray = -0.5 * (math.log(2 * math.pi) + 1 + np.log(q / self.n)) - determinant / (2 * self.n)
        return found


def _reduced(f: np.ndarray, y: np.ndarray) -> _Reduced:
    """Make the smaller of FᵀF and FFᵀ tridiagonal."""
    from scipy.linalg.blas import dsyrk
    from scipy.linalg.lapack import dormqr, dsytrd

    n, width = f.shape
    by_features = width <= n
    # dsyrk takes the transpose in Fortran's order as it lies: one triangle, half of a full product.
    product = dsyrk(1.0, f.T, lower=1) if by_features else dsyrk(1.0, f.T, trans=1, lower=1)
    along = f.T @ y if by_features else y.copy()
    if len(product) == 1:
        return _Reduced(
            product[0], np.zeros(0), along, (y**2).sum(0) if by_features else None, n, float(product[0, 0]) or 1.0
        )
    reflectors, diagonal, beside, tau, _ = dsytrd(product, lower=1, lwork=64 * len(product), overwrite_a=1)
    # Qᵀ: Householder vectors below the first subdiagonal, as of a QR factor of all rows but the first.
    turned, _, _ = dormqr("L", "T", reflectors[1:, :-1], tau, along[1:], 64 * max(1, along.shape[1]))
    along = np.vstack([along[:1], turned])
    ends = np.abs(np.concatenate([[0.0], beside])) + np.abs(np.concatenate([beside, [0.0]]))
    size = float((np.abs(diagonal) + ends).max()) or 1.0
    return _Reduced(diagonal, beside, along, (y**2).sum(0) if by_features else None, n, size)
