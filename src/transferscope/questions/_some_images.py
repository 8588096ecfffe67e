"""Fewer images, of each class as large a share."""

from __future__ import annotations

import numpy as np

from ..data.imageset import ImageSet
from ..rng import numpy_generator

__all__ = ["at_most"]

_LEAST = 4
"""Images of a class that are kept at least, where there are as many."""


def at_most(images: ImageSet, most: int | None, seed: int = 2020) -> ImageSet:
    """Return about so many images, the same share of each class, but 4 of each where there are as many.

    Args:
        images: n images.
        most: how many; ``None`` for all.
        seed: the same for the same choice, whatever the size of the images.
    """
    if most is None or len(images) <= most:
        return images
    if images.multilabel:
        return images.sample(most, seed)
    draw, labels = numpy_generator("scores", "images", seed), np.asarray(images.labels)
    chosen = []
    for c in np.unique(labels):
        own = np.flatnonzero(labels == c)
        chosen.append(draw.permutation(own)[: max(_LEAST, round(len(own) * most / len(labels)))])
    return images.subset(np.sort(np.concatenate(chosen)))
