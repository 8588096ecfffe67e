"""One process a step: a lock that its owner's death releases."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .atomic import said_plainly

__all__ = ["locked", "owner_of"]


def _nobody_listens(owner: str) -> None:
    """Say nothing."""


@contextmanager
def locked(path: Path, waiting: Callable[[str], None] = _nobody_listens) -> Iterator[None]:
    """Hold the lock file ``path`` inside the block, waiting for whoever has it.

    The operating system's own lock is used, which it releases when the owner dies however it dies, so a lock is
    never stale; beside it, ``path`` + ``.owner`` names the process, for people.

    Args:
        path: the lock file; it stays when the lock is released.
        waiting: told once who has the lock, when somebody has it.

    Raises:
        StoreError: when the lock file cannot be written.
    """
    import filelock

    owner = path.with_name(path.name + ".owner")
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(path)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            waiting(_read_owner(owner))
            lock.acquire(poll_interval=0.2)
        try:
            owner.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}))
        except BaseException:
            lock.release()
            raise
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def owner_of(path: Path) -> str | None:
    """Return who holds the lock file ``path`` now, or ``None`` when nobody does."""
    import filelock

    owner = path.with_name(path.name + ".owner")
    if not owner.exists():
        return None
    try:
        with filelock.FileLock(path, timeout=0):
            return None
    except filelock.Timeout:
        return _read_owner(owner)
    except OSError:  # nobody can hold a lock where no file can be opened
        return None


def _read_owner(path: Path) -> str:
    try:
        known = json.loads(path.read_text())
        return f"process {known['pid']} on {known['host']}"
    except (OSError, ValueError, KeyError):
        return "another process"
