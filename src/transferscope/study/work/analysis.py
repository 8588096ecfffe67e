"""Steps of kind ``analysis``: a question put to runs or files that are there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...questions import question_class
from ...questions.base import Question
from ..perform import Context
from .question_inputs import QuestionInputs

__all__ = ["analyse", "question_of"]


def analyse(context: Context) -> None:
    """Put a question to the runs of a step and keep the result."""
    inputs = QuestionInputs(context)
    result = question_of(context.step.spec["settings"]).answer(inputs)
    inputs.note_result(result)
    context.draft.save(result)


def question_of(settings: Mapping[str, Any]) -> Question:
    """Return a question with the settings that a step's specification has."""
    return question_class(settings["question"]).model_validate_json(json.dumps(dict(settings)))
