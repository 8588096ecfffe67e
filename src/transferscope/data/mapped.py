"""Arrays larger than memory: read through a memory map, whose pages are given back as the reading goes on.

Pages of a map that were touched count as resident until the kernel wants them back. Giving them back early costs
little (they stay in the page cache) and keeps a program that goes through 7.5 GB of images as small as it looks.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np

from ..errors import DataError

__all__ = ["IN_MEMORY", "Reader", "changed", "is_mapped", "take"]

IN_MEMORY = 256 * 2**20
"""Arrays up to this many bytes are simply held in memory."""


def is_mapped(array: np.ndarray) -> bool:
    """Whether the array (or what it is a view of) lies in a file."""
    return _memmap_of(array) is not None


class Reader:
    """Keeps the resident part of a mapped array small; does nothing for others.

    Args:
        array: what is read from.
        every: bytes that may be read before pages are given back.

    >>> Reader(np.zeros(3)).has_read(8)
    """

    def __init__(self, array: np.ndarray, every: int = IN_MEMORY) -> None:
        found = _memmap_of(array)
        self._map = found[1] if found is not None else None
        self._every = every
        self._since = 0

    def has_read(self, nbytes: int) -> None:
        """Take note that so many bytes were read just now, and give pages back when it has become much."""
        self._since += nbytes
        if self._map is not None and self._since >= self._every:
            self._map.madvise(mmap.MADV_DONTNEED)
            self._since = 0


def take(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return ``array[index]``; when that is large and mapped, in an unnamed file instead of in memory.

    Args:
        array: ``(n, …)``.
        index: int64 ``(m,)``.

    Raises:
        DataError: when the disk has no room for it.

    >>> take(np.arange(5), np.array([3, 1]))
    array([3, 1])
    """
    row = int(array[:1].nbytes)
    if not is_mapped(array) or row * len(index) <= IN_MEMORY:
        return np.asarray(array[index])
    step = max(1, IN_MEMORY // 8 // row)
    parts = (array[index[start : start + step]] for start in range(0, len(index), step))
    return _filed(array, parts, (len(index), *array.shape[1:]))


def changed(
    array: np.ndarray, change: Callable[[np.ndarray], np.ndarray], shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """Return what a function makes of the rows; of a large map, in an unnamed file instead of in memory.

    Args:
        array: ``(n, …)``.
        change: makes as many rows, of the same type, of some rows; what it makes of one does not depend on others.
        shape: of the result; by default that of the array.

    Raises:
        DataError: when the disk has no room for it.

    >>> changed(np.arange(3), lambda rows: 2 * rows)
    array([0, 2, 4])
    """
    shape = array.shape if shape is None else shape
    if not is_mapped(array) or array.nbytes <= IN_MEMORY:
        return change(np.asarray(array))
    step = max(1, IN_MEMORY // 8 // int(array[:1].nbytes))
    parts = (change(np.asarray(array[start : start + step])) for start in range(0, len(array), step))
    return _filed(array, parts, shape)


def _filed(array: np.ndarray, parts: Iterator[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Write parts that are made of a mapped array to an unnamed file beside it, and map that."""
    reader, folder = Reader(array), _folder_of(array)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for part in parts:
                rows = np.ascontiguousarray(part)
                file.write(rows.data)
                reader.has_read(rows.nbytes)
            file.flush()
            return np.memmap(file, array.dtype, "r", shape=shape)
    except OSError as e:
        where = folder or tempfile.gettempdir()
        raise DataError(f"{where}: no room for {shape[0]} of {len(array)} images ({e.strerror or e})") from e


def _memmap_of(array: np.ndarray) -> tuple[np.memmap, mmap.mmap] | None:
    """The memory map at the bottom of a chain of views; none that is private, as it may hold what no file holds."""
    found, base = None, cast(object, array)
    while isinstance(base, np.ndarray):
        below = cast(object, base.base)
        if isinstance(base, np.memmap) and isinstance(below, mmap.mmap) and base.mode in ("r", "r+"):
            found = base, below
        base = below
    return found


def _folder_of(array: np.ndarray) -> Path | None:
    """The folder of the mapped file if it can be written to: the default one may be held in memory."""
    found = _memmap_of(array)
    if found is None or not found[0].filename:
        return None
    folder = Path(str(found[0].filename)).parent
    return folder if os.access(folder, os.W_OK) else None
