"""Some settings of a frozen dataclass, to be laid over others: how a study says only what differs."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import re
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core import CoreSchema

__all__ = ["PatchOf", "described", "laid_over", "make"]


class PatchOf:
    """Annotation of a ``dict[str, Any]`` field: holds only what was given of a dataclass, checked field by field.

    Args:
        kind: the dataclass; its docstring's ``Attributes`` become the descriptions in the JSON schema.
    """

    def __init__(self, kind: type[object]) -> None:
        self.kind = kind

    @functools.cached_property
    def model(self) -> type[BaseModel]:
        """A strict pydantic model with the fields of the dataclass, all of which may be left out."""
        return _patch_model(self.kind)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        inner = handler.generate_schema(self.model)
        return core_schema.no_info_after_validator_function(
            _given, inner, serialization=core_schema.plain_serializer_function_ser_schema(dict)
        )


def _given(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in type(model).model_fields if name in model.model_fields_set}


def _patch_model(kind: type[object]) -> type[BaseModel]:
    from pydantic import ConfigDict, Field, create_model

    hints = typing.get_type_hints(kind)
    texts = described(kind)
    fields: dict[str, Any] = {}
    for f in dataclasses.fields(kind):  # type: ignore[arg-type]  # dataclasses have no type of their own
        hint = hints[f.name]
        default: Any = None
        if dataclasses.is_dataclass(hint) and isinstance(hint, type):
            hint = typing.Annotated[dict[str, Any], PatchOf(hint)]
        elif f.default is not dataclasses.MISSING:
            default = f.default
        fields[f.name] = (hint, Field(default=default, description=texts.get(f.name)))
    return create_model(
        kind.__name__,
        __config__=ConfigDict(strict=True, extra="forbid", validate_default=False),
        __doc__=(inspect.getdoc(kind) or "").split("\n")[0],
        **fields,
    )


def described(kind: type[object]) -> dict[str, str]:
    """Read the descriptions of a dataclass's fields from the ``Attributes`` (or ``Args``) of its docstring.

    >>> from transferscope.evidence.finding import Finding
    >>> described(Finding)["n"]
    'how many.'
    """
    text = inspect.getdoc(kind) or ""
    match = re.search(r"^(?:Attributes|Args):\n((?:[ \t]+.*\n?|\n)+)", text, re.MULTILINE)
    if match is None:
        return {}
    entries: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc("\n" + match[1]).split("\n"):
        if start := re.match(r"(\w+)(?: \([^)]*\))?: (.*)", line):
            name = start[1]
            entries[name] = start[2]
        elif name and line.strip():
            entries[name] += " " + line.strip()
    return entries


def laid_over(*patches: Mapping[str, Any]) -> dict[str, Any]:
    """Lay patches over each other, later ones on top; nested ones field by field.

    >>> laid_over({"lr": 0.1, "crop": {"kind": "pad"}}, {"lr": 0.2}, {"crop": {"flip": False}})
    {'lr': 0.2, 'crop': {'kind': 'pad', 'flip': False}}
    """
    out: dict[str, Any] = {}
    for patch in patches:
        for key, value in patch.items():
            below = out.get(key)
            out[key] = laid_over(below, value) if isinstance(value, Mapping) and isinstance(below, dict) else value
    return out


def make(kind: type[Any], patch: Mapping[str, Any]) -> Any:
    """Make the dataclass with these settings and its defaults for the rest; lists, as JSON has them, become tuples.

    Raises:
        UsageError: whatever its own checks raise.
    """
    hints = typing.get_type_hints(kind)
    values = {}
    for name, value in patch.items():
        hint = hints[name]
        nested = dataclasses.is_dataclass(hint) and isinstance(hint, type)
        if nested and isinstance(value, Mapping):
            values[name] = make(hint, value)
        else:
            values[name] = tuple(value) if isinstance(value, list) else value
    return kind(**values)
