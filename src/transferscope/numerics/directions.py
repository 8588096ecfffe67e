"""Random directions in weight space whose steps mean the same for every filter of a network.

A ReLU network computes the same when a filter is scaled up and the next layer down, so a step of given length means
little in one network and much in another. Filter normalisation gives each filter of a direction the norm of the
filter that it moves: a step of 0.1 then moves every filter by a tenth of its norm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import UsageError
from ..rng import generator

__all__ = ["cosine", "filter_normalise", "filter_norms", "random_pair"]


def random_pair(
    shapes: Mapping[str, Sequence[int]], seed: int, plane: int = 0
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Draw two Gaussian directions, orthogonal to each other as whole vectors and of length 1.

    The numbers of a tensor depend on its name, the seed and the plane only: in a layer, the direction of this layer
    alone is that of the whole network, up to its length and a little of a in b. Source: Liu et al. 2019, appendix A.

    Args:
        shapes: of the weights by name. Those of one dimension (biases, norms, scales) and of none are not moved: they
            are left out, which is the same as zero.
        seed: the same seed gives the same pair.
        plane: number of the pair among those of one seed.

    Returns:
        a and b, float32: ‖a‖ = ‖b‖ = 1 and ⟨a, b⟩ = 0 up to rounding, over all tensors together.

    Raises:
        UsageError: when fewer than two numbers move.

    >>> a, b = random_pair({"conv": (4, 3, 3, 3), "bias": (4,)}, seed=0)
    >>> sorted(a), round(a["conv"].norm().item(), 6), abs(cosine(a, b)) < 1e-6
    (['conv'], 1.0, True)
    """
    moved = {name: torch.Size(shape) for name, shape in shapes.items() if len(shape) > 1}
    if sum(shape.numel() for shape in moved.values()) < 2:
        raise UsageError(f"{len(moved)} of {len(shapes)} tensors have a filter; a plane needs two weights that move")
    first, second = ({k: _drawn(shape, seed, plane, axis, k) for k, shape in moved.items()} for axis in "ab")
    _scale(first, 1 / math.sqrt(_dot(first, first)))
    along = _dot(first, second)
    for name, value in second.items():
        value.copy_(value.double() - along * first[name].double())
    _scale(second, 1 / math.sqrt(_dot(second, second)))
    return first, second


def filter_normalise(direction: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give each filter of a direction the norm of the weights' filter.

    d_ij ← d_ij / ‖d_ij‖ · ‖θ_ij‖ for filter j of tensor i (Liu et al. 2019, appendix A; Li et al. 2018, §4). A filter
    is ``w[j]``: what makes one output of a convolution ``(out, in, h, w)`` or of a linear map ``(out, in)``.

    As in the paper, this comes after the two directions were made orthogonal. Exact afterwards are the norms, filter
    by filter, and so ‖d‖ = ‖θ‖ over the tensors that move. The angle between the two, exact before, is then only
    nearly a right one: its cosine scatters around 0 by about one over the root of the number of weights that matter
    (:func:`cosine` says how much).

    Args:
        direction: tensors of two dimensions at least; those of fewer are left out.
        weights: θ, with a tensor of the same shape for each of the direction's.

    Returns:
        The direction in the weights' number format. A filter of zeros stays in place: its direction is zero. Weights
        that are not finite have a direction that is not.

    Raises:
        UsageError: when the weights lack a tensor, or have it in another shape.

    >>> theta = {"fc.weight": torch.tensor([[3.0, 4.0], [0.0, 0.0]]), "fc.bias": torch.ones(2)}
    >>> normalised = filter_normalise({"fc.weight": torch.tensor([[0.0, -2.0], [1.0, 1.0]])}, theta)
    >>> normalised["fc.weight"].tolist()
    [[0.0, -5.0], [0.0, 0.0]]
    """
    out: dict[str, Tensor] = {}
    for name, value in direction.items():
        if value.ndim < 2:
            continue
        if name not in weights or weights[name].shape != value.shape:
            found = tuple(weights[name].shape) if name in weights else "nothing"
            raise UsageError(f"the direction's {name!r} is {tuple(value.shape)}, the weights have {found} there")
        own = filter_norms(value)
        # Where the direction's own filter is zero there is nothing to rescale.
        factor = torch.where(own > 0, filter_norms(weights[name]) / own, torch.zeros_like(own))
        scaled = value.double() * factor.view(-1, *(1,) * (value.ndim - 1))
        out[name] = scaled.to(weights[name].dtype)
    return out


def filter_norms(weight: Float[Tensor, "filters ..."]) -> Float64[Tensor, " filters"]:
    """Return the Euclidean norm of each filter, in float64.

    >>> filter_norms(torch.tensor([[3.0, 4.0], [0.0, 2.0]])).tolist()
    [5.0, 2.0]
    """
    norms: Tensor = torch.linalg.vector_norm(weight.detach().double().flatten(1), dim=1)
    return norms


def cosine(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    """Return ⟨a, b⟩ / (‖a‖‖b‖) over all tensors together; nan when one of the two is zero.

    >>> cosine({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([1.0, 1.0])})
    0.7071067811865475
    """
    length = math.sqrt(_dot(a, a)) * math.sqrt(_dot(b, b))
    return _dot(a, b) / length if length else math.nan


def _drawn(shape: torch.Size, seed: int, plane: int, axis: str, name: str) -> Tensor:
    return torch.randn(shape, generator=generator("direction", seed, plane, axis, name), dtype=torch.float32)


def _dot(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    return math.fsum(float((a[k].double() * b[k].double()).sum()) for k in a)


def _scale(direction: Mapping[str, Tensor], factor: float) -> None:
    for value in direction.values():
        value.mul_(factor)
