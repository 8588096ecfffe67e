"""How far a wide network that learned the source still has to go for the target, by the features of a candidate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ...errors import UsageError
from ..finite import check_finite
from ..relu_gram import relu_gram, unit_rows
from .undefined import NotDefinedError

__all__ = ["TaskMove", "task_move", "task_ratios"]

_RIDGE = 1e-3
"""Added to the diagonal of H_P and H_Q, as a share of its ½: features of real images come close to each other."""

_HEAD_RIDGE = 1e-3
"""Of the map between labels of other classes, as a share of the mean square of what it is fitted on."""


@dataclass(frozen=True, eq=False)
class TaskMove:
    """What the source's labels say of the target's images, and the kernel of these.

    Attributes:
        said: ``(q, k)``, y_{P→Q} = H_PQᵀH_P⁻¹y_P.
        factor: ``(q, q)``, the Cholesky factor of H_Q.
    """

    said: Float64[Tensor, "q k"]
    factor: Float64[Tensor, "q q"]

    def ratios(self, y: Float64[Tensor, "q c"], *, alike: bool) -> tuple[float, float]:
        """Return rᵀH_Q⁻¹r / yᵀH_Q⁻¹y and ‖r‖²/‖y‖² of r = y − y_{P→Q}, columns summed.

        The right-hand sides of Theorem 2 (how far weights move, squared) and Theorem 1 (the gradient at the start,
        squared), each over the same without the source: under 1 it helps, over 1 it is in the way.

        Args:
            y: centred labels of the target.
            alike: whether its columns mean the same as the source's. Otherwise r = y − y_{P→Q}M with the linear map M
                of least ‖r‖² (and a small ridge), so that the score then holds a fit and hardly exceeds 1.

        Source: Liu et al. 2019, Theorems 1 and 2.
        """
        move, gradient, _ = task_ratios(self.said, y, lambda v: torch.cholesky_solve(v, self.factor), alike=alike)
        return move, gradient


def task_ratios(
    said: Float64[Tensor, "q k"], y: Float64[Tensor, "q c"], solve: Callable[[Tensor], Tensor], *, alike: bool
) -> tuple[float, float, float]:
    """Return rᵀH_Q⁻¹r / yᵀH_Q⁻¹y and ‖r‖²/‖y‖² of r = y − said, and the cosine of both by H_Q⁻¹; columns summed.

    Args:
        said: the source's labels, carried over to the target's images.
        y: centred labels of the target.
        solve: applies H_Q⁻¹.
        alike: whether columns mean the same. Otherwise ``said`` is mapped on y first, see :meth:`TaskMove.ratios`.

    >>> y = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    >>> task_ratios(2 * y, y, lambda v: v, alike=True)
    (1.0, 1.0, 1.0)
    """
    if not alike:
        gram = said.T @ said
        added = _HEAD_RIDGE * gram.diagonal().mean().clamp(min=1e-300)
        said = said @ torch.linalg.solve(gram + added * torch.eye(len(gram), dtype=gram.dtype), said.T @ y)
    r = y - said
    move, whole, of_said = (float((part * solve(part)).sum()) for part in (r, y, said))
    together = float((y * solve(said)).sum())
    aligned = together / math.sqrt(whole * of_said) if whole > 0 and of_said > 0 else math.nan
    return move / whole, float(r.square().sum() / y.square().sum()), aligned


def task_move(source: Float[Tensor, "p d"], labels: Float64[Tensor, "p k"], target: Float[Tensor, "q e"]) -> TaskMove:
    """Compute what a wide two-layer network on these features would make of both sets of images.

    Features are centred by the mean of both sets' means and scaled to length 1. H = H∞ of
    :func:`~transferscope.numerics.relu_gram.relu_gram`, with a ridge of 0.001 of its diagonal.

    Args:
        source: features of the source's images.
        labels: their centred labels.
        target: features of the target's images by the same network: e is d.

    Raises:
        UsageError: when features are not finite, or not of one width.
        NotDefinedError: when features have no direction after centring.

    >>> x, y = torch.eye(3)[:2], torch.tensor([[1.0], [-1.0]], dtype=torch.float64)
    >>> same, flipped = (task_move(x, sign * y, x).ratios(y, alike=True) for sign in (1, -1))
    >>> round(same[0], 4), round(flipped[0], 4)  # of the task itself next to nothing is left, of its opposite 2²
    (0.0, 3.996)
    """
    if source.shape[1] != target.shape[1]:
        raise UsageError(
            f"features of {source.shape[1]} and {target.shape[1]} numbers; give those of one network for both"
        )
    p, q = source.to(torch.float64), target.to(torch.float64)
    check_finite(p, q)
    shift = (p.mean(0) + q.mean(0)) / 2
    p, q = p - shift, q - shift
    for rows, whose in ((p, "a source image"), (q, "an image")):
        length = torch.linalg.vector_norm(rows, dim=1)
        if not bool((length > 1e-9 * length.max()).all()):
            raise NotDefinedError(f"the features of {whose} are their mean and have no direction")
    p, q = unit_rows(p), unit_rows(q)
    said = relu_gram(p, q).T @ torch.cholesky_solve(labels, _factor(relu_gram(p)))
    return TaskMove(said, _factor(relu_gram(q)))


def _factor(h: Tensor) -> Tensor:
    ridged = h.clone()
    ridged.diagonal().add_(_RIDGE / 2)
    factor: Tensor = torch.linalg.cholesky(ridged)
    return factor
