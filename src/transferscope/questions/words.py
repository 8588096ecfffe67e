"""What a question is called and how it is answered, in the words of report and documents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["View", "Words"]


@dataclass(frozen=True)
class Words:
    """The fixed words around the results of a question.

    Attributes:
        title: its heading.
        asks: the question itself.
        rows: places in the papers; where it is of none, that says so.
        how: how it is computed, a paragraph each.
        caption: what its figure shows.
    """

    title: str
    asks: str
    rows: str
    how: tuple[str, ...]
    caption: str


@dataclass(frozen=True)
class View:
    """A picture of a result.

    Attributes:
        name: what tells it apart from the others in the names of files; empty for the first.
        caption: what it shows.
        options: of the question's ``plot``.
    """

    name: str
    caption: str
    options: Mapping[str, Any] = field(default_factory=dict)
