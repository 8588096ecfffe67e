"""Multinomial logistic regression on frozen features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ...errors import UsageError
from ..finite import check_finite

__all__ = ["DECAYS", "LinearProbe", "linear_probe"]

DECAYS = tuple(10.0**power for power in range(-1, -8, -1))
"""Weight decays that are tried, from the largest on, each from the solution of the one before."""


@dataclass(frozen=True, eq=False)
class LinearProbe:
    """A linear classifier on frozen features.

    Attributes:
        predicted: ``(n,)`` classes of the test images.
        decay: the weight decay that was best on validation images.
        validation: accuracy on these by weight decay, in the order they were tried.
        weights: ``(d, c)``, to be multiplied with features as they are.
        bias: ``(c,)``.
        converged: whether the optimiser reached its tolerance at the chosen decay.
    """

    predicted: Int64[Tensor, " n"]
    decay: float
    validation: tuple[float, ...]
    weights: Float64[Tensor, "d c"]
    bias: Float64[Tensor, " c"]
    converged: bool


def linear_probe(
    train: Float[Tensor, "m d"],
    labels: Int64[Tensor, " m"],
    validation: Float[Tensor, "v d"],
    validation_labels: Int64[Tensor, " v"],
    test: Float[Tensor, "n d"],
    classes: int,
    *,
    decays: Sequence[float] = DECAYS,
    steps: int = 200,
) -> LinearProbe:
    """Fit logistic regression by L-BFGS, with the weight decay that is best on validation images.

    Least is the mean over images of −log softmax(xW + b)_y, plus decay/2·‖W‖²; b is not penalised. Features are
    centred and divided by one number, so that their mean squared norm is 1: single features keep their relative size,
    as in Kornblith et al. 2019, and decays mean the same for all features. (For features as they are the decay is
    that number squared times as large; scikit-learn's C is 1/(decay·m).) Of decays of equal accuracy the largest is
    taken. The classifier is that of the training images alone.

    Source: Kornblith, Shlens, Le 2019, A.4.

    Args:
        train: features of m images.
        labels: their classes.
        validation: features of v images, by which the decay is chosen.
        validation_labels: their classes.
        test: features of n images.
        classes: how many there are.
        decays: those that are tried.
        steps: of L-BFGS at most, for each decay.

    Raises:
        UsageError: when there are no validation images, no decay, or features are not finite.

    >>> x = torch.tensor([[0.0], [0.2], [1.0], [1.2]])
    >>> y = torch.tensor([0, 0, 1, 1])
    >>> linear_probe(x, y, x, y, torch.tensor([[0.4], [0.8]]), 2).predicted.tolist()
    [0, 1]
    """
    if not len(validation):
        raise UsageError("a linear probe without validation images; give some, its weight decay is chosen on them")
    if not decays or not all(math.isfinite(d) and d > 0 for d in decays):
        raise UsageError(f"a linear probe with weight decays {tuple(decays)}; give numbers over 0")
    check_finite(train, validation, test)
    known = train.to(torch.float64).numpy()
    mean = known.mean(0)
    scale = math.sqrt(float(((known - mean) ** 2).sum(1).mean())) or 1.0
    x, held = (known - mean) / scale, (validation.to(torch.float64).numpy() - mean) / scale
    truth, right = labels.numpy(), validation_labels.numpy()
    width = x.shape[1]
    at = np.zeros((width + 1) * classes)
    best: tuple[float, float, np.ndarray, bool] | None = None
    reached = []
    for decay in sorted(decays, reverse=True):
        at, converged = _fitted(x, truth, classes, decay, at, steps)
        table = at.reshape(width + 1, classes)
        accuracy = float(((held @ table[:-1] + table[-1]).argmax(1) == right).mean())
        reached.append(accuracy)
        if best is None or accuracy > best[0]:
            best = accuracy, decay, table, converged
    assert best is not None
    _, decay, table, converged = best
    weights = table[:-1] / scale
    bias = table[-1] - mean @ weights
    predicted = (test.to(torch.float64).numpy() @ weights + bias).argmax(1)
    return LinearProbe(
        torch.from_numpy(predicted),
        decay,
        tuple(reached),
        torch.from_numpy(weights),
        torch.from_numpy(bias),
        converged,
    )


def _fitted(
    x: np.ndarray, labels: np.ndarray, classes: int, decay: float, start: np.ndarray, steps: int
) -> tuple[np.ndarray, bool]:
    """The minimum from a start on, and whether it was reached."""
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    m, width = x.shape
    rows = np.arange(m)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(width + 1, classes)
        logits = x @ table[:-1] + table[-1]
        log = logits - logsumexp(logits, axis=1, keepdims=True)
        value = -log[rows, labels].mean() + decay / 2 * float((table[:-1] ** 2).sum())
        error = np.exp(log)
        error[rows, labels] -= 1
        error /= m
        slope = np.vstack([x.T @ error + decay * table[:-1], error.sum(0)])
        return float(value), slope.ravel()

    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps, "ftol": 1e-10, "gtol": 1e-5}
    )
    return found.x, bool(found.success)
