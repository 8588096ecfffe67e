"""Heat maps over a grid of cells that need not be even: places on a path by noise, checkpoints by modules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

__all__ = ["draw_cells", "outline", "thinned"]


def draw_cells(ax: Axes, values: np.ndarray, low: float, high: float, *, cmap: str | None = None) -> QuadMesh:
    """Draw ``(columns, rows)`` as cells of one size, the first row at the foot; crosses where there is no number.

    Args:
        ax: where.
        values: what is not finite is left grey with a cross.
        low: value of the lower end of the colours.
        high: of the upper end.
        cmap: colours; those of the house by default.
    """
    columns, rows = values.shape
    shown = np.ma.masked_invalid(values.T)
    ax.set_facecolor("#D9D9D9")
    mesh = ax.pcolormesh(
        np.arange(columns + 1) - 0.5,
        np.arange(rows + 1) - 0.5,
        shown,
        vmin=low,
        vmax=high,
        cmap=cmap,
        rasterized=True,
    )
    crosses = np.argwhere(~np.isfinite(values))
    if len(crosses):
        ax.plot(*crosses.T, marker="x", color="#333333", markersize=4, linestyle="")
    ax.grid(False)
    return mesh


def outline(ax: Axes, inside: np.ndarray) -> None:
    """Draw the border of a set of cells ``(columns, rows)`` in white on black, to be seen on any colour."""
    columns, rows = inside.shape
    padded = np.zeros((columns + 2, rows + 2), dtype=bool)
    padded[1:-1, 1:-1] = inside
    x: list[float] = []
    y: list[float] = []
    for i, j in np.argwhere(padded[:-1] != padded[1:]):  # between columns i − 1 and i
        if 1 <= j <= rows and 0 < i < columns:
            x += [i - 0.5, i - 0.5, np.nan]
            y += [j - 1.5, j - 0.5, np.nan]
    for i, j in np.argwhere(padded[:, :-1] != padded[:, 1:]):
        if 1 <= i <= columns and 0 < j < rows:
            x += [i - 1.5, i - 0.5, np.nan]
            y += [j - 0.5, j - 0.5, np.nan]
    for colour, width in (("#000000", 2.6), ("#FFFFFF", 1.2)):
        ax.plot(x, y, color=colour, linewidth=width, solid_capstyle="projecting")


def thinned(labels: Sequence[str], most: int) -> tuple[list[int], list[str]]:
    """Return places and labels of at most about so many ticks, evenly spaced from the first, the last always there.

    >>> thinned(["a", "b", "c", "d", "e"], 3)
    ([0, 2, 4], ['a', 'c', 'e'])
    """
    step = max(1, -(-(len(labels) - 1) // max(1, most - 1)))
    places = list(range(0, len(labels), step))
    if places[-1] != len(labels) - 1:
        if len(labels) - 1 - places[-1] < step / 2:
            places.pop()
        places.append(len(labels) - 1)
    return places, [labels[i] for i in places]
