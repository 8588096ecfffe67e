"""Pre-trainings of a grid on a target: ridge regression on features from some labelled images, the same for all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..data.imageset import ImageSplits
from ..numerics.frozen import draw_supports, few_shot, first_shots
from ..probes.partial_results import Kept
from ..probes.penultimate import penultimate
from .protocols import GridPoint

__all__ = ["few_shot_right"]


def few_shot_right(
    point: GridPoint,
    images: ImageSplits,
    shots: Sequence[int],
    draws: int,
    penalty: float | None,
    seed: int,
    device: str,
    kept: Kept | None,
    *,
    whole: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """Return which test images are right, from what was kept where it is there.

    Args:
        point: a pre-training with weights.
        images: of the target.
        shots: images a class, rising.
        draws: how often they are drawn.
        penalty: λ of ridge regression on standardised features; ``None`` for one by leave-one-out.
        seed: of the draws.
        device: where features are computed.
        kept: where partial results are kept.
        whole: whether to learn from all training images, too, as one more column.

    Returns:
        ``(columns, images)`` shares of draws in which each test image is right, and ``(columns, draws)`` accuracies,
        nan where nothing is drawn.
    """
    assert point.params is not None
    key = f"point {point.name}"
    if kept is not None and (before := kept.load(key)) is not None:
        return before["each"], before["draws"]
    train, test = (penultimate(point.net, point.params, part, device=device) for part in (images.train, images.test))
    classes, labels = len(images.train.classes), np.asarray(images.train.labels)
    drawn = draw_supports(labels, classes, shots[-1], draws, seed)
    supports = [torch.from_numpy(one) for count in shots for one in first_shots(drawn, count)]
    supports += [torch.arange(len(labels))] if whole else []
    x, seen = torch.from_numpy(train.features), torch.from_numpy(test.features)
    (ridge,) = few_shot(
        x, torch.from_numpy(labels.astype(np.int64)), seen, supports, classes, penalties=(penalty,)
    )  # fmt: skip
    right = ridge.predicted.numpy() == np.asarray(images.test.labels)
    few = right[: len(shots) * draws].reshape(len(shots), draws, len(images.test))
    each = np.concatenate([few.mean(1), right[len(shots) * draws :]])
    found = np.concatenate([few.mean(2), np.full((int(whole), draws), np.nan)])
    if kept is not None:
        kept.save(key, {"each": each, "draws": found})
    return each, found
