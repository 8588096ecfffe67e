"""What is wrong with a study, one line each: the place, what is wrong, what would be right."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import SpecError, nearest
from ..questions import question_class
from .overlay import PatchOf

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["StudyError", "problems_of", "raise_all"]

_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping of settings",
    "model_type": "a mapping of settings",
    "string_pattern_mismatch": 'a name of up to 60 characters without / \\ : * ? " < > | (and no + in a target)',
    "string_too_long": "a name of up to 60 characters",
    "string_too_short": "a name",
}


class StudyError(SpecError):
    """Several things that are wrong with a study; its message has a line for each.

    Attributes:
        problems: the lines, each with its place.
    """

    def __init__(self, problems: Sequence[SpecError]) -> None:
        self.problems = tuple(problems)
        super().__init__("", "")
        self.args = ("\n".join(str(p) for p in problems),)
        self.where = problems[0].where


def raise_all(problems: Sequence[SpecError]) -> None:
    """Raise what there is to raise: nothing, the one problem, or all of them as one error."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise StudyError(problems)


def problems_of(error: ValidationError, model: type[BaseModel]) -> list[SpecError]:
    """Turn what pydantic found into lines of ours.

    Args:
        error: what it raised.
        model: what it validated, to find the names that would have been right.
    """
    details = error.errors(include_url=False)
    places = [tuple(detail["loc"]) for detail in details]
    found = []
    for detail in details:
        place = tuple(detail["loc"])
        # A list whose items are wrong counts as too short besides: only the items are worth a line.
        inner = any(len(other) > len(place) and other[: len(place)] == place for other in places)
        if not (detail["type"] == "too_short" and inner):
            found.append(_problem(detail, model))
    meant = [str(p).split("did you mean ")[-1].rstrip("?") for p in found if "unknown key" in str(p)]
    return [p for p in found if not any(str(p).endswith(f"{key} is missing") for key in meant)]


def _problem(detail: ErrorDetails, model: type[BaseModel]) -> SpecError:
    place = _as_written(detail["loc"])
    given, context, kind = detail["input"], detail.get("ctx", {}), detail["type"]
    if kind == "extra_forbidden":
        key = str(place.pop())
        message = f"unknown key {key!r}{nearest(key, _keys_at(model, list(detail['loc'][:-1])))}"
    elif kind == "missing":
        message = f"{str(place.pop())!r} is missing"
    elif kind == "literal_error":
        options = str(context["expected"])
        known = [o.strip().strip("'") for o in options.replace(" or ", ", ").split(", ")]
        hint = nearest(given, known) if isinstance(given, str) else ""
        message = f"{given!r} is not one of {options}" + ("" if hint.startswith("; known") else hint)
    elif kind == "value_error":
        message = str(context["error"])
    elif kind == "too_short":
        least = context["min_length"]
        message = f"needs at least {least} {'entry' if least == 1 else 'entries'}, has {context['actual_length']}"
    elif kind in _WANTED:
        message = f"expected {_WANTED[kind]}, got {_shown(given)}"
        if _WANTED[kind] == "a list" and isinstance(given, (str, int, float)):
            message += f"; write [{given}]"
    else:
        message = f"{detail['msg'].replace('Input should', 'must', 1)}, got {_shown(given)}"
    return SpecError(".".join(map(str, place)), message)


def _as_written(place: Sequence[int | str]) -> list[int | str]:
    """Leave out the question's name that pydantic adds behind the item's."""
    written = list(place)
    if len(written) > 2 and written[0] == "analyses":
        del written[2]
    return written


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _keys_at(model: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """Return the keys that are known at a place, by walking the annotations to it."""
    if len(place) > 2 and place[0] == "analyses":
        kind: Any = question_class(str(place[2]))
        place = place[3:]
    else:
        kind = model
    for part in place:
        kind = _inner(_unwrapped(kind), part)
    fields = getattr(_unwrapped(kind), "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _unwrapped(kind: Any) -> Any:
    """Take off ``Annotated``, and put the model of a patch in its place."""
    if typing.get_origin(kind) is not typing.Annotated:
        return kind
    patches = [note for note in kind.__metadata__ if isinstance(note, PatchOf)]
    return patches[0].model if patches else typing.get_args(kind)[0]


def _inner(kind: Any, part: int | str) -> Any:
    """Return the annotation of what stands at ``part`` within ``kind``."""
    if hasattr(kind, "model_fields"):
        for name, field in kind.model_fields.items():
            if part in (field.alias, name):
                return typing.Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        return None
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return _inner(next((a for a in arguments if a is not type(None)), None), part)
    return arguments[-1] if origin is dict else (arguments or (None,))[0]
