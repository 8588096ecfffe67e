"""The short form of a question that takes long: ``NAME: quick``, settings with which a first study can afford it."""

from __future__ import annotations

from typing import Any, Final

from ..errors import SpecError
from . import QUESTIONS, question_class

__all__ = ["QUICK", "quick_questions", "quick_settings"]

QUICK: Final = "quick"
"""The word for it, beside ``true`` and a mapping of settings."""


def quick_questions() -> tuple[str, ...]:
    """Return the questions that have a quick form, in the order of the report.

    >>> quick_questions()
    ('basin', 'landscape')
    """
    return tuple(name for name in QUESTIONS if question_class(name).quick)


def quick_settings(where: str, question: str) -> dict[str, Any]:
    """Return the settings of a question's quick form; all others are as their defaults.

    Args:
        where: place at which it is asked for.
        question: its name.

    Raises:
        SpecError: for a question that has none.

    >>> quick_settings("analyses.landscape", "landscape")
    {'points': 11, 'planes': 4, 'images': 128}
    """
    found = question_class(question).quick
    if not found:
        known = ", ".join(quick_questions())
        raise SpecError(where, f"{question} has no quick form; those that have one: {known}")
    return dict(found)
