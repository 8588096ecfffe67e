"""Picture of barriers: metrics on the line between two networks (Neyshabur et al. 2020, Fig. 4, 12–17)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...plots.sheet import sheet
from ...plots.style import styled
from .._paths_plot import bands_of, draw_kinds, kind_looks, legend_below, metrics_of, share_scale
from .measure import Barrier

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot"]


def plot(result: Barrier, *, metrics: Sequence[str] | None = None, sets: Sequence[str] | None = None) -> Figure:
    """Draw one curve a pair over λ, or of many pairs of a kind their mean: a column a metric, a row an image set.

    Args:
        result: what to draw.
        metrics: which; by default accuracy (or AUC) and loss.
        sets: which image sets; by default all, training images last.
    """
    paths = [p.path for p in result.paths]
    chosen = metrics_of(paths, metrics)
    rows = sets or sorted(paths[0].sets, key=lambda s: s == result.train)
    looks = kind_looks(paths)
    ends = (paths[0].a, paths[0].b) if len(paths) == 1 else ("the first", "the second")
    with styled():
        fig = sheet(3.7 * len(chosen), 2.6 * len(rows) + 0.5)
        panels = fig.subplots(len(rows), len(chosen), squeeze=False)
        lines: dict[str, Line2D] = {}
        for row, images in enumerate(rows):
            for column, metric in enumerate(chosen):
                ax = panels[row][column]
                lines = draw_kinds(ax, paths, images, metric, looks) | lines
                ax.set_xlabel(f"λ: from {ends[0]} (0) to {ends[1]} (1)")
                ax.set_title(f"{images} (n = {paths[0].curve(images, metric).n:,})")
        for column, metric in enumerate(chosen):
            share_scale([row[column] for row in panels], metric)
        legend_below(fig, list(lines.values()), bands_of(paths))
    return fig
