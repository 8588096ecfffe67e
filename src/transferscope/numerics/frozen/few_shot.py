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
    """The decomposition of one support, from which every λ is solved: fitted values are ȳ + S (Λ + λ)⁻¹ SᵀY."""

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
    fitted: list[list[tuple[float, Tensor, Tensor]]] = [[] for _ in penalties]
    for support in supports:
        found = _decomposed(known[support], columns[support], side)
        single = int(torch.bincount(labels[support], minlength=classes).min()) < 2
        chosen = _left_out(found, constant) if None in penalties and not single else PENALTY
        for place, penalty in enumerate(penalties):
            fitted[place].append(_solved(found, chosen if penalty is None else penalty, constant))
    every = [one for of in fitted for one in of]
    predicted = _predicted(test, torch.stack([w for _, w, _ in every]), torch.stack([b for _, _, b in every]))
    return [
        FewShot(
            predicted[place * len(supports) : (place + 1) * len(supports)],
            tuple(p for p, _, _ in of),
            torch.stack([w for _, w, _ in of]),
            torch.stack([b for _, _, b in of]),
        )
        for place, of in enumerate(fitted)
    ]


def _decomposed(x: Tensor, columns: Tensor, side: Side) -> _Support:
    mean = x.mean(0)
    x = x - mean
    std = x.square().mean(0).sqrt() + _FLOOR
    x /= std
    if side == "features" or (side == "auto" and len(x) >= x.shape[1]):
        values, basis = symmetric_eigh(x.T @ x)
        return _Support(x @ basis, values.clamp_min(0), basis, mean, std, columns)
    values, basis = symmetric_eigh(x @ x.T)
    keep = values > max(x.shape) * 2.0**-52 * values[-1].clamp_min(1e-300)
    values, basis = values[keep], basis[:, keep]
    root = values.sqrt()
    return _Support(basis * root, values, x.T @ (basis / root), mean, std, columns)


def _solved(of: _Support, penalty: float, constant: float | None) -> tuple[float, Tensor, Tensor]:
    """λ, weights for features as they are, and biases."""
    m = len(of.columns)
    share = 1.0 if constant is None else m * constant**2 / (m * constant**2 + penalty)
    along = of.scores.T @ of.columns / (of.values + penalty)[:, None]
    weights = (of.back @ along) / of.std[:, None]
    return penalty, weights, share * of.columns.mean(0) - of.mean @ weights


def _left_out(of: _Support, constant: float | None) -> float:
    """The λ with the least squared left-out residual: all at once."""
    m, mean = len(of.columns), of.columns.mean(0)
    penalties = torch.tensor(PENALTIES, dtype=torch.float64)
    inverse = 1 / (of.values + penalties[:, None])
    own = torch.full_like(penalties, 1 / m) if constant is None else constant**2 / (m * constant**2 + penalties)
    residual = of.columns - m * own[:, None, None] * mean
    residual = residual - of.scores @ (inverse[:, :, None] * (of.scores.T @ of.columns))
    kept = (1 - own - of.scores.square() @ inverse.T).clamp_min(1e-12)
    errors = (residual / kept.T[:, :, None]).square().mean((1, 2))
    return PENALTIES[int(errors.argmin())]


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
