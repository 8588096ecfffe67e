"""The tables of all papers that print numbers which this package can measure."""

from __future__ import annotations

from ..errors import UsageError
from ..evidence.sources import SOURCES
from .liu2019.tables import TABLES as LIU
from .neyshabur2020.tables import TABLES as NEYSHABUR
from .table import PrintedTable

__all__ = ["TABLES", "PrintedTable", "printed_table", "tables_of", "targets_of"]

TABLES: tuple[PrintedTable, ...] = (*NEYSHABUR, *LIU)
"""All of them, paper by paper."""


def printed_table(paper: str, number: int) -> PrintedTable:
    """Return a table by paper and number.

    Raises:
        UsageError: when there is none.
    """
    for table in TABLES:
        if (table.paper, table.number) == (paper, number):
            return table
    known = ", ".join(t.name for t in TABLES)
    raise UsageError(f"there is no table {number} of {SOURCES.get(paper, paper)}; there are {known}")


def targets_of(paper: str) -> tuple[str, ...]:
    """Return the tasks that a paper's tables are about, for whose place a study's targets can stand.

    >>> targets_of("000")
    ('CheXpert', 'clipart', 'quickdraw', 'real')
    """
    named = [name for t in tables_of(paper) for name in ((t.target,) if t.target else t.row_names)]
    return tuple(dict.fromkeys(named))


def tables_of(paper: str) -> tuple[PrintedTable, ...]:
    """Return the tables of a paper."""
    return tuple(t for t in TABLES if t.paper == paper)
