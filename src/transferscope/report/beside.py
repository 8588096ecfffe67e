"""The paper beside the study: its claims with the verdicts of all findings, and its tables with what was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..papers import PAPERS, Paper, paper_called
from ..papers.claims import Claim, claims_of
from ..papers.printed import tables_of, targets_of
from ..store.atomic import write_bytes
from .counted import ClaimCount, Evidence, claims_frame, counted
from .printed.beside import BesideRow, BesideTable, beside
from .sections import Section, slug
from .tables import Table, as_text, table_of

if TYPE_CHECKING:
    from ..questions.result import Result, Verdict
    from ..study.stored_study import LoadedStudy

__all__ = ["BesideSection", "ClaimsSection", "beside_section", "claims_section"]

_SYMBOLS: Mapping[Verdict, str] = {"agrees": "✓", "disagrees": "✗", "cannot tell": "?"}


@dataclass(frozen=True)
class Chip:
    """A verdict, and on how many targets it is this one.

    Attributes:
        look: its class in the style sheet.
        text: symbol, word and count.
    """

    look: str
    text: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim with what was found.

    Attributes:
        id: of the claim; empty for one that is not of the papers.
        text: the claim in our words.
        place: where in the paper.
        chips: verdicts.
        statistic: what decides it.
        rule: when it agrees.
        said: the findings, each with its target and its place on the page.
    """

    id: str
    text: str
    place: str
    chips: tuple[Chip, ...]
    statistic: str
    rule: str
    said: tuple[Evidence, ...]


@dataclass(frozen=True)
class Group:
    """The claims of one paper.

    Attributes:
        paper: how sentences call it; empty for claims of none.
        rows: claims that findings bear on.
        open: claims of the study's own paper that none bears on, with the reason.
    """

    paper: str
    rows: tuple[ClaimRow, ...]
    open: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ClaimsSection:
    """All claims that findings bear on, paper by paper, and the same as a table."""

    groups: tuple[Group, ...]
    table: Table

    @property
    def title(self) -> str:
        """Its heading."""
        return "The papers’ claims" if len(self.groups) > 1 else "The paper’s claims"


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


def claims_section(study: LoadedStudy, sections: Iterable[Section], tables: Path) -> ClaimsSection | None:
    """Gather the verdicts of all findings on the page; ``None`` when no finding bears on a claim.

    Args:
        study: the run folder.
        sections: those of the questions.
        tables: folder of the tables.
    """
    evidence = [
        Evidence(said.claim, said.verdict, said.text, part.name, part.anchor)
        for section in sections
        for part in section.parts
        for said in part.findings
        if said.claim and said.verdict
    ]
    if not evidence:
        return None
    counts = counted(evidence, tuple(study.plan.runs))
    own = paper_called(study.paper) if study.paper else None
    groups = [_group(paper, counts, study, own) for paper in PAPERS]
    groups.append(Group("", tuple(_row(c) for c in counts if c.claim is None), ()))
    frame = claims_frame(counts)
    write_bytes(tables / "claims.csv", frame.to_csv(index=False).encode())
    kept = tuple(g for g in groups if g.rows or g.open)
    return ClaimsSection(kept, table_of(frame, "claims.csv"))


def _group(paper: Paper, counts: Sequence[ClaimCount], study: LoadedStudy, own: Paper | None) -> Group:
    mine = [c for c in counts if c.claim is not None and c.claim.paper == paper.key]
    judged = {c.text for c in mine}
    left = [c for c in claims_of(paper.key) if c.text not in judged] if paper == own else []
    return Group(paper.short, tuple(map(_row, mine)), tuple((_sentence(c.says), _why(c, study)) for c in left))


def _why(claim: Claim, study: LoadedStudy) -> str:
    """Why no finding bears on a claim."""
    if claim.decided_by is None:
        return claim.undecided
    if claim.decided_by not in study.items.values():
        return f"the study does not ask {claim.decided_by}"
    return f"{claim.decided_by} found nothing to judge it by, or has not finished"


def _row(count: ClaimCount) -> ClaimRow:
    claim = count.claim
    several = len(count.verdicts) > 1
    chips = []
    for verdict, symbol in _SYMBOLS.items():
        if n := count.count(verdict):
            on = f" on {n} of {len(count.verdicts)}" if several else ""
            chips.append(Chip("unsure" if verdict == "cannot tell" else verdict, f"{symbol} {verdict}{on}"))
    return ClaimRow(
        id=claim.id if claim else "",
        text=_sentence(claim.says) if claim else count.text,
        place=claim.section if claim else "",
        chips=tuple(chips),
        statistic=claim.statistic if claim else "",
        rule=claim.rule if claim else "",
        said=count.evidence,
    )


def _sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def beside_section(
    study: LoadedStudy, results: Mapping[str, Mapping[str, Result]], tables: Path
) -> BesideSection | None:
    """Set the paper's tables beside the study; ``None`` when it is no study of a paper, or has nothing for them.

    Args:
        study: the run folder.
        results: item → target → result.
        tables: folder of the tables.
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
    grids = tuple(map(_grid, found.tables))
    return BesideSection(paper.short, grids, tuple(missing), tuple(strange), known, table_of(frame, "beside.csv"))


def _grid(table: BesideTable) -> BesideGrid:
    printed = table.table
    stands = f": {printed.target}, here {table.target}" if printed.target else ""
    return BesideGrid(
        title=f"Table {printed.number}{stands}",
        about=printed.about,
        evidence=tuple((slug(item), item) for item in table.items),
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
