"""TransRate: how many nats it takes to code the features, less what it takes class by class."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from ...errors import UsageError
from .decomposition import Decomposition
from .targets import Targets

__all__ = ["transrate"]


def transrate(features: Decomposition, targets: Targets, *, epsilon: float = 1e-4) -> float:
    """Return R(Z) − Σ_c (n_c/n)·R(Z_c), R(Z) = ½ log det(I + ZᵀZ/(n ε)).

    Z are the features, centred (all together, not class by class) and scaled to tr(ZᵀZ)/n = 1, so that the score does
    not depend on the features' scale. It does depend on ε, the squared distortion: report it with two of them.

    Source: Huang et al. 2022, equations 3 to 6; the scaling and the classes' weights are ours, as three public
    versions differ in both.

    Args:
        features: of n images.
        targets: one label an image.
        epsilon: squared distortion, in units of the features' mean squared norm.

    Returns:
        The score in nats, at least 0; larger is better.

    Raises:
        UsageError: unless ε is over 0.
        NotDefinedError: when an image may have several labels.

    >>> from .decomposition import decompose
    >>> from .targets import targets_of
    >>> x = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(transrate(decompose(x), targets_of(torch.tensor([0, 1, 0, 1]))), 12)  # both classes vary as all do
    0.0
    """
    labels = targets.single()
    if not epsilon > 0:
        raise UsageError(f"TransRate with ε = {epsilon}; expected a number over 0, such as 1e-4")
    n, total = len(features), float(features.squares.sum())
    scaled = features.squares * (n / total)
    whole = _rate(scaled, n, epsilon)
    rows = features.left * scaled.sqrt()
    parts = 0.0
    for c, count in enumerate(targets.counts.tolist()):
        own = rows[labels == c]
        product = own @ own.T if len(own) <= own.shape[1] else own.T @ own
        identity = torch.eye(len(product), dtype=torch.float64, device=product.device)
        factor = torch.linalg.cholesky(identity + product / (count * epsilon))
        parts += count / n * float(factor.diagonal().log().sum())
    return max(0.0, whole - parts)


def _rate(squares: Float64[Tensor, " r"], n: int, epsilon: float) -> float:
    return 0.5 * float(torch.log1p(squares / (n * epsilon)).sum())
