"""Picture of the line through two networks, beyond both (Neyshabur et al. 2020, Fig. 18)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...plots.sheet import sheet
from ...plots.style import styled
from .._path_phrases import amount, name_of
from .._paths_plot import as_shown, bands_of, draw_kinds, kind_looks, legend_below, metrics_of, share_scale
from .measure import ExtendedPath, Extrapolation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot"]


def plot(result: Extrapolation, *, metrics: Sequence[str] | None = None, sets: Sequence[str] | None = None) -> Figure:
    """Draw one curve a pair over λ, or of many pairs of a kind their mean; marks show where the basin ends.

    A column is a metric, a row an image set.

    Args:
        result: what to draw.
        metrics: which; by default accuracy (or AUC) and loss.
        sets: which image sets; by default all.
    """
    paths = [p.path for p in result.paths]
    chosen, rows, looks = metrics_of(paths, metrics), sets or paths[0].sets, kind_looks(paths)
    with styled():
        fig = sheet(3.9 * len(chosen), 2.6 * len(rows) + 0.7)
        panels = fig.subplots(len(rows), len(chosen), squeeze=False)
        lines: dict[str, Line2D] = {}
        for row, images in enumerate(rows):
            for column, metric in enumerate(chosen):
                ax = panels[row][column]
                ax.axvspan(0, 1, color="#F2F2F2", zorder=0)
                lines = draw_kinds(ax, paths, images, metric, looks) | lines
                for extended in result.paths:
                    _edges(ax, extended, images, metric, looks[extended.path.kind][0])
                ax.set_xlabel("λ: the first (0), the second (1), and beyond")
                ax.set_title(f"{images} (n = {paths[0].curve(images, metric).n:,})")
        for column, metric in enumerate(chosen):
            share_scale([row[column] for row in panels], metric)
        legend_below(fig, list(lines.values()), _key(result))
    return fig


def _key(result: Extrapolation) -> str:
    """What triangles mean."""
    edges = sorted((e for p in result.paths for e in p.edges), key=lambda e: e.metric == "loss")
    rises = dict.fromkeys(f"the {name_of(e.metric)} is {amount(e.metric, e.threshold)}" for e in edges)
    bands = bands_of([p.path for p in result.paths])
    if not rises:
        return bands
    return (
        f"triangles: where, beyond a network, {' or '.join(rises)} higher than at it,\n"
        f"bars: 95 % bootstrap intervals of that over images\n{bands}"
    )


def _edges(ax: Axes, extended: ExtendedPath, images: str, metric: str, colour: str) -> None:
    """A triangle on the curve where the basin ends, pointing outwards, and its interval as a bar."""
    path = extended.path
    for side, marker in (("a", "<"), ("b", ">")):
        edge = extended.edge(images, metric, side)
        if edge is None or not math.isfinite(edge.beyond):
            continue
        curve = path.curve(images, metric)
        y = float(np.interp(edge.at, path.lambdas, as_shown(metric, curve.values)))
        ends = [-d if side == "a" else 1 + d for d in (edge.low, min(edge.high, edge.reach))]
        ax.plot(ends, [y, y], color=colour, linewidth=3.5, alpha=0.45, solid_capstyle="butt")
        ax.plot([edge.at], [y], linestyle="", marker=marker, color=colour, markersize=6, zorder=4)
