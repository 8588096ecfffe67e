"""Names for the places and files of a page: safe in addresses, and no two alike."""

from __future__ import annotations

import re

__all__ = ["Places", "slug"]

_OF_THE_PAGE = ("top", "findings", "claims", "beside", "runs", "left-out", "made", "tables", "all-runs",
                "all-steps")  # fmt: skip
"""Places that the page itself has."""

_TABLES = ("claims", "beside")
"""Tables that the page itself has."""


def slug(text: str) -> str:
    """Make a name that is safe in addresses and file names.

    >>> slug("Clipart & Quick draw")
    'clipart-quick-draw'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


class Places:
    """Hands out names; one that is taken already gets a number.

    Names of people may differ in no letter from a to z: ``a b`` and ``a-b``, or two in another script. Without the
    number the figures and tables of one would lie where those of the other are.

    Args:
        tables: further tables that are written beside the page.

    >>> places = Places()
    >>> places.file("barrier-猫"), places.file("barrier-犬"), places.anchor("runs")
    ('barrier', 'barrier-2', 'runs-2')
    """

    def __init__(self, tables: tuple[str, ...] = ()) -> None:
        self._files = {*_TABLES, *tables}
        self._anchors = {*_OF_THE_PAGE}

    def file(self, text: str) -> str:
        """Return a name for a figure and a table, without ending."""
        return _new(text, self._files)

    def anchor(self, text: str) -> str:
        """Return a name for a place on the page."""
        return _new(text, self._anchors)


def _new(text: str, taken: set[str]) -> str:
    name, number = slug(text), 1
    while (found := name if number == 1 else f"{name}-{number}") in taken:
        number += 1
    taken.add(found)
    return found
