"""Steps of kind ``analysis``: a question put to runs that are there."""

from __future__ import annotations

from ..perform import Context
from .answers import ANSWERS, Asked

__all__ = ["analyse"]


def analyse(context: Context) -> None:
    """Put a question to the runs of a step and keep the result."""
    asked = Asked(context)
    result = ANSWERS[asked.settings["question"]](asked)
    asked.note(result)
    context.draft.save(result)
