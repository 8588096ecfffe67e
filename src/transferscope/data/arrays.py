"""Images and labels that are already arrays, from Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import DataError
from .imageset import IGNORED, ImageSet, ImageSplits
from .listing import portion

__all__ = ["as_classes", "as_labels", "as_pixels", "images_from_arrays", "split_images"]


def images_from_arrays(
    x: np.ndarray,
    y: np.ndarray,
    *,
    classes: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    name: str = "arrays",
) -> ImageSet:
    """Make an :class:`ImageSet` of arrays.

    Args:
        x: uint8 ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)``, c = 1 or 3; a memory map is kept as one.
        y: class indices ``(n,)``, or ``(n, k)`` of 0, 1 and −1 (unknown) for multi-label.
        classes: the names; ``"0"``, ``"1"``, … by default.
        ids: unique names of the images; their numbers by default.
        name: what to call the set in tables and figures.

    Raises:
        DataError: when they do not fit together.

    >>> s = images_from_arrays(np.zeros((2, 8, 8), np.uint8), np.array([0, 1]), classes=["cat", "dog"])
    >>> s.images.shape, s.classes, s.ids.tolist()
    ((2, 8, 8, 1), ('cat', 'dog'), ['0000000', '0000001'])
    """
    pixels, labels = as_pixels(name, x), as_labels(name, y)
    names = np.array([f"{i:07d}" for i in range(len(pixels))] if ids is None else [str(i) for i in ids])
    if len(np.unique(names)) < len(names):
        raise DataError(f"{name}: ids occur twice; every image needs one of its own")
    given = None if classes is None else np.array([str(c) for c in classes])
    return ImageSet(pixels, labels, as_classes(name, given, labels), names, name)


def split_images(images: ImageSet, *, val: float = 0.1, test: float = 0.2, seed: int = 2020) -> ImageSplits:
    """Split one set at random, class by class in proportion.

    Args:
        images: the set.
        val: share (or, from 1 on, number) of what is left after the test part; may be 0.
        test: share (or, from 1 on, number) of all images.
        seed: of the split.

    >>> s = images_from_arrays(np.zeros((100, 8, 8), np.uint8), np.arange(100) % 2)
    >>> parts = split_images(s)
    >>> len(parts.train), len(parts.val), len(parts.test)
    (72, 8, 20)
    """
    chosen = portion(images.labels, test, seed, "test")
    rest = np.setdiff1d(np.arange(len(images)), chosen)
    held = rest[portion(images.labels[rest], val, seed, "val")]
    train = np.setdiff1d(rest, held)
    return ImageSplits(
        images.subset(train, f"{images.name} train"),
        images.subset(held, f"{images.name} val"),
        images.subset(chosen, f"{images.name} test"),
    )


def as_pixels(where: str, x: np.ndarray) -> np.ndarray:
    """Return uint8 ``(n, h, w, c)``, c = 1 or 3, as a view where that can be had.

    Raises:
        DataError: for another type or shape.
    """
    if x.dtype != np.uint8:
        hint = "; multiply numbers from 0 to 1 by 255" if x.dtype.kind == "f" else ""
        raise DataError(f"{where}: images must be uint8 from 0 to 255, got {x.dtype}{hint}")
    if x.ndim == 3:
        return x[..., None]
    if x.ndim == 4 and x.shape[3] in (1, 3):
        return x
    if x.ndim == 4 and x.shape[1] in (1, 3):
        return x.transpose(0, 2, 3, 1)
    raise DataError(f"{where}: images must be (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1 or 3, got {x.shape}")


def as_labels(where: str, y: np.ndarray) -> np.ndarray:
    """Return int64 ``(n,)``, or int8 ``(n, k)`` for multi-label.

    Raises:
        DataError: for numbers that are no labels.
    """
    y = np.asarray(y)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim not in (1, 2) or y.dtype.kind not in "iufb" or (y.dtype.kind == "f" and not (y == np.floor(y)).all()):
        raise DataError(
            f"{where}: labels must be whole numbers, (n,) or (n, k) for multi-label, got {y.dtype} {y.shape}"
        )
    if y.ndim == 1:
        if len(y) and y.min() < 0:
            raise DataError(f"{where}: the label {y.min()} is below 0")
        return y.astype(np.int64)
    if len(y) and not np.isin(y, (IGNORED, 0, 1)).all():
        raise DataError(f"{where}: multi-labels must be 0, 1 or {IGNORED} (unknown)")
    return y.astype(np.int8)


def as_classes(where: str, names: np.ndarray | None, labels: np.ndarray) -> tuple[str, ...]:
    """Return the class names, numbers where there are none.

    Raises:
        DataError: when a label has no name.
    """
    count = labels.shape[1] if labels.ndim == 2 else int(labels.max(initial=-1)) + 1
    if names is None:
        return tuple(str(i) for i in range(count))
    if len(names) < count or (labels.ndim == 2 and len(names) != count):
        what = f"{count} label columns" if labels.ndim == 2 else f"the label {count - 1}"
        raise DataError(f"{where}: {what} and {len(names)} class names; each label needs its name")
    return tuple(str(n) for n in names)
