"""How high a barrier is, from the errors measured on the line between two networks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import UsageError

__all__ = ["BarrierHeight", "entezari_height", "frankle_height"]


@dataclass(frozen=True, eq=False)
class BarrierHeight:
    """Height of a barrier and where it is highest.

    Attributes:
        height: in units of the error; nan where an error in [0, 1] is nan.
        at: the λ at which it is attained; the smallest when there are several, nan where the height is.
    """

    height: Float64[Tensor, "*r"]
    at: Float64[Tensor, "*r"]


def frankle_height(lambdas: Float[Tensor, " m"], errors: Float[Tensor, "*r m"]) -> BarrierHeight:
    """Return the highest error on the way minus the mean error of the ends.

    max_{λ∈[0,1]} E(λ) − (E(0) + E(1))/2; never under |E(0) − E(1)|/2.
    Source: Frankle et al. 2020, "Linear mode connectivity and the lottery ticket hypothesis", §2.

    Args:
        lambdas: positions, 0 = first network, 1 = second; both must be present. Points outside [0, 1] are left out.
        errors: error or loss at each position, larger is worse (for an accuracy or AUC give 1 − it); leading
            dimensions, such as bootstrap resamples, are kept.

    Raises:
        UsageError: when λ = 0 or λ = 1 is missing, or the shapes do not fit.

    >>> t = torch.tensor
    >>> h = frankle_height(t([0.0, 0.5, 1.0]), t([0.25, 0.75, 0.5]))
    >>> h.height.item(), h.at.item()
    (0.375, 0.5)
    """
    places, values, first, last = _between(lambdas, errors)
    return _highest(places, values - (first + last) / 2)


def entezari_height(lambdas: Float[Tensor, " m"], errors: Float[Tensor, "*r m"]) -> BarrierHeight:
    """Return how far the error rises over the straight line between the errors of the ends.

    max_{λ∈[0,1]} E(λ) − [(1 − λ)E(0) + λE(1)]; never under 0.
    Source: Entezari et al. 2022, "The role of permutation invariance in linear mode connectivity", §2.

    Args:
        lambdas: positions, 0 = first network, 1 = second; both must be present. Points outside [0, 1] are left out.
        errors: error or loss at each position, larger is worse (for an accuracy or AUC give 1 − it); leading
            dimensions, such as bootstrap resamples, are kept.

    Raises:
        UsageError: when λ = 0 or λ = 1 is missing, or the shapes do not fit.

    >>> t = torch.tensor
    >>> h = entezari_height(t([0.0, 0.25, 1.0]), t([0.0, 0.75, 1.0]))
    >>> h.height.item(), h.at.item()
    (0.5, 0.25)
    """
    places, values, first, last = _between(lambdas, errors)
    return _highest(places, values - ((1 - places) * first + places * last))


def _between(lambdas: Tensor, errors: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Keep 0 ≤ λ ≤ 1 in rising order, and pick the ends out."""
    if lambdas.ndim != 1 or errors.shape[-1:] != lambdas.shape:
        raise UsageError(f"barrier height: {tuple(lambdas.shape)} positions, {tuple(errors.shape)} errors")
    for end in (0.0, 1.0):
        if not bool((lambdas == end).any()):
            raise UsageError(f"barrier height: λ = {end:g} is not in the grid; it must hold both end points")
    places, order = lambdas.to(torch.float64).sort(stable=True)
    values = errors.to(torch.float64)[..., order]
    inside = (places >= 0) & (places <= 1)
    places, values = places[inside], values[..., inside]
    return places, values, values[..., :1], values[..., -1:]


def _highest(places: Tensor, rise: Tensor) -> BarrierHeight:
    height = rise.amax(-1)
    # The first of equals: argmax of a tie is not defined by torch.
    at = places[(rise == height[..., None]).to(torch.uint8).argmax(-1)]
    return BarrierHeight(height, torch.where(height.isnan(), torch.nan, at))
