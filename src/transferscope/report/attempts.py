"""What of a report could not be made: one line each, and the rest of the page stands."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ..errors import StoreError

__all__ = ["Attempts"]

T = TypeVar("T")


@dataclass
class Attempts:
    """Tries parts of a page.

    Attributes:
        failed: what could not be made and why, a line each.

    >>> tries = Attempts()
    >>> tries.make("the figure", lambda: 1 / 0, None), tries.make("the table", lambda: 2, None)
    (None, 2)
    >>> tries.failed
    ['the figure could not be made: ZeroDivisionError: division by zero']
    """

    failed: list[str] = field(default_factory=list)

    def make(self, what: str, made: Callable[[], T], otherwise: T) -> T:
        """Return what is made, or something else and a line in ``failed`` when that raises.

        A folder that cannot be written, or was damaged, ends the report: no other part would fare better.
        ``TRANSFERSCOPE_TRACEBACK=1`` raises everything.
        """
        try:
            return made()
        except StoreError:
            raise
        except Exception as e:
            if os.environ.get("TRANSFERSCOPE_TRACEBACK"):
                raise
            self.failed.append(
                f"{what} could not be made: {type(e).__name__}: {' '.join(str(e).split())}".rstrip(": ")
            )
            return otherwise
