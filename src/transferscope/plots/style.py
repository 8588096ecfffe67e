"""One look for all figures: colours that survive print and colour-blindness, direct labels, light grids."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["DASHES", "DIVERGING", "PALETTE", "SEQUENTIAL", "figure", "look_of", "styled"]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D31")
"""Okabe and Ito's colours, the darkest contrasts first."""

DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 2)))
"""Every colour comes with a dash pattern of its own, so that grey prints can be read."""

SEQUENTIAL = "cividis"
"""Colour map of heat maps: even in lightness, the same to colour-blind readers."""

DIVERGING = "PuOr_r"
"""Of heat maps of what may be under 0, which is white; told apart by colour-blind readers."""

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


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style inside the block, whatever the user's own settings are."""
    import matplotlib as mpl

    settings: dict[str, object] = {
        "font.family": _families(),
        "font.size": 9.0,
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
        "svg.fonttype": "path",
        "svg.hashsalt": "transferscope",
        "pdf.fonttype": 42,
        "image.cmap": SEQUENTIAL,
    }
    with mpl.rc_context(), warnings.catch_warnings():
        # Where no font has a character there is a box, which can be seen.
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        mpl.rcdefaults()
        for name, value in settings.items():
            mpl.rcParams[name] = value  # type: ignore[index]
        yield


@cache
def _families() -> list[str]:
    """The font of all figures, and those of other scripts that this machine has, for names of files and classes."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _OTHER_SCRIPTS if name in there)]


def figure(
    rows: int = 1, columns: int = 1, *, width: float = 3.4, height: float = 2.7
) -> tuple[Figure, list[list[object]]]:
    """Return a figure outside pyplot's registry (nothing to close) and its axes as rows.

    Args:
        rows: number of rows of panels.
        columns: number of columns of panels.
        width: inches a panel.
        height: inches a panel.
    """
    from matplotlib.figure import Figure as MplFigure

    fig = MplFigure(figsize=(width * columns, height * rows), layout="constrained")
    axes = fig.subplots(rows, columns, squeeze=False)
    return fig, [list(row) for row in axes]
