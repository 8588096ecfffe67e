"""LogME: how likely the labels are under Bayesian linear regression on the features, at its best hyper-parameters."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from ...errors import UsageError
from .decomposition import Decomposition
from .targets import Targets

__all__ = ["logme"]

_GRID, _ROUNDS = 433, 3
_LOWEST, _HIGHEST = 1e-12, 1e6
"""Where α/β is sought, as multiples of the largest σ² of the features."""


def logme(features: Decomposition, targets: Targets) -> float:
    """Return the log evidence an image, in nats, mean over labels.

    A label y (1 or 0) is modelled as y = Fw + noise, w ~ N(0, α⁻¹I), noise ~ N(0, β⁻¹I), F the features as they are,
    without an intercept; α and β maximise the evidence N(y; 0, β⁻¹I + α⁻¹FFᵀ). With λ = α/β and β profiled out::

        log evidence/n = −½[log 2π + 1 + log(q(λ)/n)] − (1/2n) log det(I + FFᵀ/λ),  q(λ) = yᵀ(I + FFᵀ/λ)⁻¹y

    and only log λ is sought, on a grid and then by parabolas. The value does not depend on the scale of the
    features. With fewer images than features it is right, where the published fixed point leaves out
    −½(d − n) log α and adds constants that depend on the scale.

    Source: You, Liu, Wang, Long 2021, equation 2 and algorithm 1.

    Args:
        features: of n images.
        targets: their labels; several an image are allowed.

    Returns:
        The score; larger is better. It has no fixed range: hold it against the same with permuted labels.

    Raises:
        UsageError: when there are not as many labels as images.

    >>> from .decomposition import decompose
    >>> from .targets import targets_of
    >>> x, labels = torch.tensor([[1.0], [-1.0], [-1.0], [1.0]]), torch.tensor([0, 0, 1, 1])
    >>> round(logme(decompose(x), targets_of(labels)), 5)  # x says nothing of y: −½[log 2π + 1 + log ½]
    -1.07237
    """
    n = len(features)
    if len(targets.columns) != n:
        raise UsageError(f"{len(targets.columns)} labels for the features of {n} images; give one an image")
    along = features.left.T @ targets.columns  # (r, c)
    level = targets.columns.mean(0) * math.sqrt(n)  # (c,): along the constant
    rest = (targets.columns.square().sum(0) - along.square().sum(0) - level.square()).clamp_min(0.0)
    size = float(features.squares[0]) + n * (features.beside + float(features.mean.square().sum()))

    grid = torch.linspace(math.log(size * _LOWEST), math.log(size * _HIGHEST), _GRID, dtype=torch.float64)
    coarse = _on_grid(features, along, level, rest, grid)
    best, width = coarse.max(1), float(grid[1] - grid[0])
    at, found = grid[best.indices], best.values
    for _ in range(_ROUNDS):
        low, middle, high = (_evidence(features, along, level, rest, at + step) for step in (-width, 0.0, width))
        bent = low - 2 * middle + high
        step = torch.where(bent < 0, width * (low - high) / (2 * bent), 0.0).clamp(-width, width)
        at, width = at + step, width / 8
        found = torch.stack([found, low, middle, high]).max(0).values
    return float(torch.maximum(found, _evidence(features, along, level, rest, at)).mean())


def _on_grid(
    features: Decomposition,
    along: Float64[Tensor, "r c"],
    level: Float64[Tensor, " c"],
    rest: Float64[Tensor, " c"],
    grid: Float64[Tensor, " g"],
) -> Float64[Tensor, "c g"]:
    """As :func:`_evidence`, of each column at every λ of a grid: sums over directions are matrix products."""
    n, inverse = len(features), torch.exp(-grid)
    plus = 1 + features.squares[:, None] * inverse  # (r, g)
    shrunk = 1 / plus
    border = (features.squares.sqrt() * features.mean)[:, None] * along
    schur = 1 + n * inverse * (features.beside + features.mean.square() @ shrunk)
    crossed = level[:, None] - math.sqrt(n) * inverse * (border.T @ shrunk)
    q = rest[:, None] + along.square().T @ shrunk + crossed.square() / schur
    determinant = plus.log().sum(0) + schur.log()
    q = q.clamp_min(torch.finfo(torch.float64).tiny)
    return -0.5 * (math.log(2 * math.pi) + 1 + (q / n).log()) - determinant / (2 * n)


def _evidence(
    features: Decomposition,
    along: Float64[Tensor, "r c"],
    level: Float64[Tensor, " c"],
    rest: Float64[Tensor, " c"],
    log_lambda: Float64[Tensor, " c"],
) -> Float64[Tensor, " c"]:
    """Log evidence an image of each column at its own λ.

    In the basis of U and the constant, FFᵀ is diag(σ²) bordered by √n·σ·Vᵀμ and n‖μ‖²: one Schur complement s.
    """
    n, inverse = len(features), torch.exp(-log_lambda)
    plus = 1 + features.squares[:, None] * inverse  # (r, c)
    border = math.sqrt(n) * (features.squares.sqrt() * features.mean)[:, None] * inverse
    schur = 1 + n * inverse * (features.beside + (features.mean.square()[:, None] / plus).sum(0))
    q = rest + (along.square() / plus).sum(0) + (level - (border * along / plus).sum(0)).square() / schur
    q = q.clamp_min(torch.finfo(torch.float64).tiny)
    determinant = plus.log().sum(0) + schur.log()
    return -0.5 * (math.log(2 * math.pi) + 1 + (q / n).log()) - determinant / (2 * n)
