"""The board: a row a claim, a column a target, in each cell a verdict with the effect it rests on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..evidence.claim import Claim
from ..evidence.tally import ClaimTally, Tally, TargetVerdict
from ..papers import PAPERS
from .forest import Axis, axis_of, drawn, effect_text, interval_only, references_of, unit_of

__all__ = ["SYMBOLS", "Board", "BoardRow", "Cell", "axis_for", "board_of", "cell_of"]

SYMBOLS: Mapping[str, str] = {"agrees": "✓", "disagrees": "✗", "cannot tell": "?"}

_TOGETHER = "together"
"""The column of what is about no single target of the study."""


@dataclass(frozen=True)
class Cell:
    """What the findings of a claim say on one target.

    Attributes:
        target: the target; a pair of targets where it is about these.
        verdict: ``agrees``, ``disagrees`` or ``cannot tell``.
        symbol: the same as a mark.
        effect: the number of the first finding.
        interval: its interval; empty for none.
        picture: both drawn.
        more: how many further findings there are.
        why: why it cannot tell, where there is a reason other than a wide interval; empty for none.
        place: anchor of the evidence.
    """

    target: str
    verdict: str
    symbol: str
    effect: str
    interval: str
    picture: Markup
    more: int
    why: str
    place: str

    @property
    def look(self) -> str:
        """Its class in the style sheet."""
        return "unsure" if self.verdict == "cannot tell" else self.verdict


@dataclass(frozen=True)
class BoardRow:
    """A claim: its place, its words, in what its numbers are, and the cells of each column."""

    id: str
    text: str
    place: str
    unit: str
    scope: str
    cells: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class Board:
    """All claims that findings bear on.

    Attributes:
        columns: the targets, and one more for what is about several together.
        groups: the rows of each paper, with the paper's name.
    """

    columns: tuple[str, ...]
    groups: tuple[tuple[str, tuple[BoardRow, ...]], ...]


def board_of(counted: Tally, targets: Sequence[str], places: Mapping[int, str]) -> Board:
    """Lay out what a study says of claims.

    Args:
        counted: verdicts by claim and target.
        targets: of the study, in its order.
        places: the identity of a finding → anchor of its evidence.
    """
    found = [t.target for c in counted.claims for t in c.targets]
    columns = [t for t in targets if t in found]
    if any(t not in columns for t in found):
        columns.append(_TOGETHER)
    groups = []
    for paper in PAPERS:
        rows = tuple(_row(c, columns, places) for c in counted.claims if c.claim.paper == paper.key)
        groups += [(paper.short, rows)] if rows else []
    return Board(tuple(columns), tuple(groups))


def _row(counted: ClaimTally, columns: Sequence[str], places: Mapping[int, str]) -> BoardRow:
    axis = axis_for(counted.claim, counted.targets)
    cells = tuple(
        tuple(
            cell_of(counted.claim, t, axis, places)
            for t in counted.targets
            if t.target == column or (column == _TOGETHER and t.target not in columns)
        )
        for column in columns
    )
    says = counted.claim.says
    return BoardRow(
        id=counted.claim.id,
        text=says[:1].upper() + says[1:],
        place=counted.claim.section,
        unit=unit_of(counted.claim.units),
        scope=next((t.scope for t in counted.targets if t.scope), ""),
        cells=cells,
    )


def axis_for(claim: Claim, targets: Iterable[TargetVerdict]) -> Axis:
    """Return the scale that the targets of a claim share."""
    estimates = [t.findings[0].estimate for t in targets]
    return axis_of(estimates, references_of(claim, log=any(e.scale == "log" for e in estimates)))


def cell_of(claim: Claim, judged: TargetVerdict, axis: Axis, places: Mapping[int, str]) -> Cell:
    """Return what is shown of one claim on one target."""
    first = judged.findings[0]
    return Cell(
        target=judged.target,
        verdict=judged.verdict,
        symbol=SYMBOLS[judged.verdict],
        effect=effect_text(first.estimate, claim.units),
        interval=interval_only(first.estimate, claim.units),
        picture=drawn(first.estimate, axis, judged.verdict),
        more=len(judged.findings) - 1,
        why=_why(judged),
        place=places[id(first)],
    )


def _why(judged: TargetVerdict) -> str:
    """Why it cannot tell, in short where only the kind of networks is lacking: more of them."""
    if judged.verdict != "cannot tell":
        return ""
    first = judged.findings[0]
    failed = next((f.why for f in judged.findings if f.why), "")
    silenced = any(f.silenced for f in judged.findings)
    return "of these networks only" if failed and not silenced and not first.estimate.general else failed
