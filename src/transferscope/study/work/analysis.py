"""Steps of kind ``analysis``: a question put to runs or files that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import TooFewError
from ...evidence.left_out import LeftOut, joined
from ...questions import question_class
from ...questions.base import Question
from ...store.step import UNANSWERED
from ..perform import Context
from .question_inputs import QuestionInputs

__all__ = ["analyse", "question_of"]


def analyse(context: Context) -> None:
    """Put a question to the runs of a step and keep the result.

    Where runs diverged and too few are left, there is nothing to ask: that is an outcome, and the step is done.
    """
    inputs = QuestionInputs(context)
    try:
        result = question_of(context.step.spec["settings"]).answer(inputs)
    except TooFewError:
        gone = [LeftOut(run.label, run.ended, run.target) for run in inputs.runs if run.diverged]
        if not gone:
            raise
        context.draft.note(UNANSWERED, f"too few networks are left to ask about; {'; '.join(joined(gone))}")
        return
    inputs.note_result(result)
    context.draft.save(result)


def question_of(settings: Mapping[str, Any]) -> Question:
    """Return a question with the settings that a step's specification has."""
    return question_class(settings["question"]).model_validate_json(json.dumps(dict(settings)))
