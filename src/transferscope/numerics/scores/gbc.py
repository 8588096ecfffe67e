"""GBC: how much the classes overlap in feature space, each taken as a Gaussian."""

from __future__ import annotations

from typing import Literal

import torch

from ...errors import UsageError
from .decomposition import Decomposition
from .targets import Targets
from .undefined import NotDefinedError

__all__ = ["gbc"]

_FLOOR = 1e-4
"""Least variance of a class in a direction, as a share of the mean variance of all images in a direction."""


def gbc(
    features: Decomposition,
    targets: Targets,
    *,
    components: int = 64,
    covariance: Literal["spherical", "diagonal"] = "spherical",
) -> float:
    """Return −Σ_{i≠j} exp(−D_B(i, j)) over all ordered pairs of classes.

    D_B = ⅛ Δᵀ Σ̄⁻¹ Δ + ½ log(|Σ̄|/√(|Σ_i||Σ_j|)), Δ the difference of the means and Σ̄ the mean of the covariances, in
    the ``components`` leading principal directions. The determinant of a spherical covariance in k directions is
    σ²ᵏ: published code takes that of the scalar. Variances have a floor, relative so that scale plays no part.

    Source: Pándy et al. 2022, equations 1 to 3.

    Args:
        features: of n images.
        targets: one label an image.
        components: how many principal directions are used at most.
        covariance: one variance a class, or one for each direction.

    Returns:
        The score, from −C(C − 1) to 0; larger is better.

    Raises:
        UsageError: for no components.
        NotDefinedError: when an image may have several labels, or a class has a single image.

    >>> from .decomposition import decompose
    >>> from .targets import targets_of
    >>> x = torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])  # two classes of the same mean and variance overlap wholly
    >>> gbc(decompose(x), targets_of(torch.tensor([0, 0, 1, 1])))
    -2.0
    """
    targets.single()
    if components < 1:
        raise UsageError(f"GBC in {components} directions; expected 1 or more")
    counts = targets.counts
    if float(counts.min()) < 2:
        raise NotDefinedError("a class has a single image, and so no variance")
    rows = features.centred[:, :components]
    k = rows.shape[1]
    means = targets.columns.T @ rows / counts[:, None]
    variances = (targets.columns.T @ rows.square() / counts[:, None] - means.square()).clamp_min(0.0)
    if covariance == "spherical":
        variances = variances.mean(1, keepdim=True).expand(-1, k)
    variances = variances.clamp_min(_FLOOR * float(rows.square().mean()))
    logs = variances.log().sum(1)
    total = 0.0
    for i in range(len(means)):
        middle = (variances + variances[i]) / 2
        squared = ((means - means[i]).square() / middle).sum(1)
        distance = squared / 8 + 0.5 * (middle.log().sum(1) - (logs + logs[i]) / 2)
        overlap = torch.exp(-distance)
        total += float(overlap.sum() - overlap[i])
    return -total
