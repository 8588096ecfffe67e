"""What every question returns: a frozen record with a table, sentences, and a picture.

A :class:`Result` holds numbers only. ``findings()`` and ``plot()`` find the files of these names in the question's
own folder when they are called, and only then: numbers import neither words nor pictures.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from ..records import load_record, save_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Finding", "Result", "Verdict"]

Verdict = Literal["agrees", "disagrees", "cannot tell"]


@dataclass(frozen=True)
class Finding:
    """One plain sentence with its evidence.

    Attributes:
        text: the sentence, complete in itself, with its number, uncertainty and n.
        value: the number the sentence rests on.
        low: lower end of its interval, ``None`` when the sample gives no interval (one seed, say).
        high: upper end of its interval.
        n: how many things were measured.
        unit: what n counts: ``"test images"``, ``"seeds"``, ``"pairs"``.
        claim: the paper's claim that this bears on, in our words, e.g. ``"000 §3.3: no barrier between two P-T"``.
        verdict: how the number sits with the claim; ``None`` where there is no claim.
        weight: how much it matters to a reader in a hurry; the report sorts by it, larger first.
    """

    text: str
    value: float
    n: int
    unit: str
    low: float | None = None
    high: float | None = None
    claim: str | None = None
    verdict: Verdict | None = None
    weight: float = 0.5


class Result(ABC):
    """Base of all results; subclasses are frozen dataclasses that :mod:`transferscope.records` can store.

    Class attributes:
        question: the one name of the question, the same in code, study files, docs and report.
        cites: rows of the specification and places in the papers that it answers.
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
