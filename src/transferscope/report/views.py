"""Which pictures of a result stand on the page: the one of its question, and for some questions more of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .questions import Question

if TYPE_CHECKING:
    from ..results import Result

__all__ = ["View", "views_of"]


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


def views_of(question: Question, result: Result) -> list[View]:
    """Return the pictures of a result, the one that its question is known by first."""
    return [View("", question.caption), *_more(question.name, result)]


def _more(question: str, result: Any) -> list[View]:
    match question:
        case "landscape":
            surface = "The same as a surface, on one scale for all networks."
            flatness = "How much the loss changes in random directions, by distance or by module."
            return [View("surface", surface, {"kind": "surface"}), View("flatness", flatness, {"kind": "flatness"})]
        case "block_shuffle" if result.pictures:
            return [
                View("pictures", "The images with shuffled blocks, as the networks see them.", {"kind": "pictures"})
            ]
        case "weight_map":
            return [View("distances", "Distances between all networks.", {"kind": "distances"})]
        case "criticality" if result.valleys and result.valleys[0].values.shape[2]:
            measured = dict.fromkeys(v.module for v in result.valleys)
            return [View(m, f"{m}: train, test and their gap on each path.", {"module": m}) for m in measured]
        case _:
            return []
