"""What torch.compile makes of a function, or, where it cannot, the function itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ..runtime import out_of_memory

__all__ = ["Compiled"]


class Compiled:
    """A function that is translated at its first call.

    Args:
        function: of tensors; a module, say.

    Attributes:
        failed: why it runs as it is, or ``""``.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._plain = function
        self._fast: Callable[..., Any] = torch.compile(function)
        self.failed = ""

    def __call__(self, *values: Any) -> Any:
        """Call it.

        Raises:
            torch.OutOfMemoryError: as the function does.
        """
        if self.failed:
            return self._plain(*values)
        try:
            with _quiet():
                return self._fast(*values)
        except Exception as e:  # a compiler and its tools may raise anything
            if out_of_memory(e):
                raise
            self.failed = f"it cannot be compiled: {next(iter(str(e).strip().splitlines()), type(e).__name__)[:200]}"
            return self._plain(*values)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the compiler logs from the user, who can do nothing about it."""
    logger = logging.getLogger("torch")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
