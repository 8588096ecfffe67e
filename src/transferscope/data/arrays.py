"""Images and labels that are already arrays, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import DataError
from .imageset import IGNORED, ImageSet, ImageSplits
from .listing import portion

__all__ = ["as_bytes", "as_classes", "as_labels", "as_pixels", "images_from_arrays", "split_images"]

_LEAST = 16
"""Pixels of which none is above this and some are above 1 may be of either scale, 0 to 1 or 0 to 255."""

_CHUNK = 1024


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
        x: uint8 ``(n, h, w)``, ``(n, h, w, c)`` or ``(n, c, h, w)``, c = 1 or 3; a memory map is kept as one. Other
            numbers are brought to uint8 where their scale is plain (:func:`as_bytes`).
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
    bytes_, _ = as_bytes(name, {"": np.asanyarray(x)})
    pixels, labels = as_pixels(name, bytes_[""]), as_labels(name, y)
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


def as_bytes(where: str, arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """Return images as uint8 from 0 to 255, by one scale for all arrays, and what there is to say.

    The scale must be plain from the numbers. Floats from 0 to 1 are multiplied by 255, floats from 0 to 255 rounded,
    integers from 0 to 255 kept, and false and true are black and white.

    Args:
        where: of the arrays, for errors.
        arrays: by name, such as those of the parts.

    Raises:
        DataError: for numbers whose scale cannot be told, with their range.

    >>> as_bytes("x", {"train": np.array([0.0, 0.5, 1.0])})[0]["train"].tolist()
    [0, 128, 255]
    """
    other = {name: of for name, of in arrays.items() if of.dtype != np.uint8 and of.dtype.kind in "fiub"}
    if not other:
        return dict(arrays), ()
    kinds = {str(of.dtype) for of in arrays.values()}
    if len(kinds) > 1:
        raise DataError(f"{where}: images are of {' and '.join(sorted(kinds))}; give all parts in one format")
    if all(of.dtype.kind == "b" for of in other.values()):
        return {name: of.astype(np.uint8) * np.uint8(255) for name, of in arrays.items()}, ()
    parts = [of[start : start + _CHUNK] for of in other.values() for start in range(0, len(of), _CHUNK)]
    low, high = (float(f([f(part) for part in parts if part.size] or [0])) for f in (np.min, np.max))
    kind, floats = kinds.pop(), next(iter(other.values())).dtype.kind == "f"
    told = f"{where}: images are {kind} from {low:.6g} to {high:.6g}"
    if not np.isfinite([low, high]).all():
        raise DataError(f"{where}: images are {kind} with NaN or infinite entries; give numbers from 0 to 255")
    if low < 0:
        raise DataError(f"{told}; give them as they were before they were normalised, from 0 to 255 or from 0 to 1")
    if high > 255 or (high <= _LEAST and not (floats and high <= 1)):
        raise DataError(f"{told}, whose scale cannot be told; give uint8 from 0 to 255{', or 0 to 1' * floats}")
    scale = 255.0 if floats and high <= 1 else 1.0
    out = {name: _rounded(of, scale) for name, of in arrays.items()}
    how = "multiplied by 255 and rounded" if scale > 1 else "rounded"
    return out, (f"images of {kind} from {low:.4g} to {high:.4g} are {how} to 8 bits",) if floats else ()


def _rounded(x: np.ndarray, scale: float) -> np.ndarray:
    out = np.empty(x.shape, np.uint8)
    for start in range(0, len(x), _CHUNK):
        part = x[start : start + _CHUNK]
        out[start : start + _CHUNK] = np.rint(part.astype(np.float64) * scale) if part.dtype.kind == "f" else part
    return out


def as_pixels(where: str, x: np.ndarray) -> np.ndarray:
    """Return uint8 ``(n, h, w, c)``, c = 1 or 3, as a view where that can be had.

    Raises:
        DataError: for another type or shape.
    """
    if x.dtype != np.uint8:
        raise DataError(f"{where}: images must be uint8 from 0 to 255, got {x.dtype}")
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
    return tuple(n.decode("utf-8", "backslashreplace") if isinstance(n, bytes) else str(n) for n in names)
