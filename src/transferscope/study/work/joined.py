"""Several sets of the same classes as one: the union that combined domains are trained on."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ...data.cache import default_cache
from ...data.imageset import ImageSet, ImageSplits
from ...data.mapped import IN_MEMORY, Reader
from ...errors import DataError

__all__ = ["joined"]


def joined(sets: Mapping[str, ImageSplits], name: str) -> ImageSplits:
    """Put the parts of several sets one after the other (Neyshabur et al. 2020, B.8).

    Args:
        sets: by name, which goes before the ids, as two folders may use the same ones.
        name: of the union.

    Raises:
        DataError: when classes, sizes or channels differ.
    """
    first_name, first = next(iter(sets.items()))
    for other_name, other in sets.items():
        if other.classes != first.classes or other.multilabel != first.multilabel:
            raise DataError(f"{first_name} and {other_name} have different classes and cannot be joined")
        if other.train.size != first.train.size or other.train.channels != first.train.channels:
            raise DataError(f"{first_name} and {other_name} have images of different sizes and cannot be joined")
    train, val, test = (
        _chained({k: getattr(s, part) for k, s in sets.items()}, f"{name} {part}")
        for part in ("train", "val", "test")
    )
    return ImageSplits(train, val, test, spec=" + ".join(s.spec for s in sets.values()))


def _chained(parts: Mapping[str, ImageSet], name: str) -> ImageSet:
    sets = list(parts.values())
    return replace(
        sets[0],
        images=_pixels([s.images for s in sets]),
        labels=np.concatenate([s.labels for s in sets]),
        captions=None if any(s.captions is None for s in sets) else np.concatenate([s.captions for s in sets]),
        ids=np.concatenate([np.char.add(f"{key}/", s.ids.astype(str)) for key, s in parts.items()]),
        name=name,
        skipped=tuple(skip for s in sets for skip in s.skipped),
        settings=" + ".join(s.settings for s in sets),
    )


def _pixels(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Chain arrays in memory, or when they are large in an unnamed file that is mapped."""
    if sum(a.nbytes for a in arrays) <= IN_MEMORY:
        return np.concatenate(arrays)
    count, shape = sum(len(a) for a in arrays), arrays[0].shape[1:]
    # The usual place for temporary files may be held in memory; the cache is on a disk.
    folder = default_cache() if default_cache().is_dir() else Path(tempfile.gettempdir())
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for array in arrays:
                reader = Reader(array)
                step = max(1, IN_MEMORY // 8 // max(1, array[:1].nbytes))
                for start in range(0, len(array), step):
                    rows = np.ascontiguousarray(array[start : start + step])
                    file.write(rows.data)
                    reader.has_read(rows.nbytes)
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=(count, *shape))
    except OSError as e:
        raise DataError(f"{folder}: no room for a union of {count} images ({e.strerror or e})") from e
