"""Accuracy with a few labelled images: ridge regression on features, in closed form, over several draws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..rng import numpy_generator

__all__ = ["few_shot", "support"]

PENALTY = 1024.0
"""λ of big_vision's few-shot evaluation, on standardised features."""

_LEAST_SPREAD = 1e-5


def support(labels: NDArray[np.integer], shots: int, draw: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw ``shots`` images of each class; of more shots the fewer are the first. The same for every network.

    Args:
        labels: ``(n,)`` of the training images.
        shots: images a class.
        draw: which draw.
        seed: of all draws.

    Returns:
        Their positions, class by class.

    Raises:
        UsageError: when a class has fewer images.

    >>> labels = np.array([0, 1, 0, 1, 0, 1])
    >>> set(support(labels, 1, 0)) < set(support(labels, 2, 0)), labels[support(labels, 2, 0)].tolist()
    (True, [0, 0, 1, 1])
    """
    order = numpy_generator("few shots", seed, draw, len(labels)).permutation(len(labels))
    chosen = []
    for label in np.unique(labels):
        mine = order[labels[order] == label]
        if len(mine) < shots:
            raise UsageError(
                f"{shots} shots: class {label} has {len(mine)} training images; expected {shots} or more"
            )
        chosen.append(mine[:shots])
    return np.concatenate(chosen)


def few_shot(
    train: NDArray[np.floating],
    labels: NDArray[np.integer],
    test: NDArray[np.floating],
    wanted: NDArray[np.integer],
    shots: Sequence[int],
    draws: int,
    *,
    penalty: float = PENALTY,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return test accuracy of ridge regression on a few images of each class.

    Features are standardised by mean and standard deviation of the few images (plus 1e-5) and the columns of labels
    centred; w = (XᵀX + λ)⁻¹XᵀY, and the largest prediction wins. This is big_vision's ``fewshot_lsr`` (Kolesnikov et
    al. 2020; Zhai et al. 2022, λ = 2¹⁰) with the constant left out exactly instead of a feature of 100.

    Args:
        train: ``(n, d)`` features of training images.
        labels: their labels.
        test: ``(m, d)`` features of test images.
        wanted: their labels.
        shots: images a class, several numbers.
        draws: how often the few are drawn; the same ones whatever the features.
        penalty: λ.
        seed: of the draws.

    Returns:
        ``(shots, draws)`` accuracies.

    Raises:
        UsageError: when a class has fewer images than shots, or features are not finite.

    >>> x, y = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
    >>> few_shot(x, y, x, y, [1, 2], 3).tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise UsageError("features are not all finite; the network or its input normalisation is not right")
    classes = np.unique(labels)
    found = np.empty((len(shots), draws))
    seen = np.asarray(test, dtype=np.float64)
    for draw in range(draws):
        for row, count in enumerate(shots):
            chosen = support(labels, count, draw, seed)
            x = np.asarray(train[chosen], dtype=np.float64)
            mean, spread = x.mean(0), x.std(0) + _LEAST_SPREAD
            x = (x - mean) / spread
            y = (labels[chosen][:, None] == classes).astype(np.float64)
            y -= y.mean(0)
            weights = _ridge(x, y, penalty)
            predicted = classes[np.argmax((seen - mean) / spread @ weights, axis=1)]
            found[row, draw] = float(np.mean(predicted == wanted))
    return found


def _ridge(x: NDArray[np.float64], y: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """(XᵀX + λ)⁻¹XᵀY, by the smaller of the two Gram matrices."""
    n, d = x.shape
    if d <= n:
        return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(d), x.T @ y))
    return np.asarray(x.T @ np.linalg.solve(x @ x.T + penalty * np.eye(n), y))
