"""One section a question: its findings, figures and table for every target."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..evidence.claims import claim_called
from ..evidence.finding import Finding
from ..papers import paper_called
from ..questions.base import Question
from ..questions.words import View
from ..store.atomic import write_bytes
from .attempts import Attempts
from .figures import Figures
from .tables import EMPTY, Table, table_of

if TYPE_CHECKING:
    from ..questions.result import Finding, Result, Verdict

__all__ = ["Answer", "Part", "Picture", "Said", "Section", "make_section"]

_PIXELS_PER_INCH = 110


@dataclass(frozen=True)
class File:
    """A link to a file beside the page."""

    href: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A figure on the page."""

    source: str
    alt: str
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


@dataclass(frozen=True)
class Section:
    """A question with its answers.

    Attributes:
        anchor: where on the page it is.
        title: the question, and the item where it is asked more than once.
        rows: rows of the specification and places in the papers.
        shows: the figures and tables of a paper that it answers, in words; empty for none.
        asks: the question itself.
        how: how it was computed, a paragraph each.
        parts: an answer for each target.
    """

    anchor: str
    title: str
    rows: str
    shows: str
    asks: str
    how: tuple[str, ...]
    parts: tuple[Part, ...]


def slug(text: str) -> str:
    """Make a name that is safe in addresses and file names.

    >>> slug("Clipart & Quick draw")
    'clipart-quick-draw'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "x"


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
    question: type[Question],
    item: str,
    answers: Mapping[str, Answer],
    figures: Figures,
    tables: Path,
    shows: Sequence[str] = (),
) -> Section:
    """Draw and tabulate one item of a study.

    Args:
        question: its fixed words.
        item: its name in the study, the question's own name unless it is asked more than once.
        answers: target → answer, in the order of the study; the target ``""`` when there is only one.
        figures: where figures go.
        tables: folder of the tables.
        shows: figures and tables of a paper that it answers.
    """
    title = question.words.title if item == question.called() else f"{question.words.title}: {item}"
    parts = tuple(_part(question, item, target, answer, figures, tables) for target, answer in answers.items())
    return Section(
        slug(item), title, question.words.rows, named(shows), question.words.asks, question.words.how, parts
    )


def _part(question: type[Question], item: str, target: str, answer: Answer, figures: Figures, tables: Path) -> Part:
    name = slug(f"{item}-{target}") if target else slug(item)
    anchor = f"part-{name}"
    result, tries = answer.result, Attempts()
    said: tuple[Said, ...] = ()
    evidence: tuple[Finding, ...] = ()
    more: tuple[View, ...] = ()
    evidence = tries.make("the findings", result.findings, evidence)
    said = tries.make("the findings", lambda: tuple(_said(f, target, anchor) for f in evidence), said)
    table = tries.make("the table", lambda: _table(result, tables, f"{name}.csv"), EMPTY)
    more = tries.make("the list of figures", lambda: tuple(question.views(result)), more)
    pictures = []
    for view in (View("", question.words.caption), *more):
        what = f"the figure {view.name!r}" if view.name else "the figure"
        picture = tries.make(what, partial(_picture, question, view, target, name, answer, figures), None)
        pictures += [] if picture is None else [picture]
    return Part(anchor, target, said, evidence if said else (), tuple(pictures), table, tuple(tries.failed))


def _table(result: Result, tables: Path, name: str) -> Table:
    frame = result.frame()
    table = table_of(frame, name)
    write_bytes(tables / name, frame.to_csv(index=False).encode())
    return table


def _picture(
    question: type[Question], view: View, target: str, part: str, answer: Answer, figures: Figures
) -> Picture:
    name = f"{part}-{slug(view.name)}" if view.name else part
    numbers = f"{answer.identity} {dict(view.options)}" if view.options else answer.identity
    saved = figures.save(name, numbers, partial(answer.result.plot, **view.options))
    return Picture(
        source=saved.source,
        alt=f"{question.words.title}{f', {target}' if target else ''}: {view.caption}",
        caption=view.caption,
        width=round(saved.width * _PIXELS_PER_INCH),
        files=(File(f"figures/{name}.svg", "SVG"), File(f"figures/{name}.pdf", "PDF")),
    )


def _said(finding: Finding, target: str, anchor: str) -> Said:
    claimed = ""
    if finding.claim is not None:
        claim = claim_called(finding.claim)
        short = paper_called(claim.paper).short
        claimed = f"{short}, {claim.section}: {claim.says}" if claim.section else f"{short}: {claim.says}"
    # Questions about all targets together name the target in their sentences.
    about = "" if finding.target else target
    return Said(finding.text, about, finding.verdict, finding.scope, claimed, finding.weight, anchor)
