"""Tables for the page and beside it: numbers a person can read in HTML, exact ones in CSV."""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .figures import data_uri

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMPTY", "Table", "as_text", "table_of"]


@dataclass(frozen=True)
class Table:
    """A table as the page shows it.

    Attributes:
        columns: headings.
        rows: cells as text.
        numeric: which columns are numbers, and so set to the right.
        total: number of rows there are.
        csv: the whole table as a data address.
        file: the name it is saved under.
        open: whether it is short enough to be shown unfolded.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    total: int
    csv: str = ""
    file: str = ""
    open: bool = False

    @property
    def shown(self) -> int:
        """Number of rows on the page."""
        return len(self.rows)


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
    """Turn a data frame into a table of at most ``most`` rows, with the whole of it as CSV."""
    numeric = tuple(frame[c].dtype.kind in "iufc" for c in frame.columns)
    rows = tuple(tuple(as_text(v) for v in row) for row in frame.head(most).itertuples(index=False, name=None))
    csv = data_uri(frame.to_csv(index=False).encode(), "text/csv") if file else ""
    columns = tuple(str(c).replace("_", " ") for c in frame.columns)
    return Table(columns, rows, numeric, len(frame), csv, file, open=len(frame) <= 8)
