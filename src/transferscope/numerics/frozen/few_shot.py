"""Few-shot classification by ridge regression on frozen features, in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ...errors import UsageError
from ..symmetric import symmetric_eigh

__all__ = ["PENALTIES", "PENALTY", "FewShot", "few_shot"]

Side = Literal["auto", "features", "images"]

PENALTY = 2.0**10
"""λ of big_vision's few-shot evaluation, on features of variance 1."""

PENALTIES = tuple(2.0**power for power in range(-10, 21, 2))
"""λ among which leave-one-out chooses."""

_FLOOR = 1e-5
"""Added to standard deviations."""

_NUMBERS = 2**23
"""Predicted numbers held at a time."""


@dataclass(frozen=True, eq=False)
class FewShot:
    """What ridge regressions, each fitted to some images, say of others.

    Attributes:
        predicted: ``(supports, n)`` the class with the largest output.
        penalties: λ of each, a number a support.
        weights: ``(supports, d, c)``, to be multiplied with features as they are.
        biases: ``(supports, c)``.
    """

    predicted: Int64[Tensor, "s n"]
    penalties: tuple[float, ...]
    weights: Float64[Tensor, "s d c"]
    biases: Float64[Tensor, "s c"]


@dataclass(frozen=True, eq=False)
class _Support:
    """Decompositions of supports of one size, from which every λ is solved: fitted values are ȳ + S (Λ + λ)⁻¹ SᵀY."""

    scores: Tensor
    values: Tensor
    back: Tensor
    mean: Tensor
    std: Tensor
    columns: Tensor


def few_shot(
    train: Float[Tensor, "m d"],
    labels: Int64[Tensor, " m"],
    test: Float[Tensor, "n d"],
    supports: Sequence[Int64[Tensor, " _"]],
    classes: int,
    *,
    penalties: Sequence[float | None] = (PENALTY,),
    constant: float | None = None,
    side: Side = "auto",
) -> list[FewShot]:
    """Fit ridge regression to each of some small sets of images and classify all test images.

    Features X are standardised by the mean and the standard deviation (population, plus 1e-5) of the support, labels
    are 2·onehot − 1, and W = (XᵀX + λI)⁻¹XᵀY; where a support has fewer images than features, XᵀQ(Λ + λ)⁻¹QᵀY with
    XXᵀ = QΛQᵀ, which is the same. One decomposition of a support serves all λ, and the outputs of all supports for
    all test images are one product.

    The intercept is free: the mean of the labels, exactly. Published code instead appends a constant feature of 100,
    which is penalised with the rest. As standardised features have mean 0, that is the same W with the mean of the
    labels times m·c²/(m·c² + λ), m images and constant c; with as many images of each class no prediction changes.

    λ by leave-one-out is the one of :data:`PENALTIES` with the least squared residual of the images of the support
    when each is left out, (y_i − ŷ_i)/(1 − h_ii), h the leverage with the intercept's share (Allen 1974); mean and
    deviation are those of all of them. Never a test image. Where a class has a single image, whose class nothing
    would be left of, λ is :data:`PENALTY`.

    Source: the few-shot evaluator of big_vision (Zhai et al. 2022; Abnar et al. 2022, 5 to 25 shots).

    Args:
        train: features of m images.
        labels: their classes.
        test: features of n images.
        supports: places of images in ``train``, one array each.
        classes: how many there are.
        penalties: λ each; ``None`` for leave-one-out.
        constant: the appended feature, 100 in published code; ``None`` for a free intercept.
        side: which product is decomposed; ``auto`` takes the smaller.

    Returns:
        What is found, one for each of ``penalties``.

    Raises:
        UsageError: when features are not finite, or a number cannot be.

    >>> x = torch.tensor([[0.0], [0.2], [1.0], [1.2]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> (found,) = few_shot(x, y, torch.tensor([[0.1], [0.9]]), [torch.arange(4)], 2)
    >>> found.predicted.tolist(), round(float(found.weights[0, 0, 1]), 6)  # Σxy/(Σx² + λ)/s, s = √0.26 + 1e-5
    ([[0, 1]], 0.007482)
    """
    if not supports or not penalties:
        raise UsageError("few-shot of no images or no λ; give at least one of each")
    if strange := [p for p in penalties if p is not None and not (math.isfinite(p) and p > 0)]:
        raise UsageError(f"few-shot with λ = {strange[0]}; expected a number over 0, or None for leave-one-out")
    if constant is not None and not (math.isfinite(constant) and constant > 0):
        raise UsageError(f"a constant feature of {constant}; expected a number over 0, such as 100, or None")
    if not all(bool(x.sum(dtype=torch.float64).isfinite()) for x in (train, test)):
        raise UsageError("features are not all finite; the network or its input normalisation is not right")
    known = train.to(torch.float64)
    columns = 2 * torch.nn.functional.one_hot(labels, classes).to(torch.float64) - 1
    weights = torch.empty(len(penalties), len(supports), known.shape[1], classes, dtype=torch.float64)
    biases = torch.empty(len(penalties), len(supports), classes, dtype=torch.float64)
    used = torch.empty(len(penalties), len(supports), dtype=torch.float64)
    for places in _alike(supports, known.shape[1]):
        chosen = torch.stack([supports[place] for place in places])
        found = _decomposed(known[chosen], columns[chosen], side)
        for at, penalty in enumerate(penalties):
            used[at, places] = _left_out(found, constant) if penalty is None else penalty
            weights[at, places], biases[at, places] = _solved(found, used[at, places], constant)
    predicted = _predicted(test, weights.flatten(0, 1), biases.flatten(0, 1)).view(len(penalties), len(supports), -1)
    return [FewShot(predicted[at], tuple(used[at].tolist()), weights[at], biases[at]) for at in range(len(penalties))]


def _alike(supports: Sequence[Tensor], width: int) -> list[list[int]]:
    """Places of supports of one size, which are solved together, as far as memory allows."""
    by_size: dict[int, list[int]] = {}
    for place, support in enumerate(supports):
        by_size.setdefault(len(support), []).append(place)
    found = []
    for size, places in by_size.items():
        step = max(1, _NUMBERS // (size * max(width, 1)))
        found += [places[start : start + step] for start in range(0, len(places), step)]
    return found


def _decomposed(x: Tensor, columns: Tensor, side: Side) -> _Support:
    mean = x.mean(1, keepdim=True)
    x = x - mean
    std = x.square().mean(1, keepdim=True).sqrt() + _FLOOR
    x /= std
    m, width = x.shape[1:]
    by_features = side == "features" or (side == "auto" and m >= width)
    products = x.mT @ x if by_features else x @ x.mT
    found = [symmetric_eigh(product) for product in products]
    values, basis = torch.stack([v for v, _ in found]), torch.stack([b for _, b in found])
    if by_features:
        return _Support(x @ basis, values.clamp_min(0), basis, mean, std, columns)
    keep = values > max(m, width) * 2.0**-52 * values[:, -1:].clamp_min(1e-300)
    root = torch.where(keep, values, 0.0).sqrt()
    back = torch.where(keep, 1 / root, 0.0)
    return _Support(basis * root[:, None], values.clamp_min(0), x.mT @ (basis * back[:, None]), mean, std, columns)


def _solved(of: _Support, penalties: Tensor, constant: float | None) -> tuple[Tensor, Tensor]:
    """Weights for features as they are, and biases, each support with its λ."""
    m = of.columns.shape[1]
    share = torch.ones_like(penalties) if constant is None else m * constant**2 / (m * constant**2 + penalties)
    along = of.scores.mT @ of.columns / (of.values + penalties[:, None])[:, :, None]
    weights = (of.back @ along) / of.std.mT
    return weights, share[:, None] * of.columns.mean(1) - (of.mean @ weights)[:, 0]


def _left_out(of: _Support, constant: float | None) -> Tensor:
    """The λ of each support with the least squared left-out residual."""
    supports, m = of.columns.shape[:2]
    mean, along = of.columns.mean(1, keepdim=True), of.scores.mT @ of.columns
    squared, errors = of.scores.square(), torch.empty(len(PENALTIES), supports, dtype=torch.float64)
    for at, penalty in enumerate(PENALTIES):
        inverse = 1 / (of.values + penalty)
        own = 1 / m if constant is None else constant**2 / (m * constant**2 + penalty)
        residual = of.columns - m * own * mean - of.scores @ (inverse[:, :, None] * along)
        left = residual / (1 - own - squared @ inverse[:, :, None]).clamp_min(1e-12)
        errors[at] = left.square().mean((1, 2))
    best = torch.tensor(PENALTIES, dtype=torch.float64)[errors.argmin(0)]
    single = (of.columns > 0).sum(1).amin(1) < 2
    return torch.where(single, PENALTY, best)


def _predicted(x: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    """The class of each image by each support; classes stand before images, along which the largest is found fast."""
    supports, width, classes = weights.shape
    rows, level = weights.transpose(1, 2).reshape(-1, width), biases.reshape(-1, 1)
    out = torch.empty(supports, len(x), dtype=torch.int64)
    step = max(1, _NUMBERS // len(rows))
    for start in range(0, len(x), step):
        found = torch.addmm(level, rows, x[start : start + step].to(torch.float64).T)
        out[:, start : start + step] = found.view(supports, classes, -1).max(1).indices
    return out
