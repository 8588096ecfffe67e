"""What every question returns: a frozen record with a table, sentences, and a picture.

A :class:`Result` holds numbers only. ``findings()`` and ``plot()`` find the files of these names in the question's
own folder when they are called, and only then: numbers import neither words nor pictures.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..evidence.finding import Finding
from ..evidence.verdict import Verdict
from ..evidence.which import Standing
from ..records import load_record, save_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Finding", "Result", "Verdict"]


class Result(ABC):
    """Base of all results; subclasses are frozen dataclasses that :mod:`transferscope.records` can store.

    Class attributes:
        question: the one name of the question, the same in code, study files, docs and report.
        cites: places in the papers that it answers.
    """

    question: ClassVar[str]
    cites: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def frame(self) -> pd.DataFrame:
        """Return the numbers as one tidy table."""

    def findings(self) -> tuple[Finding, ...]:
        """Return what the numbers say, in plain sentences, with the evidence of each."""
        found: tuple[Finding, ...] = self._beside("findings").findings(self)
        return found

    def standings(self) -> tuple[Standing, ...]:
        """Return the table by which a person decides, the best first; nothing where there is nothing to choose.

        The report of files and candidates begins with it, and with the first finding as the sentence that decides.
        """
        return ()

    @property
    def stands_for(self) -> str:
        """What the numbers of :meth:`standings` are, such as ``accuracy``."""
        return ""

    def plot(self, **options: Any) -> Figure:
        """Draw the figure of this question; ``options`` are those of ``plot`` in the question's ``plot.py``."""
        figure: Figure = self._beside("plot").plot(self, **options)
        return figure

    def save(self, folder: str | Path) -> None:
        """Write the result into ``folder`` (made if absent) as JSON and npz."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_record(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read back exactly what :meth:`save` wrote."""
        return load_record(cls, Path(folder))

    @classmethod
    def _beside(cls, name: str) -> ModuleType:
        """Load a file of the folder in which the result is defined."""
        return importlib.import_module(f"{cls.__module__.rpartition('.')[0]}.{name}")
