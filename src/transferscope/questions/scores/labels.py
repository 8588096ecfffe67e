"""The labels that scores are about, and the subsets of images that their intervals are from."""

from __future__ import annotations

import numpy as np
import torch

from ...data.imageset import IGNORED, ImageSet
from ...errors import DataError
from ...evidence.left_out import LeftOut
from ...numerics.scores import Targets
from ...rng import numpy_generator

__all__ = ["check_counts", "known_labels", "subsets_of"]

_SUBSET, _SUBSET_CLASS = 1000, 10
"""Subsets for intervals hold half of the images, and at most so many (or so many a class): what a decomposition of
them costs grows with the cube."""

_WHOLE, _WHOLE_SHARE = 4, 0.1
"""Classes of fewer images are whole in every subset; where they hold a larger share there are no intervals."""


def known_labels(images: ImageSet) -> tuple[torch.Tensor, np.ndarray, list[LeftOut]]:
    """Return the labels that are known, which images have them, and what is left out.

    Raises:
        DataError: when no image has all of its labels known.
    """
    labels, left = np.asarray(images.labels), []
    chosen = np.arange(len(labels))
    if images.multilabel:
        chosen = np.flatnonzero((labels != IGNORED).all(1))
        if len(chosen) < len(labels):
            left.append(LeftOut(f"{len(labels) - len(chosen):,} of {len(labels):,} images", "a label is unknown"))
        if not len(chosen):
            raise DataError(f"{images.name}: no image whose labels are all known; leave out the labels that are not")
    return torch.from_numpy(labels[chosen].astype(np.int64)), chosen, left


def check_counts(images: ImageSet, targets: Targets) -> None:
    """Refuse too few images.

    Raises:
        DataError: when there are fewer images than classes, or a class has a single image.
    """
    n, classes = len(targets.columns), len(images.classes)
    if n < classes:
        raise DataError(f"{images.name}: {n} training images of {classes} classes; give more images than classes")
    if targets.labels is None:
        return
    for column, count in enumerate(targets.counts.tolist()):
        if count < 2:
            name = images.classes[targets.kept[column]]
            raise DataError(
                f"{images.name}: class {name!r} has a single training image, which cannot be left out; give "
                "2 of each class at least, or leave the class out"
            )


def subsets_of(targets: Targets, draws: int, seed: int) -> tuple[list[np.ndarray], str]:
    """Draw subsets of the images without replacement, the same share of each class.

    Args:
        targets: the labels.
        draws: how many.
        seed: of the draws.

    Returns:
        The subsets, and why there are none.
    """
    n, classes = targets.columns.shape
    if not draws:
        return [], ""
    size = min(n // 2, max(_SUBSET, _SUBSET_CLASS * classes))
    if targets.labels is None:
        return [np.sort(numpy_generator("scores", "subset", seed, d).permutation(n)[:size]) for d in range(draws)], ""
    members = [np.flatnonzero(targets.labels.numpy() == c) for c in range(classes)]
    small = sum(len(of) for of in members if len(of) < _WHOLE)
    if small > _WHOLE_SHARE * n:
        return [], f"{small:,} of {n:,} images are of classes with fewer than {_WHOLE} images"
    found = []
    for d in range(draws):
        draw = numpy_generator("scores", "subset", seed, d)
        parts = [
            of if len(of) < _WHOLE else draw.permutation(of)[: max(2, round(len(of) * size / n))] for of in members
        ]
        found.append(np.sort(np.concatenate(parts)))
    return found, ""
