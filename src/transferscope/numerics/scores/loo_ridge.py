"""Leave-one-out ridge regression on the features, in closed form: the honest cheap baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from ...errors import UsageError
from ..auc import macro_auroc
from .decomposition import Decomposition
from .targets import Targets

__all__ = ["LooRidge", "loo_ridge"]

_DECADES = tuple(range(-8, 3))
"""λ is sought among these powers of 10, times the largest σ² of the centred features, then half a power beside the
best."""

_LARGEST_SLOPE = 1e3


@dataclass(frozen=True, eq=False)
class LooRidge:
    """What ridge regression says of each image when it is fitted to all others.

    Attributes:
        predictions: ``(n, c)`` predicted columns, near 1 for the label.
        penalty: λ.
        right: ``(n,)`` 1 where the largest prediction is the label's, else 0; of several labels an image, the share
            of its labels that are predicted on the right side of ½.
        losses: ``(n,)`` log-loss of each image, in nats; of several labels the mean over them.
        auc: mean area under the ROC curve over labels, where an image may have several; else ``None``.
        slope: of the link, see :func:`loo_ridge`.
    """

    predictions: Float64[Tensor, "n c"]
    penalty: float
    right: Float64[Tensor, " n"]
    losses: Float64[Tensor, " n"]
    auc: float | None
    slope: float

    @property
    def accuracy(self) -> float:
        """Share of images (of labels) that are predicted right."""
        return float(self.right.mean())

    @property
    def log_loss(self) -> float:
        """Mean log-loss, in nats."""
        return float(self.losses.mean())


def loo_ridge(features: Decomposition, targets: Targets, *, penalty: float | None = None) -> LooRidge:
    """Fit ridge regression to all images but one, for each of them, and predict that one.

    The columns of labels, less the classes' shares π, are regressed on the centred features. With H = U diag(σ²/(σ² +
    λ)) Uᵀ the residual of image i when it is left out is (y_i − ŷ_i)/(1 − h_ii), so that one decomposition serves all
    images and all λ. λ is the one whose mean squared left-out residual is least.

    Shares and the features' mean are those of all images. Were they, too, without image i, its own class would be the
    rarer for it, and features that say nothing would be right less often than by chance: never, with classes of one
    size.

    The link from predictions to probabilities, for the log-loss: p ∝ π_c·exp(s·(ŷ_c − π_c)), π_c the share of class
    c; of several labels an image each has logit(p) = logit(π_c) + s·(ŷ_c − π_c). The one slope s ≥ 0 makes the mean
    log-loss of the left-out predictions least. With s = 0 the log-loss is the entropy of the labels, so it is never
    larger.

    Source: Allen 1974 (PRESS); Hastie, Tibshirani, Friedman 2009, §7.10, equation 7.64.

    Args:
        features: of n images.
        targets: their labels; several an image are allowed.
        penalty: λ; by default chosen as above.

    Raises:
        UsageError: when there are not as many labels as images, or λ is not over 0.

    >>> from .decomposition import decompose
    >>> from .targets import targets_of
    >>> x = torch.tensor([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]])
    >>> found = loo_ridge(decompose(x), targets_of(torch.tensor([0, 0, 0, 1, 1, 1])))
    >>> found.accuracy, found.log_loss < 0.05
    (1.0, True)
    """
    n = len(features)
    if len(targets.columns) != n:
        raise UsageError(f"{len(targets.columns)} labels for the features of {n} images; give one an image")
    if penalty is not None and not penalty > 0:
        raise UsageError(f"ridge with λ = {penalty}; expected a number over 0")
    means = targets.columns.mean(0)
    residual = targets.columns - means
    along = features.left.T @ residual
    squared = features.left.square()
    largest = float(features.squares[0])

    def left_out(value: float) -> Float64[Tensor, "n c"]:
        kept = features.squares / (features.squares + value)
        leverage = squared @ kept
        fitted = features.left @ (kept[:, None] * along)
        return (residual - fitted) / (1 - leverage).clamp_min(1e-12)[:, None]

    chosen, best = (0.0, torch.empty(0)) if penalty is None else (penalty, left_out(penalty))
    if penalty is None:
        least = math.inf
        for powers in (_DECADES, (-0.5, 0.5)):
            around = largest if powers is _DECADES else chosen
            for power in powers:
                found = left_out(around * 10.0**power)
                if (error := float(found.square().mean())) < least:
                    chosen, best, least = around * 10.0**power, found, error
    predictions = targets.columns - best
    slope, losses = _linked(predictions - means, targets)
    if targets.labels is None:
        right = ((predictions > 0.5) == (targets.columns > 0.5)).to(torch.float64).mean(1)
        auc = float(macro_auroc(predictions, targets.columns.to(torch.int64)).macro)
        return LooRidge(predictions, chosen, right, losses, auc, slope)
    right = (predictions.argmax(1) == targets.labels).to(torch.float64)
    return LooRidge(predictions, chosen, right, losses, None, slope)


def _linked(above: Float64[Tensor, "n c"], targets: Targets) -> tuple[float, Float64[Tensor, " n"]]:
    """The slope of the link, and the losses with it; the mean loss is convex in the slope."""
    from scipy.optimize import minimize_scalar

    shares = targets.columns.mean(0)

    def losses(slope: float) -> Float64[Tensor, " n"]:
        if targets.labels is not None:
            logits = shares.log() + slope * above
            return logits.logsumexp(1) - logits.gather(1, targets.labels[:, None])[:, 0]
        logits = torch.logit(shares) + slope * above
        signed = torch.where(targets.columns > 0.5, -logits, logits)
        return torch.nn.functional.softplus(signed).mean(1)

    found = minimize_scalar(
        lambda log: float(losses(math.exp(log)).mean()),
        bounds=(math.log(1e-3), math.log(_LARGEST_SLOPE)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    slope = math.exp(float(found.x))
    fitted, flat = losses(slope), losses(0.0)
    return (slope, fitted) if float(fitted.mean()) <= float(flat.mean()) else (0.0, flat)
