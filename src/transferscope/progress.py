"""How long work tells its caller how far it is; the caller decides where that goes."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "silent"]


class Progress(Protocol):
    """Called with what is done of what is to do, e.g. ``progress(3, 21, "points")``."""

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Take note; raising here stops the work (that is how an interrupt arrives)."""


def silent(done: int, total: int, unit: str) -> None:
    """Say nothing."""
