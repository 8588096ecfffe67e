"""Sides of shuffled blocks as settings say them, and the images that are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import numpy as np
from pydantic import AfterValidator, WithJsonSchema

if TYPE_CHECKING:
    from ..data.imageset import ImageSet

__all__ = ["Block", "of_each_class"]


def _known(block: Any) -> Any:
    if block == "*" or (type(block) is int and block > 0):
        return block
    raise ValueError(f"expected the side of a block in pixels, such as 8, or '*', got {block!r}")


Block: TypeAlias = Annotated[
    Any,
    AfterValidator(_known),
    WithJsonSchema({"anyOf": [{"type": "integer", "minimum": 1}, {"const": "*"}]}),
]
"""A side in pixels, or ``*`` for all values moved."""


def of_each_class(images: ImageSet, count: int) -> np.ndarray:
    """Choose images of as many classes as there are places, the first of each.

    Returns:
        At most ``count`` places in the set.
    """
    labels = images.labels
    first = [
        np.flatnonzero(labels[:, c] == 1 if images.multilabel else labels == c) for c in range(len(images.classes))
    ]
    ordered = [int(of[turn]) for turn in range(count) for of in first if len(of) > turn]
    return np.array(list(dict.fromkeys(ordered))[:count], dtype=np.int64)
