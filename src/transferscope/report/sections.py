"""One section a question: its findings, figures and table for every target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from markupsafe import Markup

from ..evidence.claims import claim_called
from ..evidence.finding import Finding
from ..evidence.phrases import count, listed
from ..plots.style import finish
from ..questions.words import View, Words
from ..store.atomic import write_bytes
from .attempts import Attempts
from .figures import Figures
from .places import Places
from .tables import EMPTY, Table, table_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure as FigureOfMatplotlib

    from ..questions.result import Finding, Result, Verdict

__all__ = ["Answer", "Part", "Picture", "Said", "Section", "make_section", "weightiest", "worth"]

_PIXELS_PER_INCH = 110

_UNFOLDED = 3
"""How many sentences of a question stand unfolded."""

_UNDECIDED = 0.5
"""How much less a finding weighs that cannot tell."""


@dataclass(frozen=True)
class File:
    """A link to a file beside the page."""

    href: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A figure on the page.

    Attributes:
        source: as a data address.
        alt: what it says, for those who do not see it.
        about: the target; empty for files, or all together.
        caption: what it shows.
        width: pixels.
        files: the same beside the page.
    """

    source: Markup
    alt: str
    about: str
    caption: str
    width: int
    files: tuple[File, ...]


@dataclass(frozen=True)
class Said:
    """A finding and where its evidence is.

    Attributes:
        text: the sentence.
        about: the target it is about, where the question was asked of one and its sentences do not name it.
        verdict: how it sits with the claim.
        scope: how far the verdict reaches: ``for this checkpoint``; empty for everywhere.
        claimed: the paper's claim with its place; empty for none.
        weight: how much it matters.
        anchor: where on the page its evidence is.
    """

    text: str
    about: str
    verdict: Verdict | None
    scope: str
    claimed: str
    weight: float
    anchor: str


@dataclass(frozen=True)
class Part:
    """A question's answer for one target.

    Attributes:
        anchor: where on the page it is.
        name: of the target.
        findings: its sentences.
        evidence: the findings they are of.
        figures: its figures.
        table: its table.
        failed: what of these could not be made, a line each.
    """

    anchor: str
    name: str
    findings: tuple[Said, ...]
    evidence: tuple[Finding, ...]
    figures: tuple[Picture, ...]
    table: Table
    failed: tuple[str, ...] = ()

    def contents(self, lead: Picture | None) -> str:
        """Say what unfolds.

        Args:
            lead: the figure that stands unfolded.
        """
        figures = sum(figure is not lead for figure in self.figures)
        parts = [count(len(self.findings), "sentence")] if self.findings else []
        parts += [count(figures, "figure")] if figures else []
        parts += [f"table of {count(self.table.total, 'row')}"] if self.table.columns else []
        return listed(parts) or "nothing"


@dataclass(frozen=True)
class Section:
    """A question with its answers.

    Attributes:
        item: its name in the study.
        anchor: where on the page it is.
        title: the question, and the item where it is asked more than once.
        rows: places in the papers.
        shows: the figures and tables of a paper that it answers, in words; empty for none.
        asks: the question itself.
        how: how it was computed, a paragraph each.
        parts: an answer for each target.
    """

    item: str
    anchor: str
    title: str
    rows: str
    shows: str
    asks: str
    how: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def lead(self) -> Picture | None:
        """The figure that stands unfolded: the first there is."""
        return next((figure for part in self.parts for figure in part.figures), None)

    @property
    def top(self) -> tuple[Said, ...]:
        """The sentences that stand unfolded: the three weightiest, in the order of the page."""
        said = {(f.about, f.text): f for part in self.parts for f in part.findings}
        return tuple(weightiest(said.values(), _UNFOLDED))


def weightiest(findings: Iterable[Said], most: int) -> list[Said]:
    """Return the findings that matter most, in their order; what could not be told weighs less than what could."""
    every = list(findings)
    order = sorted(range(len(every)), key=lambda i: -worth(every[i]))
    return [every[i] for i in sorted(order[:most])]


def worth(finding: Said) -> float:
    """Return how much a finding matters."""
    return finding.weight - (_UNDECIDED if finding.verdict == "cannot tell" else 0.0)


class Asked(Protocol):
    """What a section must know of a question: the class of a study's question, or words around a table's answer."""

    @property
    def words(self) -> Words:
        """Its title, what it asks, how it is answered."""

    def called(self) -> str:
        """Return its one name."""

    def views(self, result: Any) -> tuple[View, ...]:
        """Return the pictures of a result besides the first."""


@dataclass(frozen=True)
class Answer:
    """A result and the identity of its numbers."""

    result: Result
    identity: str


def named(figures: Sequence[str]) -> str:
    """Say which figures and tables of a paper.

    >>> named(["fig4", "table6", "fig12", "fig13"])
    'Table 6, Figures 4, 12 and 13'
    """
    told = []
    for kind, word in (("table", "Table"), ("fig", "Figure")):
        numbers = [f.removeprefix(kind) for f in figures if f.startswith(kind)]
        if numbers:
            listed = f"{', '.join(numbers[:-1])} and {numbers[-1]}" if numbers[1:] else numbers[0]
            told.append(f"{word}{'s' * (len(numbers) > 1)} {listed}")
    return ", ".join(told)


def make_section(
    question: Asked,
    item: str,
    answers: Mapping[str, Answer],
    figures: Figures,
    tables: Path,
    shows: Sequence[str] = (),
    places: Places | None = None,
) -> Section:
    """Draw and tabulate one item of a study.

    Args:
        question: its fixed words.
        item: its name in the study, the question's own name unless it is asked more than once.
        answers: target → answer, in the order of the study; the target ``""`` when there is only one.
        figures: where figures go.
        tables: folder of the tables.
        shows: figures and tables of a paper that it answers.
        places: names of the page it goes on.
    """
    at = Places() if places is None else places
    title = question.words.title if item == question.called() else f"{question.words.title}: {item}"
    anchor = at.anchor(item)
    parts = tuple(_part(question, item, target, answer, figures, tables, at) for target, answer in answers.items())
    return Section(
        item,
        anchor,
        title,
        question.words.rows,
        named(shows),
        question.words.asks,
        question.words.how,
        parts,
    )


def _part(
    question: Asked, item: str, target: str, answer: Answer, figures: Figures, tables: Path, places: Places
) -> Part:
    name = places.file(f"{item}-{target}" if target else item)
    anchor = places.anchor(f"part-{name}")
    result, tries = answer.result, Attempts()
    said: tuple[Said, ...] = ()
    evidence: tuple[Finding, ...] = ()
    more: tuple[View, ...] = ()
    evidence = tries.make("the findings", result.findings, evidence)
    said = tries.make("the findings", lambda: tuple(_said(f, target, anchor) for f in evidence), said)
    weighty = weightiest(said, 1)
    table = tries.make("the table", lambda: _table(result, tables, f"{name}.csv"), EMPTY)
    more = tries.make("the list of figures", lambda: tuple(question.views(result)), more)
    pictures = []
    for view in (View("", question.words.caption), *more):
        what = f"the figure {view.name!r}" if view.name else "the figure"
        result_says = weighty[0].text if weighty else ""
        file = places.file(f"{name}-{view.name}") if view.name else name
        one = partial(_picture, question, view, target, file, answer, figures, result_says)
        picture = tries.make(what, one, None)
        pictures += [] if picture is None else [picture]
    return Part(anchor, target, said, evidence if said else (), tuple(pictures), table, tuple(tries.failed))


def _table(result: Result, tables: Path, name: str) -> Table:
    frame = result.frame()
    table = table_of(frame, name)
    write_bytes(tables / name, frame.to_csv(index=False).encode())
    return table


def _picture(
    question: Asked, view: View, target: str, name: str, answer: Answer, figures: Figures, says: str
) -> Picture:
    numbers = f"{answer.identity} {dict(view.options)}" if view.options else answer.identity
    saved = figures.save(name, numbers, partial(_drawn, answer.result, target, view))
    return Picture(
        source=saved.source,
        alt=f"{question.words.title}{f', {target}' if target else ''}. {says or view.caption}",
        about=target,
        caption=view.caption,
        width=round(saved.width * _PIXELS_PER_INCH),
        files=(File(f"figures/{name}.svg", "SVG"), File(f"figures/{name}.pdf", "PDF")),
    )


def _drawn(result: Result, target: str, view: View) -> FigureOfMatplotlib:
    """Draw a view, the target it is about in its title: a figure goes where no page stands around it."""
    figure = result.plot(**view.options)
    if target:
        title = figure.get_suptitle()
        if target not in title:
            figure.suptitle(f"{target}: {title}" if title else target, x=0.01, ha="left", fontsize=9)
            finish(figure)
    return figure


def _said(finding: Finding, target: str, anchor: str) -> Said:
    claimed = ""
    if finding.claim is not None:
        claimed = claim_called(finding.claim).text
    # Questions about all targets together name the target in their sentences.
    about = "" if finding.target else target
    return Said(finding.text, about, finding.verdict, finding.scope, claimed, finding.weight, anchor)
