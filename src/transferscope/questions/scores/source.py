"""The images a candidate was pre-trained on, as its features show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...numerics.scores import NotDefinedError, Targets, TaskMove, targets_of, task_move
from .labels import known_labels

__all__ = ["MOST", "Learned", "centred", "learned", "ratios"]

MOST = 1000
"""Target images of the scores that compare tasks, at most: what they cost grows with the cube."""


@dataclass(frozen=True, eq=False)
class Learned:
    """Features and labels of source images.

    Attributes:
        features: ``(p, d)``.
        columns: ``(p, k)`` float64, centred.
        names: what the columns are of, in order.
    """

    features: Tensor
    columns: Tensor
    names: tuple[str, ...]

    def move(self, target: Tensor) -> TaskMove:
        """Return what these labels say of target images by their features, of at most :data:`MOST` of them."""
        return task_move(self.features, self.columns, target[places(len(target))])


def learned(features: np.ndarray, images: ImageSet) -> Learned:
    """Take features of source images with their labels, those that are not known left out.

    Args:
        features: ``(n, d)``, of all of the images.
        images: the source's.
    """
    labels, chosen, _ = known_labels(images)
    targets = targets_of(labels)
    return Learned(
        torch.from_numpy(features[chosen]), centred(targets), tuple(images.classes[c] for c in targets.kept)
    )


def centred(targets: Targets) -> Tensor:
    """One-hot columns less 1/C; of several labels an image, less their means: what the theorems are about."""
    columns = targets.columns
    return columns - (columns.mean(0) if targets.labels is None else 1 / columns.shape[1])


def places(n: int) -> Tensor:
    """The places of at most :data:`MOST` of n images, evenly spread."""
    return torch.linspace(0, n - 1, min(n, MOST)).round().to(torch.int64)


def ratios(move: TaskMove, source: Learned, targets: Targets, names: tuple[str, ...]) -> tuple[float, float]:
    """Both scores of a source and a target.

    Args:
        move: of the target's images.
        source: the source.
        targets: labels of all target images.
        names: of the target's columns.

    Raises:
        NotDefinedError: when all of the images looked at have the same label.
    """
    y = centred(targets)[places(len(targets.columns))]
    if not bool((y - y.mean(0)).any()):
        raise NotDefinedError("all images have the same label")
    return move.ratios(y, alike=names == source.names)
