"""What every question returns: a frozen record with a table, sentences, and a picture.

A :class:`Result` holds numbers only. ``findings()`` and ``plot()`` find the files of these names in the question's
own folder when they are called, and only then: numbers import neither words nor pictures.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ..evidence.finding import Finding
from ..evidence.verdict import Verdict
from ..evidence.which import Standing
from ..records import load_record, save_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
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

    def table(self) -> pd.DataFrame:
        """Return what a paper prints: :meth:`frame`, or a summary where that is too much to read."""
        return self.frame()

    def printed(self) -> pd.DataFrame:
        """Return what :meth:`to_latex` and :meth:`to_markdown` write: :meth:`table`, or its cells as text."""
        return self.table()

    def to_markdown(self) -> str:
        """Return :meth:`printed` in Markdown, intervals in brackets behind their numbers."""
        from .shown import as_markdown

        return as_markdown(self)

    def to_latex(self, *, caption: str | None = None, label: str = "") -> str:
        """Return :meth:`printed` in LaTeX with the rules of booktabs, intervals in brackets behind their numbers.

        Args:
            caption: LaTeX; by default how many images were looked at and what the brackets are.
            label: for references; none by default.
        """
        from .shown import as_latex

        return as_latex(self, caption, label)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = Result.__repr__  # type: ignore[method-assign]  # not that of dataclasses: all numbers

    def __repr__(self) -> str:
        from .shown import in_short

        return in_short(self)

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from .shown import as_html

        return as_html(self)

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

    def plot(
        self,
        *,
        ax: Axes | None = None,
        axes: Axes | Iterable[Axes] | None = None,
        figsize: tuple[float, float] | None = None,
        panel: str | None = None,
        **options: Any,
    ) -> Figure:
        """Draw the figure of this question, in the house style where the user's own settings say nothing else.

        Args:
            ax: draw in this; of a figure of several panels the one that ``panel`` names.
            axes: draw in these, one for each panel, in their order.
            figsize: inches, in place of those that suit what is drawn.
            panel: the only panel to be drawn, by its name in :meth:`panels` or a part of it.
            options: those of ``plot`` in the question's ``plot.py``.

        Returns:
            The figure that was drawn on.

        Raises:
            UsageError: when there is no such panel, or the axes are not as many as the panels.
        """
        from ..plots.sheet import compose

        return compose(
            lambda: self._beside("plot").plot(self, **options), ax=ax, axes=axes, figsize=figsize, panel=panel
        )

    def panels(self, **options: Any) -> tuple[str, ...]:
        """Return the names of the figure's panels, in their order; ``options`` as in :meth:`plot`."""
        from ..plots.sheet import names_of

        return names_of(self._beside("plot").plot(self, **options))

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
