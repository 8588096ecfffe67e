"""The paper beside the study: its claims with the verdicts of all findings, and its tables with what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..papers import paper_called
from ..papers.printed import tables_of, targets_of
from ..store.atomic import write_bytes
from .places import slug
from .printed.beside import BesideRow, BesideTable, beside
from .tables import Table, as_text, table_of

if TYPE_CHECKING:
    from ..questions.result import Result
    from ..study.stored_study import StoredStudy

__all__ = ["BesideSection", "beside_section"]


@dataclass(frozen=True)
class BesideCell:
    """A printed number, what was measured in its place, and of what that is."""

    printed: str
    here: str
    of: str


@dataclass(frozen=True)
class BesideLine:
    """A row: its name in the paper, what stands in its place, and its cells."""

    name: str
    stands_in: str
    cells: tuple[BesideCell, ...]


@dataclass(frozen=True)
class BesideGrid:
    """A printed table with what was measured, and the sections that have the evidence (anchor, item)."""

    title: str
    about: str
    evidence: tuple[tuple[str, str], ...]
    columns: tuple[str, ...]
    lines: tuple[BesideLine, ...]
    patterns: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class BesideSection:
    """The tables of a paper beside the study.

    Attributes:
        paper: how sentences call it.
        grids: the tables.
        missing: those that have nothing beside them.
        strange: targets of the study that stand for what no table is about.
        known: what the tables are about.
        table: all as one table.
    """

    paper: str
    grids: tuple[BesideGrid, ...]
    missing: tuple[str, ...]
    strange: tuple[str, ...]
    known: tuple[str, ...]
    table: Table


def beside_section(
    study: StoredStudy,
    results: Mapping[str, Mapping[str, Result]],
    tables: Path,
    anchors: Mapping[str, str] | None = None,
) -> BesideSection | None:
    """Set the paper's tables beside the study; ``None`` when it is no study of a paper, or has nothing for them.

    Args:
        study: the run folder.
        results: item → target → result.
        tables: folder of the tables.
        anchors: item → where on the page its section is; by default what its name makes.
    """
    if not study.paper:
        return None
    paper = paper_called(study.paper)
    found = beside(paper.key, results, study.stands_for, shows=study.shows)
    if not found.tables:
        return None
    frame = found.frame()
    write_bytes(tables / "beside.csv", frame.to_csv(index=False).encode())
    there = {t.table.number for t in found.tables}
    missing = [f"Table {t.number} ({t.about})" for t in tables_of(paper.key) if t.number not in there]
    known = targets_of(paper.key)
    strange = [f"{here} ({name})" for here, name in study.stands_for.items() if name not in known]
    there_by_name = {item: slug(item) for item in results}
    grids = tuple(_grid(t, there_by_name if anchors is None else anchors) for t in found.tables)
    return BesideSection(paper.short, grids, tuple(missing), tuple(strange), known, table_of(frame, "beside.csv"))


def _grid(table: BesideTable, anchors: Mapping[str, str]) -> BesideGrid:
    printed = table.table
    stands = f": {printed.target}, here {table.target}" if printed.target else ""
    return BesideGrid(
        title=f"Table {printed.number}{stands}",
        about=printed.about,
        evidence=tuple((anchors[item], item) for item in table.items if item in anchors),
        columns=printed.columns,
        lines=tuple(map(_line, table.rows)),
        patterns=table.patterns,
        remarks=printed.remarks,
    )


def _line(row: BesideRow) -> BesideLine:
    shared = row.of[0] if len(set(row.of)) == 1 else ""
    pairs = f"{row.pairs} pair{'s' * (row.pairs != 1)}" if row.pairs else ""
    other = row.stands_in if row.stands_in != row.row else ""
    cells = (
        BesideCell(printed, as_text(here) if math.isfinite(here) else "–", "" if shared else of)
        for printed, here, of in zip(row.printed, row.here, row.of, strict=True)
    )
    return BesideLine(row.row, ", ".join(filter(None, (other, shared, pairs))), tuple(cells))
