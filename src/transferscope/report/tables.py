"""Tables for the page and beside it: numbers a person can read in HTML, exact ones in CSV."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .compact import text_uri

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMPTY", "ROOM", "Table", "as_text", "table_of", "too_large"]

_EMBEDDED = 20_000
"""So many characters of CSV are in the page itself; all numbers of larger tables are in it as a table."""

_WHOLE = 20_000
"""Rows up to which a table can be whole in a page. The planes of eight networks with twenty modules have 100,000."""

ROOM = 100_000
"""Rows that a page has room for beyond those on the screen: about ten megabytes."""


@dataclass(frozen=True)
class Table:
    """A table as the page shows it.

    Attributes:
        columns: headings.
        rows: cells as text.
        numeric: which columns are numbers, and so set to the right.
        total: number of rows there are.
        csv: the whole table as a data address; of a large one the address of the file beside the page.
        file: the name it is saved under.
        rest: the rows that only print shows; none of a table that is too large for the page.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    total: int
    csv: str = ""
    file: str = ""
    rest: tuple[tuple[str, ...], ...] = ()

    @property
    def shown(self) -> int:
        """Number of rows on the page."""
        return len(self.rows)

    @property
    def whole(self) -> bool:
        """Whether all its rows are in the page; else they are in the file beside it."""
        return len(self.rows) + len(self.rest) == self.total

    def begun(self) -> Table:
        """Return the same with the rows on the screen alone; the others are in the file beside the page."""
        return replace(self, rest=(), csv=f"tables/{self.file}")

    @property
    def grouped(self) -> list[tuple[str, ...]]:
        """All rows; what stands above in a cell, and in all cells to its left, is not repeated.

        >>> Table(("kind", "n"), (("a", "1"), ("a", "2")), (False, True), 3, rest=(("a", "2"),)).grouped
        [('a', '1'), ('', '2'), ('', '')]
        """
        found, above = list[tuple[str, ...]](), tuple[str, ...]()
        for row in (*self.rows, *self.rest):
            same = 0
            while same < len(above) and row[same] == above[same]:
                same += 1
            found.append((*("",) * same, *row[same:]))
            above = row
        return found


EMPTY = Table((), (), (), 0)
"""No table."""


def as_text(value: Any) -> str:
    """Write one cell: four significant digits, an en dash for what is not known.

    >>> as_text(0.123456), as_text(1234567), as_text(None), as_text(True), as_text(float("nan")), as_text(2e-9)
    ('0.1235', '1234567', '–', 'yes', '–', '2e-09')
    """
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real):
        number = float(value)
        return "–" if math.isnan(number) else f"{number:.4g}"
    text = str(value)
    return "–" if text in ("nan", "NaT", "<NA>", "None") else text


def table_of(frame: pd.DataFrame, file: str = "", *, most: int = 60) -> Table:
    """Turn a data frame into a table of at most ``most`` rows on the screen, with the whole of it as CSV.

    Of a table with a file and more than 20,000 rows no others are in the page.
    """
    numeric = tuple(frame[c].dtype.kind in "iufc" for c in frame.columns)
    small = not file or len(frame) <= _WHOLE
    shown = frame if small else frame.iloc[:most]
    every = tuple(tuple(as_text(v) for v in row) for row in shown.itertuples(index=False, name=None))
    csv = f"tables/{file}" if file else ""
    if file and small and len(frame) <= _EMBEDDED // 2 and len(text := frame.to_csv(index=False)) <= _EMBEDDED:
        csv = text_uri(text, "text/csv")
    columns = tuple(str(c).replace("_", " ") for c in frame.columns)
    return Table(columns, every[:most], numeric, len(frame), csv, file, every[most:])


def too_large(rest: Sequence[int], room: int = ROOM) -> set[int]:
    """Return which tables a page has no room for beyond the rows on the screen: the largest.

    Args:
        rest: how many rows more each has.
        room: rows that there is room for.

    >>> too_large([40, 900, 0, 70], room=120)
    {1}
    """
    left, found = room, set[int]()
    for i in sorted(range(len(rest)), key=lambda i: rest[i]):
        left -= rest[i]
        if rest[i] and left < 0:
            found.add(i)
    return found
