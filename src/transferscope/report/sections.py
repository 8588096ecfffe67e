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

__all__ = [
    "Answer",
    "Part",
    "Picture",
    "PlannedSection",
    "Said",
    "Section",
    "draw_view",
    "make_section",
    "plan_section",
    "views_of",
    "weightiest",
    "worth",
]

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


@dataclass(frozen=True)
class PlannedPicture:
    """A figure to be on the page.

    Attributes:
        view: what it shows of the result.
        name: of its files, without an ending.
        numbers: identity of what it shows.
    """

    view: View
    name: str
    numbers: str


@dataclass(frozen=True)
class PlannedPart:
    """A question's answer for one target before anything of it is made.

    Attributes:
        target: its name.
        answer: the result.
        name: of its table, and the beginning of those of its figures.
        anchor: where on the page it will be.
        pictures: its figures.
        failed: what could not be planned, a line each.
    """

    target: str
    answer: Answer
    name: str
    anchor: str
    pictures: tuple[PlannedPicture, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True)
class PlannedSection:
    """A question before anything of its section is made: all names are given.

    Attributes:
        question: its fixed words.
        item: its name in the study.
        anchor: where on the page it will be.
        shows: figures and tables of a paper that it answers.
        parts: one a target.
    """

    question: Asked
    item: str
    anchor: str
    shows: tuple[str, ...]
    parts: tuple[PlannedPart, ...]


def plan_section(
    question: Asked, item: str, answers: Mapping[str, Answer], places: Places, shows: Sequence[str] = ()
) -> PlannedSection:
    """Give names to all that will be drawn and tabulated of one item of a study.

    Args:
        question: its fixed words.
        item: its name in the study, the question's own name unless it is asked more than once.
        answers: target → answer, in the order of the study; the target ``""`` when there is only one.
        places: names of the page it goes on.
        shows: figures and tables of a paper that it answers.
    """
    anchor = places.anchor(item)
    parts = tuple(_planned(question, item, target, answer, places) for target, answer in answers.items())
    return PlannedSection(question, item, anchor, tuple(shows), parts)


def _planned(question: Asked, item: str, target: str, answer: Answer, places: Places) -> PlannedPart:
    name = places.file(f"{item}-{target}" if target else item)
    anchor = places.anchor(f"part-{name}")
    tries = Attempts()
    views: tuple[View, ...] = (View("", question.words.caption),)
    views = tries.make("the list of figures", partial(views_of, question, answer.result), views)
    pictures = []
    for view in views:
        file = places.file(f"{name}-{view.name}") if view.name else name
        numbers = f"{answer.identity} {dict(view.options)}" if view.options else answer.identity
        pictures.append(PlannedPicture(view, file, numbers))
    return PlannedPart(target, answer, name, anchor, tuple(pictures), tuple(tries.failed))


def views_of(question: Asked, result: Result) -> tuple[View, ...]:
    """Return the pictures of a result, the first one first."""
    return View("", question.words.caption), *question.views(result)


def make_section(planned: PlannedSection, figures: Figures, tables: Path) -> Section:
    """Draw and tabulate one item of a study.

    Args:
        planned: what of.
        figures: where figures go.
        tables: folder of the tables.
    """
    words = planned.question.words
    title = words.title if planned.item == planned.question.called() else f"{words.title}: {planned.item}"
    parts = tuple(_part(words, part, figures, tables) for part in planned.parts)
    shows = named(planned.shows)
    return Section(planned.item, planned.anchor, title, words.rows, shows, words.asks, words.how, parts)


def _part(words: Words, planned: PlannedPart, figures: Figures, tables: Path) -> Part:
    result, target, anchor, tries = planned.answer.result, planned.target, planned.anchor, Attempts()
    said: tuple[Said, ...] = ()
    evidence: tuple[Finding, ...] = ()
    evidence = tries.make("the findings", result.findings, evidence)
    said = tries.make("the findings", lambda: tuple(_said(f, target, anchor) for f in evidence), said)
    weighty = weightiest(said, 1)
    table = tries.make("the table", lambda: _table(result, tables, f"{planned.name}.csv"), EMPTY)
    tries.failed += planned.failed
    pictures = []
    for picture in planned.pictures:
        what = f"the figure {picture.view.name!r}" if picture.view.name else "the figure"
        says = weighty[0].text if weighty else picture.view.caption
        made = tries.make(what, partial(_picture, words, picture, planned, figures, says), None)
        pictures += [] if made is None else [made]
    return Part(anchor, target, said, evidence if said else (), tuple(pictures), table, tuple(tries.failed))


def _table(result: Result, tables: Path, name: str) -> Table:
    frame = result.frame()
    table = table_of(frame, name)
    write_bytes(tables / name, frame.to_csv(index=False).encode())
    return table


def _picture(words: Words, picture: PlannedPicture, part: PlannedPart, figures: Figures, says: str) -> Picture:
    name, target, view = picture.name, part.target, picture.view
    saved = figures.save(name, picture.numbers, partial(draw_view, part.answer.result, target, view))
    return Picture(
        source=saved.source,
        alt=f"{words.title}{f', {target}' if target else ''}. {says}",
        about=target,
        caption=view.caption,
        width=round(saved.width * _PIXELS_PER_INCH),
        files=(File(f"figures/{name}.svg", "SVG"), File(f"figures/{name}.pdf", "PDF")),
    )


def draw_view(result: Result, target: str, view: View) -> FigureOfMatplotlib:
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
