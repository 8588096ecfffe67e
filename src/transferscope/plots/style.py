"""One look for all figures: colours that survive print and colour-blindness, direct labels, light grids."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "DASHES",
    "DIVERGING",
    "PALETTE",
    "SEQUENTIAL",
    "broken",
    "finish",
    "house_style",
    "look_of",
    "styled",
    "width_limit",
]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Okabe and Ito's colours, the darkest contrasts first."""

DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
"""Every colour comes with a dash pattern of its own, so that grey prints can be read."""

SEQUENTIAL = "cividis"
"""Colour map of heat maps: even in lightness, the same to colour-blind readers."""

DIVERGING = "PuOr_r"
"""Of heat maps of what may be under 0, which is white; told apart by colour-blind readers."""

_SIZE = 9.0
"""Points of plain text."""

_OTHER_SCRIPTS = (
    "Noto Sans CJK JP", "Noto Sans CJK SC", "Source Han Sans", "WenQuanYi Micro Hei", "PingFang SC", "Hiragino Sans",
    "Microsoft YaHei", "Malgun Gothic", "Noto Sans", "Arial Unicode MS",
)  # fmt: skip

_ROLES: Mapping[str, int] = {"P-T": 0, "RI-T": 1, "P": 2, "RI": 3}


def look_of(role: str, index: int = 0) -> tuple[str, str | tuple[int, tuple[int, ...]]]:
    """Return (colour, dash) of a role (``P-T``, ``RI-T``, ``P``, ``RI``, pairs such as ``P-T & RI-T``) or an index.

    >>> look_of("P-T")
    ('#0072B2', '-')
    >>> look_of("P-T & RI-T") == look_of("P-T & RI-T")
    True
    """
    pairs = {
        "P-T & P-T": 0, "RI-T & RI-T": 1, "P-T & RI-T": 2, "P & P-T": 3, "P-T & P": 3,
        "RI-T & RI-T (same start)": 4, "best & final": 5, "P-T best & final": 5, "RI-T best & final": 7,
    }  # fmt: skip
    i = _ROLES.get(role, pairs.get(role, index))
    return PALETTE[i % len(PALETTE)], DASHES[i % len(DASHES)]


_WIDEST = 7.6
"""Inches of the widest figure, where nobody says how wide they may be."""

_SMALLEST = 6.0
"""Points of the smallest text."""

_CHART = 1.5
"""Inches from which on a panel is a chart, whose title may be broken; smaller ones are images."""

_GAP = 0.2
"""Inches between the titles of two panels."""

_NOT_LOOKS = ("backend", "date.", "docstring", "interactive", "keymap.", "savefig.directory", "timezone", "tk.",
              "toolbar", "webagg.", "agg.", "animation.", "figure.max_open")  # fmt: skip
"""Settings of matplotlib that say nothing of how a figure looks."""


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style inside the block, whatever the user's own settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        yield


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style inside the block; what the user has set comes before it.

    Whatever in matplotlib's settings differs from its defaults is the user's: a file, a style sheet, a line of code,
    or :func:`~transferscope.plots.journal.style`.
    """
    import matplotlib as mpl

    given = {
        name: value
        for name, value in mpl.rcParams.items()
        if not name.startswith(_NOT_LOOKS) and value != mpl.rcParamsDefault[name]
    }
    settings: dict[str, object] = {
        "font.family": _families(),
        "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial"],
        "font.size": _SIZE,
        "axes.titlesize": 10.0,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.labelsize": 9.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#E3E3E3",
        "grid.linewidth": 0.6,
        "lines.linewidth": 1.6,
        "legend.frameon": False,
        "legend.fontsize": 8.0,
        "figure.dpi": 110,
        "savefig.bbox": "tight",
        "svg.fonttype": "none",
        "svg.hashsalt": "transferscope",
        "pdf.fonttype": 42,
        "image.cmap": SEQUENTIAL,
    }
    with mpl.rc_context(), warnings.catch_warnings():
        # Where no font has a character there is a box, which can be seen.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        mpl.rcdefaults()
        for name, value in (settings | given).items():
            mpl.rcParams[name] = value  # type: ignore[index]
        yield


def width_limit() -> float:
    """Return how wide a figure may be, in inches: as wide as the user's figures are, where that was set."""
    import matplotlib as mpl

    width = float(mpl.rcParams["figure.figsize"][0])
    return _WIDEST if width == float(mpl.rcParamsDefault["figure.figsize"][0]) else width


def finish(fig: Figure) -> Figure:
    """Make all text of a figure large enough, and titles and labels no longer than their panels.

    Args:
        fig: what has been drawn; it is changed.
    """
    import matplotlib as mpl
    from matplotlib.text import Text

    with styled():
        base = float(mpl.rcParams["font.size"])
        largest = base * 1.2 if base != _SIZE else float("inf")
    for text in fig.findobj(Text):
        size = float(text.get_fontsize())
        text.set_fontsize(min(max(size, _SMALLEST), max(largest, _SMALLEST)))
    for ax in fig.axes:
        _wrapped(ax)
    inches = fig.dpi_scale_trans.inverted()
    parts: list[Any] = [fig, *fig.subfigs]
    for part in parts:
        if (title := part._suptitle) is not None:
            broken(title, part.bbox.transformed(inches).width - 0.2)
    return fig


def _wrapped(ax: Axes) -> None:
    """Break titles and labels that are longer than the panel has room."""
    spec = ax.get_subplotspec()
    if spec is None or ax.name != "rectilinear":
        return
    grid = spec.get_gridspec()
    parent: Any = ax.get_figure()
    if parent is None:
        return
    box = parent.bbox.transformed(parent.get_figure(root=True).dpi_scale_trans.inverted())
    wide = box.width * _share(grid.get_width_ratios(), spec.colspan) - _GAP
    high = box.height * _share(grid.get_height_ratios(), spec.rowspan) - _GAP
    if wide < _CHART:
        return
    titles = [ax.title, ax._left_title, ax._right_title]  # type: ignore[attr-defined]
    for text, room in [*((t, wide) for t in (*titles, ax.xaxis.label)), (ax.yaxis.label, high)]:
        broken(text, room)


def _share(ratios: Any, span: range) -> float:
    """The part of a figure that some of its columns, or rows, take."""
    each = [float(r) for r in ratios]
    return sum(each[i] for i in span) / sum(each)


def broken(text: Any, room: float) -> None:
    """Break a text into lines of so many inches at most; words and formulas stay whole.

    Args:
        text: of matplotlib; it is changed.
        room: inches.
    """
    said = text.get_text()
    narrow = 0.85 if str(text.get_fontfamily()[0]).startswith(("Times", "Nimbus", "STIX")) else 1.0
    letter = narrow * text.get_fontsize() * (0.62 if text.get_fontweight() == "bold" else 0.56) / 72
    most = max(12, int(room / letter))
    if "$" in said or all(len(line) <= most for line in said.split("\n")):
        return
    tied = said.replace(" %", "\u00a0%").replace(" = ", "\u00a0=\u00a0")  # a number stays with what it is of
    lines = [part for line in tied.split("\n") for part in textwrap.wrap(line, most, break_long_words=False) or [""]]
    text.set_text("\n".join(lines).replace("\u00a0", " "))


@cache
def _families() -> list[str]:
    """The font of all figures, and those of other scripts that this machine has, for names of files and classes."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in there), "sans-serif"]
