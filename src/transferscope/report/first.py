"""The first screen of files and candidates: the networks as they are, and the sentence that decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from ..evidence.phrases import p_text
from .forest import axis_of, drawn, effect_text, interval_only

if TYPE_CHECKING:
    from ..questions.result import Result

__all__ = ["First", "Line", "first_of"]

_SHARE = "share of images"


@dataclass(frozen=True)
class Line:
    """A line of the table: a name, its metric and its difference to the best, each with its interval, and p."""

    name: str
    note: str
    metric: str
    interval: str
    picture: Markup
    less: str
    less_interval: str
    p: str


@dataclass(frozen=True)
class First:
    """What is decided by.

    Attributes:
        decides: the sentence.
        lines: the table, the best first.
        metric: what the numbers are.
        anchor: where the evidence is.
        section: the section it is in.
        images: how many images they are over.
    """

    decides: str
    lines: tuple[Line, ...]
    metric: str
    anchor: str
    section: str
    images: int


def first_of(results: Iterable[tuple[Result, str, str]]) -> First | None:
    """Return the first screen of the first result that has standings; ``None`` where none has.

    Args:
        results: each with the anchors of its evidence and of its section, in the order of the page.
    """
    for result, anchor, section in results:
        standings = result.standings()
        if not standings:
            continue
        decides = result.findings()[0]
        axis = axis_of([s.metric for s in standings])
        lines = tuple(
            Line(
                name=s.name,
                note=s.note,
                metric=effect_text(s.metric, _SHARE),
                interval=interval_only(s.metric, _SHARE),
                picture=drawn(s.metric, axis),
                less="" if s.less is None else _signed(effect_text(s.less, _SHARE)),
                less_interval="" if s.less is None else interval_only(s.less, _SHARE),
                p="" if s.p is None else p_text(s.p).removeprefix("p = ").removeprefix("p "),
            )
            for s in standings
        )
        return First(decides.text, lines, result.stands_for, anchor, section, standings[0].metric.images)
    return None


def _signed(text: str) -> str:
    return text if text.startswith(("−", "–")) or text.strip("0.") == "" else f"+{text}"
