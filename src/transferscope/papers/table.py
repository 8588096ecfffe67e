"""A table of a paper, exactly as printed, with what is odd about it.

A cell is the printed text (``"0.45±0.05"``, ``"98.29%"``), so nothing is rounded or filled up; ``value`` reads it.
Names of rows and columns are the papers' own, but where those are formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import UsageError, nearest
from ..evidence.sources import cited

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PrintedTable"]


@dataclass(frozen=True)
class PrintedTable:
    """One table of a paper.

    Attributes:
        paper: its number, as ids of claims begin.
        number: its number there.
        about: what it shows, in our words.
        target: the task it is about; empty where each row is one.
        columns: headings.
        rows: name of each row and its cells, as printed.
        remarks: what contradicts something, a sentence each.
    """

    paper: str
    number: int
    about: str
    target: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Paper and number, e.g. ``Neyshabur et al. 2020, Table 1``."""
        return cited(self.paper, f"Table {self.number}")

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the rows."""
        return tuple(name for name, _ in self.rows)

    def cell(self, row: str, column: str) -> str:
        """Return what is printed.

        Raises:
            UsageError: for a row or column that the table has not.
        """
        if column not in self.columns:
            raise UsageError(f"{self.name} has no column {column!r}{nearest(column, self.columns)}")
        for name, cells in self.rows:
            if name == row:
                return cells[self.columns.index(column)]
        raise UsageError(f"{self.name} has no row {row!r}{nearest(row, self.row_names)}")

    def value(self, row: str, column: str) -> float:
        """Return a printed number: the mean where a spread is printed with it, a share where it is a percentage.

        >>> table = PrintedTable("002", 2, "errors", "", ("error", "gain"), (("Webcam", ("26.39±0.41", "98.29%")),))
        >>> table.value("Webcam", "error"), table.value("Webcam", "gain")
        (26.39, 0.9829000000000001)
        """
        mean = self.cell(row, column).partition("±")[0]
        return float(mean.removesuffix("%")) / 100 if mean.endswith("%") else float(mean)

    def spread(self, row: str, column: str) -> float | None:
        """Return what is printed after ±; ``None`` where nothing is."""
        _, sign, spread = self.cell(row, column).partition("±")
        return float(spread) if sign else None

    def frame(self) -> pd.DataFrame:
        """Return the table as printed, all cells text."""
        import pandas as pd

        return pd.DataFrame([cells for _, cells in self.rows], index=self.row_names, columns=self.columns)
