"""One checkpoint, inspected: what can be read off it alone, and off it and the weights it started from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..errors import UsageError
from ..store.folder import About
from .files import Files

__all__ = ["INSPECTED", "Inspection"]

INSPECTED = ("which", "criticality", "rewind", "spectrum", "hessian", "landscape", "gradient_flow")
"""The questions asked of one checkpoint when none is named; two of them only with the weights it started from."""


@dataclass(frozen=True)
class Inspection(Files):
    """What to inspect: one checkpoint; see :class:`~transferscope.study.files.Files`."""

    about: ClassVar[About] = "inspect"
    least: ClassVar[int] = 1
    most: ClassVar[int] = 1
    by_default: ClassVar[tuple[str, ...]] = INSPECTED

    def __post_init__(self) -> None:
        if len(self.checkpoints) != 1:
            raise UsageError(
                f"{len(self.checkpoints)} checkpoints given; one is inspected, 'transferscope compare' takes several"
            )
        super().__post_init__()
