"""Arrays larger than memory: read through a memory map, whose pages are given back as the reading goes on.

Pages of a map that were touched count as resident until the kernel wants them back. Giving them back early costs
little (they stay in the page cache) and keeps a program that goes through 7.5 GB of images as small as it looks.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from typing import cast

import numpy as np

from ..errors import DataError

__all__ = ["IN_MEMORY", "Reader", "is_mapped", "take"]

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
    reader, step = Reader(array), max(1, IN_MEMORY // 8 // row)
    folder = _folder_of(array)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for start in range(0, len(index), step):
                rows = np.ascontiguousarray(array[index[start : start + step]])
                file.write(rows.data)
                reader.has_read(rows.nbytes)
            file.flush()
            return np.memmap(file, array.dtype, "r", shape=(len(index), *array.shape[1:]))
    except OSError as e:
        where = folder or tempfile.gettempdir()
        raise DataError(f"{where}: no room for {len(index)} of {len(array)} images ({e.strerror or e})") from e


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
