"""A part of the images: fewer classes, nested; nested shares of the training images; some labels drawn anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import DataError
from ..rng import numpy_generator
from .listing import Listing, Parts

__all__ = ["keeping", "mislabelled", "nested_order", "of_classes"]


def nested_order(labels: np.ndarray, seed: int) -> np.ndarray:
    """Put images in an order in which every beginning has all classes in proportion.

    Image r of the n_c of class c, in a random order, stands at (r + ½)/n_c, and the first of each class before all
    others; ties are at random. Images with several labels are in a random order.

    Args:
        labels: int ``(n,)`` or ``(n, k)``.
        seed: of the order.

    Returns:
        Positions, int64 ``(n,)``.

    >>> labels = np.array([0] * 8 + [1] * 4)
    >>> [np.bincount(labels[nested_order(labels, 0)[:n]]).tolist() for n in (2, 3, 6, 12)]
    [[1, 1], [2, 1], [4, 2], [8, 4]]
    """
    rng = numpy_generator("nested", seed, len(labels))
    order = rng.permutation(len(labels))
    if labels.ndim == 2:
        return order
    _, groups, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    by_class = np.argsort(groups, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[by_class] = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = np.where(rank == 0, 0.0, (rank + 0.5) / counts[groups])
    return order[np.argsort(place, kind="stable")]


def keeping(parts: Parts, keep: float, seed: int) -> Parts:
    """Use a part of the training images; validation and test images stay.

    Args:
        parts: of a source.
        keep: up to 1 a share, above it a number.
        seed: of the order that all shares are the beginning of.

    Raises:
        DataError: when fewer images than classes, or more than there are, would be used.
    """
    train = parts.train
    count = round(keep * len(train)) if keep <= 1 else int(keep)
    least = 2 if train.labels.ndim == 2 else len(np.unique(train.labels))
    if not least <= count <= len(train):
        raise DataError(
            f"{parts.name}: keep={keep:g} of {len(train)} training images gives {count}; expected {least} "
            f"(an image of each class) to {len(train)}"
        )
    chosen = np.sort(nested_order(train.labels, seed)[:count])
    note = f"train: {count} of {len(train)} images, classes in proportion, seed {seed}"
    return replace(parts, train=train.take(chosen), notes=(*parts.notes, note))


def of_classes(parts: Parts, count: int, seed: int) -> Parts:
    """Use some of the classes, drawn at random, with the images that show them.

    Args:
        parts: of a source, with one label an image.
        count: how many classes; the fewer are among the more.
        seed: of the order in which classes are drawn.

    Raises:
        DataError: for several labels an image, or more classes than there are.
    """
    if parts.train.labels.ndim == 2:
        raise DataError(f"{parts.name}: class_count={count} is for one label an image")
    if count > len(parts.classes):
        raise DataError(f"{parts.name}: class_count={count} of {len(parts.classes)} classes; expected 2 to as many")
    order = numpy_generator("classes", seed, len(parts.classes)).permutation(len(parts.classes))
    chosen = np.sort(order[:count])

    def some(listing: Listing) -> Listing:
        index = np.flatnonzero(np.isin(listing.labels, chosen))
        kept = listing.take(index)
        return replace(kept, labels=np.searchsorted(chosen, kept.labels).astype(kept.labels.dtype))

    names = tuple(parts.classes[i] for i in chosen)
    note = f"{count} of {len(parts.classes)} classes, seed {seed}: {', '.join(names)}"
    return replace(
        parts, classes=names, train=some(parts.train), val=some(parts.val), test=some(parts.test),
        notes=(*parts.notes, note),
    )  # fmt: skip


def mislabelled(parts: Parts, share: float, seed: int) -> Parts:
    """Give some of the training images a wrong label; validation and test images keep theirs.

    Which images, and which of the other classes, is drawn at random; a smaller share is a part of a larger one, with
    the same wrong labels (as the partially corrupted labels of Zhang et al. 2017, but never the right one by chance).

    Args:
        parts: of a source, with one label an image.
        share: of the training images.
        seed: of the draw.

    Raises:
        DataError: for several labels an image.
    """
    labels, classes = parts.train.labels, len(parts.classes)
    if labels.ndim == 2:
        raise DataError(f"{parts.name}: label_noise={share:g} is for one label an image")
    rng = numpy_generator("label noise", seed, len(labels))
    chosen = rng.permutation(len(labels))[: round(share * len(labels))]
    wrong = labels.copy()
    shift = rng.integers(1, classes, len(labels))  # one for each image, so that it does not depend on the share
    wrong[chosen] = (labels[chosen] + shift[chosen]) % classes
    train = replace(parts.train, labels=wrong)
    note = f"train: {len(chosen)} of {len(labels)} images with a wrong label, seed {seed}"
    return replace(parts, train=train, notes=(*parts.notes, note))
