"""Who computes a step, where there are no locks: claims by conditional put, kept alive by a beat.

A claim is the object ``KEY/NUMBER.json``. Whoever wants a step and finds the last claim released, or not heard of for
a while, puts the next number, which only one can do. Numbers never go back, so who decided on old news fails. That an
owner is alive is told by its object changing, by the waiting process's own clock: clocks need not agree.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..errors import StoreError
from .place import Place

__all__ = ["BEAT", "PATIENCE", "claimant", "claimed"]

BEAT = 15.0
"""Seconds between two signs of life."""

PATIENCE = 60.0
"""Seconds without a sign of life after which an owner is taken for dead. If it is not, it computes the same bytes."""

_POLL = 2.0


@dataclass(frozen=True)
class _Claim:
    """The last claim on a key: its number, 0 for none, and what it says."""

    number: int
    body: dict[str, Any]

    @property
    def free(self) -> bool:
        return not self.number or bool(self.body.get("released"))

    @property
    def owner(self) -> str:
        try:
            return f"process {self.body['pid']} on {self.body['host']}"
        except KeyError:
            return "another process"


@contextmanager
def claimed(place: Place, key: str, waiting: Callable[[str], None]) -> Iterator[None]:
    """Be the only process that has the key, inside the block.

    Args:
        place: where claims are.
        key: prefix of the claims, ending with a slash.
        waiting: told once who has it, when somebody has it.
    """
    number, body = _acquire(place, key, waiting)
    done = threading.Event()

    def beat() -> None:
        count = 0
        while not done.wait(BEAT):
            count += 1
            with suppress(StoreError):  # the next one may pass
                place.write(_name(key, number), json.dumps(body | {"beat": count, "heard": time.time()}).encode())

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with suppress(StoreError):  # else it is free after a while
            place.write(_name(key, number), json.dumps(body | {"released": True}).encode())


def claimant(place: Place, key: str) -> str | None:
    """Return who has the key, or ``None``; one that died is still named for a while.

    For people: here the clocks of both machines are compared, which nothing that decides does.
    """
    last = _last(place, key)
    return None if last.free or abs(time.time() - float(last.body.get("heard", 0.0))) > 2 * PATIENCE else last.owner


def _acquire(place: Place, key: str, waiting: Callable[[str], None]) -> tuple[int, dict[str, Any]]:
    body = {"pid": os.getpid(), "host": socket.gethostname()}
    seen, heard, told = None, time.monotonic(), False
    while True:
        last = _last(place, key)
        if (state := (last.number, last.body)) != seen:
            seen, heard = state, time.monotonic()
        if last.free or time.monotonic() - heard > PATIENCE:
            begun = json.dumps(body | {"heard": time.time()})
            if place.create(_name(key, last.number + 1), begun.encode()):
                return last.number + 1, body
            continue
        if not told:
            told = True
            waiting(last.owner)
        time.sleep(_POLL)


def _last(place: Place, key: str) -> _Claim:
    names = place.names(key)
    if not names:
        return _Claim(0, {})
    content = place.read(names[-1])
    try:
        body = json.loads(content or b"{}")
    except ValueError:
        body = {}
    return _Claim(int(names[-1].rpartition("/")[2].partition(".")[0]), body)


def _name(key: str, number: int) -> str:
    return f"{key}{number:06d}.json"
