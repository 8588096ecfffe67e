"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import StoreError

__all__ = ["json_bytes", "publish", "read_json", "said_plainly", "sweep", "write_bytes", "write_json"]

_TEMPORARY = ".writing-"


@contextmanager
def said_plainly(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses inside the block into one :class:`StoreError` line.

    Args:
        path: what was being written, named when the system names nothing.
    """
    try:
        yield
    except OSError as e:
        raise StoreError(_sentence(path, e)) from e


def write_bytes(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path``, replacing what is there in one move; on failure what was there stays.

    Raises:
        StoreError: when the place cannot be written or the disk is full.
    """
    with said_plainly(path):
        handle, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as f:
                f.write(content)
                f.flush()
                os.fsync(f.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left half-written in a folder, and in those under it.

    Nobody else may be writing there.

    Raises:
        OSError: when a file cannot be removed.
    """
    for path in folder.rglob(f"{_TEMPORARY}*"):
        path.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Put plain data at ``path`` as indented JSON, in one move."""
    write_bytes(path, json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """Return plain data as a JSON file of ours."""
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def read_json(path: Path) -> Any:
    """Read a JSON file of ours.

    Raises:
        StoreError: when it is absent or damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise StoreError(f"{path}: there is no such file") from e
    except (OSError, ValueError) as e:
        raise StoreError(f"{path}: cannot be read ({e})") from e


def publish(draft: Path, place: Path) -> None:
    """Move a finished folder to its place in one step, after everything in it has reached the disk.

    A folder that is at ``place`` already is kept: whoever was first computed the same.

    Raises:
        StoreError: when the disk is full or the place cannot be written.
    """
    with said_plainly(place):
        for folder, _, files in os.walk(draft):
            for name in files:
                _sync_file(Path(folder) / name)
            _sync_folder(Path(folder))
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.exists():
            shutil.rmtree(draft)
            return
        draft.rename(place)
        _sync_folder(place.parent)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folder(path: Path) -> None:
    # Not every system lets a folder be opened or synced; the rename is atomic all the same.
    with suppress(OSError):
        _sync_file(path)


def _sentence(path: Path, error: OSError) -> str:
    place = error.filename or path
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: the disk is full; nothing is half-written: free some space and give the same command again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{place}: cannot be written ({reason}); choose another folder with --out"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{place}: a file is where a folder should be; choose another folder with --out"
    return f"{place}: {reason}"
