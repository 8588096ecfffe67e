"""Two or more checkpoints of one network, compared."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import UsageError
from ..store.folder import About
from .files import Files

__all__ = ["COMPARED", "Comparison"]

_FEWER: Mapping[str, Mapping[str, Any]] = {"barrier": {"points": 9}, "extrapolation": {"points": 11, "reach": 0.75}}
"""What is asked more coarsely than in studies: eighths of the way between two networks, quarters beyond both and less
far. The two lines have five points in common."""

COMPARED = ("which", "mistakes", "similarity", "distance", "barrier", "extrapolation")
"""The questions asked when none is named: those that are quick. More can be asked by name."""


@dataclass(frozen=True)
class Comparison(Files):
    """What to compare: two or more checkpoints; see :class:`~transferscope.study.files.Files`."""

    about: ClassVar[About] = "compare"
    least: ClassVar[int] = 2
    most: ClassVar[int] = sys.maxsize
    by_default: ClassVar[tuple[str, ...]] = COMPARED
    usual: ClassVar[Mapping[str, Mapping[str, Any]]] = _FEWER

    def __post_init__(self) -> None:
        if len(self.checkpoints) < 2:
            raise UsageError(
                f"{len(self.checkpoints)} checkpoint(s) given; a comparison needs at least 2, "
                "'transferscope inspect' takes one"
            )
        super().__post_init__()
