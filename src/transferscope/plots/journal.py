"""Sizes and fonts of figures for a journal, a conference or a report, set with one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from ..errors import UsageError, nearest

__all__ = ["STYLES", "Journal", "style"]

_SERIF = ("Times New Roman", "Times", "Nimbus Roman", "STIXGeneral", "DejaVu Sans")
_SANS = ("Arial", "Helvetica", "Liberation Sans", "DejaVu Sans")
_GOLDEN = 1.618


@dataclass(frozen=True)
class Journal:
    """What a place asks of its figures.

    Attributes:
        text: width of the text, inches.
        column: width of one column of it, inches.
        size: points of plain text in figures.
        families: fonts, the first that there is.
        math: fonts of formulas, as matplotlib calls them.
    """

    text: float
    column: float
    size: float
    families: tuple[str, ...]
    math: str


STYLES: Mapping[str, Journal] = {
    "neurips": Journal(5.5, 5.5, 8.0, _SERIF, "stix"),
    "icml": Journal(6.75, 3.25, 8.0, _SERIF, "stix"),
    "nature": Journal(7.2, 3.5, 7.0, _SANS, "dejavusans"),
    "report": Journal(7.6, 7.6, 9.0, ("DejaVu Sans",), "dejavusans"),
}
"""Widths of the text of NeurIPS (5.5 in) and ICML (6.75 in, a column 3.25 in), of Nature (183 mm, a column 89 mm)."""


class style:  # noqa: N801  # reads as a word: ts.style("neurips"), with ts.style("icml"): …
    """Set the width, the sizes and the fonts of all figures from here on, or inside a ``with`` block only.

    They become settings of matplotlib (``matplotlib.rcParams``), which every ``result.plot()`` respects, so that they
    can be changed further. No figure is wider than the text; of figures of several panels, those that would be too
    narrow go into a row of their own. No text is smaller than 6 points.

    Args:
        name: ``neurips``, ``icml``, ``nature`` or ``report``.
        width: ``text`` for the width of the text, ``column`` for that of a column.

    Raises:
        UsageError: for another name or width.

    >>> import matplotlib as mpl
    >>> with style("icml", width="column"):
    ...     mpl.rcParams["figure.figsize"][0], mpl.rcParams["font.size"]
    (3.25, 8.0)
    >>> mpl.rcParams["font.size"]
    10.0
    """

    def __init__(self, name: str, *, width: Literal["text", "column"] = "text") -> None:
        import matplotlib as mpl

        if name not in STYLES:
            raise UsageError(f"style {name!r} is not known{nearest(name, STYLES)}")
        if width not in ("text", "column"):
            raise UsageError(f"width: {width!r} is neither 'text' nor 'column'")
        settings = _settings(STYLES[name], width)
        self._before = {key: mpl.rcParams[key] for key in settings}  # type: ignore[index]
        given: Any = settings
        mpl.rcParams.update(given)

    def __enter__(self) -> style:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import matplotlib as mpl

        given: Any = self._before
        mpl.rcParams.update(given)


def _settings(place: Journal, width: str) -> dict[str, Any]:
    from matplotlib.font_manager import fontManager

    inches = place.text if width == "text" else place.column
    known = {font.name for font in fontManager.ttflist}
    generic = "serif" if place.families == _SERIF else "sans-serif"
    small = max(6.0, place.size - 1.0)
    return {
        "figure.figsize": (inches, inches / _GOLDEN),
        "font.family": [*(name for name in place.families if name in known), generic],
        "mathtext.fontset": place.math,
        "font.size": place.size,
        "axes.titlesize": place.size,
        "axes.labelsize": place.size,
        "xtick.labelsize": small,
        "ytick.labelsize": small,
        "legend.fontsize": small,
        "legend.title_fontsize": small,
        "figure.titlesize": place.size,
        "lines.linewidth": 1.2,
        "lines.markersize": 4.0,
        "axes.linewidth": 0.6,
        "savefig.dpi": 300,
        "pdf.fonttype": 42,
        "svg.fonttype": "none",
    }
