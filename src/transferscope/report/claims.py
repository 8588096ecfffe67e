"""The papers' claims on the page: what all findings together say of each, target by target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..evidence.claim import Claim
from ..evidence.finding import Finding
from ..evidence.tally import ClaimTally, Tally, tally
from ..papers import PAPERS, Paper, paper_called
from ..store.atomic import write_bytes
from .board import SYMBOLS, Board, board_of
from .overview import Overview, overview_of, untold
from .sections import Section
from .tables import Table, table_of

if TYPE_CHECKING:
    from ..evidence.verdict import Verdict
    from ..study.stored_study import StoredStudy

__all__ = ["ClaimsSection", "claims_section"]


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
class Cited:
    """A finding that bears on a claim, and where on the page its evidence is."""

    target: str
    text: str
    verdict: Verdict
    place: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim with what was found.

    Attributes:
        id: of the claim.
        text: the claim in our words.
        place: where in the paper.
        chips: verdicts.
        scope: how far they reach: ``for this checkpoint``; empty for everywhere.
        statistic: what decides it.
        rule: when it agrees.
        said: the findings.
    """

    id: str
    text: str
    place: str
    chips: tuple[Chip, ...]
    scope: str
    statistic: str
    rule: str
    said: tuple[Cited, ...]


@dataclass(frozen=True)
class Group:
    """The claims of one paper.

    Attributes:
        paper: how sentences call it.
        rows: claims that findings bear on.
        open: claims of the study's own paper that none bears on, with the reason.
    """

    paper: str
    rows: tuple[ClaimRow, ...]
    open: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ClaimsSection:
    """All claims that findings bear on.

    Attributes:
        groups: paper by paper, with all sentences.
        counted: how many there are, and how many chance would give.
        untold: what could not be told; empty for nothing.
        table: all as one table.
        board: a row a claim, a column a target.
        overview: a line a target; ``None`` where nothing on it was asked.
    """

    groups: tuple[Group, ...]
    counted: str
    untold: str
    table: Table
    board: Board
    overview: Overview | None

    @property
    def title(self) -> str:
        """Its heading."""
        return "The papers’ claims" if len(self.groups) > 1 else "The paper’s claims"


def claims_section(
    study: StoredStudy, sections: Iterable[Section], tables: Path, lost: Mapping[str, str] | None = None
) -> ClaimsSection | None:
    """Gather the verdicts of all findings on the page; ``None`` when no finding bears on a claim.

    Args:
        study: the run folder.
        sections: those of the questions.
        tables: folder of the tables.
        lost: targets on which every run failed, with what happened there.
    """
    places: dict[int, str] = {}
    findings: list[Finding] = []
    for section in sections:
        for part in section.parts:
            for finding in part.evidence:
                about = finding if finding.target else replace(finding, target=part.name)
                places[id(about)] = part.anchor
                findings.append(about)
    counted = tally(findings)
    if not counted.claims:
        return None
    own = paper_called(study.paper) if study.paper else None
    groups = [_group(paper, counted, study, own, places) for paper in PAPERS]
    frame = counted.frame()
    write_bytes(tables / "claims.csv", frame.to_csv(index=False).encode())
    kept = tuple(g for g in groups if g.rows or g.open)
    targets = list(study.tree.get("targets", {}))
    board = board_of(counted, targets, places)
    overview = overview_of(counted, targets, places, lost, study.questions_asked)
    return ClaimsSection(kept, counted.words, untold(counted), table_of(frame, "claims.csv"), board, overview)


def _group(paper: Paper, counted: Tally, study: StoredStudy, own: Paper | None, places: Mapping[int, str]) -> Group:
    mine = [c for c in counted.claims if c.claim.paper == paper.key]
    judged = {c.claim.id for c in mine}
    left: Sequence[Claim] = (
        [c for c in paper.claims if c.id not in judged] if own is not None and paper.key == own.key else ()
    )
    rows = tuple(_row(c, places) for c in mine)
    return Group(paper.short, rows, tuple((_sentence(c.says), _why(c, study)) for c in left))


def _why(claim: Claim, study: StoredStudy) -> str:
    """Why no finding bears on a claim."""
    if claim.question is None or claim.rule is None:
        return claim.undecided
    if claim.question not in study.items.values():
        return f"the study does not ask {claim.question}"
    return f"{claim.question} found nothing to judge it by, or has not finished"


def _row(counted: ClaimTally, places: Mapping[int, str]) -> ClaimRow:
    claim, several = counted.claim, len(counted.targets) > 1
    chips = []
    for verdict, symbol in SYMBOLS.items():
        if n := sum(t.verdict == verdict for t in counted.targets):
            on = f" on {n} of {len(counted.targets)}" if several else ""
            chips.append(Chip("unsure" if verdict == "cannot tell" else verdict, f"{symbol} {verdict}{on}"))
    said = tuple(Cited(f.target, f.text, f.verdict, places[id(f)]) for f in counted.findings if f.verdict is not None)
    return ClaimRow(
        id=claim.id,
        text=_sentence(claim.says),
        place=claim.section,
        chips=tuple(chips),
        scope=next((t.scope for t in counted.targets if t.scope), ""),
        statistic=claim.statistic,
        rule="" if claim.rule is None else claim.rule.text,
        said=said,
    )


def _sentence(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]
