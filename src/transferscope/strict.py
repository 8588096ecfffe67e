"""The base of everything a person writes in a study: no conversion by guess, no unknown key, frozen."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Name", "Strict", "TargetName"]

Name = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f/\\:*?\"<>|]+$")]
"""A name that also is part of the names of files."""

TargetName = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f/\\:*?\"<>|+]+$")]
"""The same without ``+``, which joins targets to a union."""


class Strict(BaseModel):
    """A mapping of a study; the text under each field is its description, here and in the JSON schema."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)
