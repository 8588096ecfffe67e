"""Room in the image cache: when it would grow over its limit, the images that were not used for longest go.

The limit is 50 GB, or what ``$TRANSFERSCOPE_CACHE_GB`` says. Images that a process reads or has mapped never go, and
those that are asked for now are kept however large they are. What has gone is decoded again when it is needed.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import DataError

__all__ = ["ABOUT", "PIXELS", "in_use", "limit", "make_room", "touch"]

PIXELS = "pixels.npy"
ABOUT = "about.json"
_ENTRY = re.compile(r"[0-9a-f]{32}")
_USUAL_GB = 50.0


@dataclass(frozen=True)
class _Entry:
    folder: Path
    nbytes: int
    used: float


def limit() -> int:
    """Return how many bytes the cache may hold.

    Raises:
        DataError: when ``$TRANSFERSCOPE_CACHE_GB`` is no number above 0.
    """
    text = os.environ.get("TRANSFERSCOPE_CACHE_GB") or str(_USUAL_GB)
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise DataError(f"TRANSFERSCOPE_CACHE_GB={text}: expected a number of gigabytes above 0, such as 50")
    return int(gigabytes * 1e9)


def make_room(folder: Path, needed: int) -> None:
    """Remove what was not used for longest until so much more may be written.

    Nothing is removed for an entry that the disk cannot hold even so.

    Args:
        folder: of the cache.
        needed: bytes of the entry to come.
    """
    most = limit()
    _sweep(folder)
    entries = sorted(_entries(folder), key=lambda e: e.used)
    total, free = sum(e.nbytes for e in entries), shutil.disk_usage(folder).free
    if needed > free + total:
        return
    excess = max(total + needed - most, needed - free)
    for entry in entries:
        if excess <= 0:
            return
        if _remove(entry.folder):
            excess -= entry.nbytes


def touch(entry: Path) -> None:
    """Take note that an entry was used."""
    with suppress(OSError):  # a cache that is only read from
        os.utime(entry / ABOUT)


def in_use(entry: Path) -> IO[bytes]:
    """Open an entry's pixels; it is not removed until the file is closed.

    Raises:
        OSError: when it is not there.
    """
    file = (entry / PIXELS).open("rb")
    with suppress(OSError):  # where the file system cannot lock, what is mapped outlives its name all the same
        fcntl.flock(file, fcntl.LOCK_SH)
    return file


def _entries(folder: Path) -> Iterator[_Entry]:
    for entry in folder.iterdir():
        if _ENTRY.fullmatch(entry.name):  # nothing else in this folder is ours to remove
            with suppress(OSError):
                yield _Entry(entry, (entry / PIXELS).stat().st_size, (entry / ABOUT).stat().st_mtime)


def _remove(entry: Path) -> bool:
    """Take an entry away in one step, unless somebody uses it."""
    try:
        with (entry / PIXELS).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            gone = entry.with_name(f"{entry.name}.part-gone-{os.getpid()}")
            entry.rename(gone)
    except OSError:
        return False
    shutil.rmtree(gone, ignore_errors=True)
    return True


def _sweep(folder: Path) -> None:
    """Remove what killed processes left half-written, or half-removed."""
    for part in folder.glob("*.part-*"):
        name = part.name.partition(".")[0]
        if not _ENTRY.fullmatch(name):
            continue
        with suppress(OSError), (folder / f"{name}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while somebody makes this entry
            shutil.rmtree(part, ignore_errors=True)
