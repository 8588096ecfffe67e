"""Rows of text in columns of even width, for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

__all__ = ["columns"]


def columns(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """Return a line a row, each cell as wide as the widest of its column, two spaces between.

    Names may be of any script: what a terminal shows in two places counts as two, what it puts over another as none.

    Args:
        rows: cells; all rows have as many.
        numbers: whether all columns but the first end alike, as numbers should; by default all begin alike.

    >>> columns([["a", "10"], ["long", "9"]])
    ['a     10', 'long  9']
    >>> columns([["a", "10"], ["狗", "9"]], numbers=True)
    ['a   10', '狗   9']
    """
    widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = []
        for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if numbers and at else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def _width(text: str) -> int:
    """How many places a terminal gives it."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
