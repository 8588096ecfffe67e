"""Few-shot classification by ridge regression on frozen features, in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ...errors import UsageError
from ...runtime import threads
from ..finite import check_finite
from ..symmetric import symmetric_eigh
from .largest import largest

__all__ = ["PENALTIES", "PENALTY", "FewShot", "few_shot"]

Side = Literal["auto", "features", "images"]

PENALTY = 2.0**10
"""λ of big_vision's few-shot evaluation, on features of variance 1."""

PENALTIES = tuple(2.0**power for power in range(-10, 21, 2))
"""λ among which leave-one-out chooses."""

_FLOOR = 1e-5
"""Added to standard deviations."""

_NUMBERS = 2**23
"""Standardised features held at a time."""

_NEAR = 2**18
"""Left-out residuals held at a time: few enough to stay in a processor's cache."""

_SMALL = 2**20
"""Features of supports that are left to one thread: on several, steps so short only wait for each other."""

_ENOUGH = 1e-6
"""λ as a share of the trace of the product, from which on a Cholesky factor is as good as eigenvalues: the condition
is under a million."""


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
class _Supports:
    """Supports of one size, standardised.

    Attributes:
        x: ``(s, m, d)`` features, standardised.
        mean: ``(s, 1, d)`` of the features as they are.
        std: ``(s, 1, d)``.
        columns: ``(s, m, c)`` labels, 1 and −1.
    """

    x: Tensor
    mean: Tensor
    std: Tensor
    columns: Tensor

    def by_features(self, side: Side) -> bool:
        """Say whether XᵀX is taken, and not XXᵀ."""
        m, width = self.x.shape[1:]
        return side == "features" or (side == "auto" and m >= width)

    def product(self, side: Side) -> Tensor:
        return self.x.mT @ self.x if self.by_features(side) else self.x @ self.x.mT


@dataclass(frozen=True, eq=False)
class _Spectrum:
    """Decompositions of supports, from which every λ is solved: fitted values are ȳ + S (Λ + λ)⁻¹ SᵀY.

    Attributes:
        scores: ``(s, m, r)`` S.
        values: ``(s, r)`` Λ.
        back: ``(s, d, r)``, from (Λ + λ)⁻¹ SᵀY to weights.
        along: ``(s, r, c)`` SᵀY.
    """

    scores: Tensor
    values: Tensor
    back: Tensor
    along: Tensor


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
    XXᵀ = QΛQᵀ, which is the same. One decomposition of a support serves all λ; where they are all given, and none is
    tiny beside the product, a Cholesky factor for each is less work. The outputs of all supports for all test images
    are one product, taken in blocks.

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
    workers = torch.get_num_threads()
    with threads(1) if sum(map(len, supports)) * train.shape[1] < _SMALL else nullcontext():
        check_finite(train, test)
        used, weights, biases = _fitted(train, labels, supports, classes, penalties, constant, side)
        predicted = _predicted(test, weights, biases, used, workers)
    return [FewShot(predicted[at], tuple(used[at].tolist()), weights[at], biases[at]) for at in range(len(penalties))]


def _fitted(
    train: Tensor,
    labels: Tensor,
    supports: Sequence[Tensor],
    classes: int,
    penalties: Sequence[float | None],
    constant: float | None,
    side: Side,
) -> tuple[Tensor, Tensor, Tensor]:
    """λ that are used, ``(λ, s)``, weights, ``(λ, s, d, c)``, and biases, ``(λ, s, c)``."""
    width = train.shape[1]
    used = torch.empty(len(penalties), len(supports), dtype=torch.float64)
    weights = torch.empty(len(penalties), len(supports), width, classes, dtype=torch.float64)
    biases = torch.empty(len(penalties), len(supports), classes, dtype=torch.float64)
    for places in _alike(supports, width):
        chosen = torch.stack([supports[place] for place in places])
        columns = 2 * torch.nn.functional.one_hot(labels[chosen], classes).to(torch.float64) - 1
        of = _standardised(train[chosen].to(torch.float64), columns)
        for at, (penalty, found) in enumerate(_solutions(of, penalties, constant, side)):
            used[at, places] = penalty
            weights[at, places], biases[at, places] = _as_they_are(of, found, penalty, constant)
    return used, weights, biases


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


def _standardised(x: Tensor, columns: Tensor) -> _Supports:
    mean = x.mean(1, keepdim=True)
    x = x - mean
    std = x.square().mean(1, keepdim=True).sqrt() + _FLOOR
    x /= std
    return _Supports(x, mean, std, columns)


def _solutions(
    of: _Supports, penalties: Sequence[float | None], constant: float | None, side: Side
) -> list[tuple[Tensor, Tensor]]:
    """For each of ``penalties``: λ of each support, ``(s,)``, and its weights for standardised features."""
    fixed = [PENALTY if p is None else p for p in penalties]
    single = (of.columns > 0).sum(1).amin(1) < 2
    free = None in penalties and not bool(single.all())
    product = of.product(side)
    trace = float(product.diagonal(dim1=1, dim2=2).sum(1).max())
    if not free and min(fixed) >= _ENOUGH * trace:
        known = {penalty: _factored(of, product, penalty, side) for penalty in set(fixed)}
        return [(torch.full((len(product),), penalty, dtype=torch.float64), known[penalty]) for penalty in fixed]
    found = _decomposed(of, product, side)
    used = [torch.full((len(product),), penalty, dtype=torch.float64) for penalty in fixed]
    if free:
        best = torch.where(single, PENALTY, _left_out(of, found, constant))
        used = [best if p is None else u for p, u in zip(penalties, used, strict=True)]
    return [(u, found.back @ (found.along / (found.values + u[:, None])[:, :, None])) for u in used]


def _factored(of: _Supports, product: Tensor, penalty: float, side: Side) -> Tensor:
    """The weights of one λ by a Cholesky factor."""
    level = product.clone()
    level.diagonal(dim1=1, dim2=2).add_(penalty)
    factor = torch.linalg.cholesky(level)
    if of.by_features(side):
        return torch.cholesky_solve(of.x.mT @ of.columns, factor)
    return of.x.mT @ torch.cholesky_solve(of.columns, factor)


def _decomposed(of: _Supports, product: Tensor, side: Side) -> _Spectrum:
    m, width = of.x.shape[1:]
    values, basis = symmetric_eigh(product)
    if of.by_features(side):
        scores = of.x @ basis
        return _Spectrum(scores, values.clamp_min(0), basis, scores.mT @ of.columns)
    keep = values > max(m, width) * 2.0**-52 * values[:, -1:].clamp_min(1e-300)
    root = torch.where(keep, values, 0.0).sqrt()
    back = torch.where(keep, 1 / root, 0.0)
    scores = basis * root[:, None]
    return _Spectrum(scores, values.clamp_min(0), of.x.mT @ (basis * back[:, None]), scores.mT @ of.columns)


def _as_they_are(of: _Supports, found: Tensor, penalties: Tensor, constant: float | None) -> tuple[Tensor, Tensor]:
    """Weights for features as they are, and biases, each support with its λ."""
    m = of.columns.shape[1]
    share = torch.ones_like(penalties) if constant is None else m * constant**2 / (m * constant**2 + penalties)
    weights = found / of.std.mT
    return weights, share[:, None] * of.columns.mean(1) - (of.mean @ weights)[:, 0]


def _left_out(of: _Supports, found: _Spectrum, constant: float | None) -> Tensor:
    """The λ of each support with the least squared left-out residual, several λ at a time."""
    supports, m, classes = of.columns.shape
    every = torch.tensor(PENALTIES, dtype=torch.float64)
    mean, squared = of.columns.mean(1, keepdim=True), found.scores.square()
    errors = []
    step = max(1, _NEAR // (supports * m * classes))
    for some in (every[start : start + step] for start in range(0, len(every), step)):
        inverse = 1 / (found.values[:, :, None] + some)  # (s, r, λ)
        own = torch.full_like(some, 1 / m) if constant is None else constant**2 / (m * constant**2 + some)
        rows = (inverse[:, :, :, None] * found.along[:, :, None]).flatten(2)
        residual = (found.scores @ rows).view(supports, m, len(some), classes)
        residual += (m * own)[:, None] * mean[:, :, None] - of.columns[:, :, None]
        left = (1 - own - squared @ inverse).clamp_min(1e-12)  # (s, m, λ)
        errors.append((residual.square_().sum(3) / left.square()).mean(1))
    return every[torch.cat(errors, 1).argmin(1)]


def _predicted(test: Tensor, weights: Tensor, biases: Tensor, used: Tensor, workers: int) -> Tensor:
    """The class of each image by each of the λ and supports, ``(λ, s, n)``; the same λ is multiplied once."""
    penalties = used.numpy()
    first = (penalties[:, None] == penalties[None]).argmax(1)  # (λ, s): the first of the same λ
    at, place = np.nonzero(first == np.arange(len(first))[:, None])
    row = np.empty(first.shape, np.int64)
    row[at, place] = np.arange(len(at))
    classes = largest(test, weights[at, place], biases[at, place], workers)
    return torch.from_numpy(classes[row[first, np.arange(first.shape[1])]])
