"""Counts that are kept, and those of some claims that were simulated anew."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from .family import Row
from .table import COLUMNS

__all__ = ["lacking", "merged"]


def merged(kept: pd.DataFrame, fresh: pd.DataFrame, rows: Sequence[Row]) -> pd.DataFrame:
    """Return the counts of all rows: fresh ones where there are any, else the kept ones.

    A row is known by its claim and its data, whatever its place in the table was; counts of rows that are no longer
    in the table are dropped.

    Args:
        kept: counts of an earlier simulation, with :data:`~calibrate.table.COLUMNS`.
        fresh: counts of some rows.
        rows: the table.
    """
    place = {(row.claim, row.family.name): i for i, row in enumerate(rows)}
    anew = set(zip(fresh["claim"], fresh["family"], strict=True))
    parts = []
    for counts, mine in ((kept, set(place) - anew), (fresh, set(place))):
        names = list(zip(counts["claim"], counts["family"], strict=True))
        there = [name in mine for name in names]
        parts.append(counts[there].assign(row=[place[name] for name in names if name in mine]))
    return pd.concat(parts, ignore_index=True)[COLUMNS].sort_values("row", kind="stable", ignore_index=True)


def lacking(counts: pd.DataFrame, rows: Sequence[Row]) -> list[int]:
    """Return the places of the rows that have no counts."""
    there = set(zip(counts["claim"], counts["family"], strict=True))
    return [i for i, row in enumerate(rows) if (row.claim, row.family.name) not in there]
