"""H-score with shrinkage: how much of the features' variation lies between the classes."""

from __future__ import annotations

from .decomposition import Decomposition
from .targets import Targets

__all__ = ["h_score", "ledoit_wolf_shrinkage"]


def h_score(features: Decomposition, targets: Targets) -> float:
    """Return tr(Σ_α⁻¹ (1 − α)Σ_g), Σ_g the covariance of the class means, weighted by the classes' sizes.

    Σ_α = (1 − α)Σ + α·(tr Σ/d)·I with Ledoit and Wolf's α; all covariances divide by n. Without shrinkage features of
    pure noise reach C − 1 as soon as there are as many of them as images, and rounding carries the score over it.

    Source: Bao et al. 2019; shrinkage: Ibrahim, Ponomareva, Mazumder 2021.

    Args:
        features: of n images.
        targets: one label an image.

    Returns:
        The score, from 0 to C − 1 of C classes; larger is better.

    Raises:
        NotDefinedError: when an image may have several labels.

    >>> import torch
    >>> from .decomposition import decompose
    >>> from .targets import targets_of
    >>> x = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])  # one feature, which is the class: d = 1 needs no shrinkage
    >>> h_score(decompose(x), targets_of(torch.tensor([0, 0, 1, 1])))
    1.0
    """
    targets.single()
    n, counts = len(features), targets.counts
    alpha = ledoit_wolf_shrinkage(features)
    variances = features.squares / n
    target = float(variances.sum()) / features.width
    # Class means in the basis of V: (C, r), and σ²/((1 − α)σ²/n + α tr Σ/d)·(1 − α) of each direction.
    means = targets.columns.T @ features.left / counts[:, None]
    between = (counts[:, None] / n * means.square()).sum(0) * features.squares
    return float(((1 - alpha) * between / ((1 - alpha) * variances + alpha * target)).sum())


def ledoit_wolf_shrinkage(features: Decomposition) -> float:
    """Return the weight α of the multiple of the identity that makes the covariance's expected error least.

    α = min(b̄², d²)/d², d² = ‖Σ − mI‖²_F, b̄² = (1/n²)Σ_i ‖x_i x_iᵀ − Σ‖²_F, m = tr Σ/d.

    Source: Ledoit, Wolf 2004, §3.2.

    Args:
        features: of n images.

    >>> import torch
    >>> from .decomposition import decompose
    >>> ledoit_wolf_shrinkage(decompose(torch.tensor([[1.0], [2.0], [3.0]])))  # one feature is its own target
    0.0
    """
    n = len(features)
    norms = features.left.square() @ features.squares  # ‖x_i‖²
    variances = features.squares / n
    frobenius, trace = float(variances.square().sum()), float(variances.sum())
    distance = frobenius - trace**2 / features.width
    if distance <= 1e-14 * frobenius:
        return 0.0
    noise = (float(norms.square().sum()) / n - frobenius) / n
    return min(max(noise, 0.0), distance) / distance
