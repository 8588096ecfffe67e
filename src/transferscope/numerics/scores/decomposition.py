"""One decomposition of the features, from which LogME, H-score, TransRate, GBC and ridge are computed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..finite import check_finite
from ..symmetric import symmetric_eigh
from .undefined import NotDefinedError

__all__ = ["Decomposition", "decompose"]

Side = Literal["auto", "features", "images"]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Features F of n images as their mean μ and the centred part UΣVᵀ, in float64.

    Attributes:
        left: ``(n, r)`` U: orthonormal columns, each orthogonal to the constant; r is the rank.
        squares: ``(r,)`` σ², falling.
        mean: ``(r,)`` Vᵀμ.
        beside: ‖μ − VVᵀμ‖², what of the mean lies outside of the centred features' directions.
        width: how many features an image has.
    """

    left: Float64[Tensor, "n r"]
    squares: Float64[Tensor, " r"]
    mean: Float64[Tensor, " r"]
    beside: float
    width: int

    def __len__(self) -> int:
        return len(self.left)

    @property
    def centred(self) -> Float64[Tensor, "n r"]:
        """UΣ: the centred features, turned so that their columns are uncorrelated; distances are those of F."""
        return self.left * self.squares.sqrt()


def decompose(features: Float[Tensor, "n d"], side: Side = "auto") -> Decomposition:
    """Decompose features.

    The eigenvectors of the smaller of FᵀF and FFᵀ (F centred) are taken, in float64. A direction whose σ² is under
    max(n, d)·2⁻⁵²·σ²_max is rounding and is left out: σ under about 1e-6·σ_max, smaller than what float32 features
    are exact to.

    Args:
        features: n images, d features of each.
        side: of which product; ``auto`` takes the smaller.

    Raises:
        UsageError: when a feature is not finite.
        NotDefinedError: when there are fewer than 3 images, or features are the same for all of them.

    >>> found = decompose(torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, 5.0]]))
    >>> found.squares.tolist(), found.beside
    ([8.0], 0.0)
    """
    n, width = features.shape
    if n < 3:
        raise NotDefinedError(f"there are {n} images and it takes 3")
    check_finite(features)
    whole = features.to(torch.float64)
    mean = whole.mean(0)
    centred = whole - mean
    by_features = side == "features" or (side == "auto" and width <= n)
    product = centred.T @ centred if by_features else centred @ centred.T
    values, vectors = symmetric_eigh(product)
    largest = float(values[-1])
    size = float(mean.square().sum() + centred.square().sum() / n)
    if not largest > 1e-20 * n * size:
        raise NotDefinedError("features are the same for all images")
    keep = values > max(n, width) * 2.0**-52 * largest
    squares, basis = values[keep].flip(0), vectors[:, keep].flip(1)
    if by_features:
        along = basis.T @ mean
        left = centred @ basis / squares.sqrt()
        left /= left.norm(dim=0)  # what rounding does to small ones
    else:
        left = basis - basis.mean(0)
        left /= left.norm(dim=0)
        along = (left / squares.sqrt()).T @ (centred @ mean)
    beside = max(0.0, float(mean.square().sum() - along.square().sum()))
    return Decomposition(left, squares, along, beside, width)
