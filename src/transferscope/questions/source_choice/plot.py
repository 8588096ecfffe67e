"""What pre-trainings are worth: the metric by source and target, and how far each layer went.

Source: Liu et al. 2019, Fig. 8.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots.cells import draw_cells, thinned
from ...plots.crowded import crowded
from ...plots.looks import HATCHES, MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .._kinds import SCRATCH
from .measure import SourceChoice

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot"]

_BARS = 9
"""Most layers drawn as bars; more are curves over depth."""
_TICKS = 14
_COLUMNS = 2
_RUN: dict[str, Any] = {"linestyle": "", "marker": "_", "color": "#222222", "markersize": 4, "markeredgewidth": 0.8}
"""A single run on a bar."""


def plot(result: SourceChoice) -> Figure:
    """Draw the test metric from every source on every target, and below it the deviation of each layer by target.

    Args:
        result: what to draw.
    """
    targets = result.targets
    columns = min(_COLUMNS, len(targets))
    rows = -(-len(targets) // columns)
    with styled():
        table = 0.42 * len(result.matrix()) + 1.5
        width = max(6.4, 4.2 * columns, 1.5 * len(targets) + 2.4)
        fig = sheet(width, table + 2.7 * rows + 0.4)
        areas: list[SubFigure] = list(
            fig.subfigures(2, 1, height_ratios=(table, 2.7 * rows + 0.4), squeeze=False)[:, 0]
        )
        _matrix(areas[0], result)
        axes = areas[1].subplots(rows, columns, squeeze=False).ravel()
        for ax, target in zip(axes, targets, strict=False):
            _layers(ax, result, target)
        for ax in axes[len(targets) :]:
            ax.set_axis_off()
        handles, labels = _legend(result)
        areas[1].legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return fig


def _matrix(area: SubFigure, result: SourceChoice) -> None:
    """Percentages with their standard deviation over seeds, and what they are less the error from scratch."""
    final, less = result.matrix(), result.matrix("improvement")
    values = 100 * final.to_numpy().T
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    ax = area.subplots()
    mesh = draw_cells(ax, values[:, ::-1], low, high if high > low else low + 1)
    names = list(final.index)[::-1]
    for column, target in enumerate(final.columns):
        for row, name in enumerate(names):
            if not math.isfinite(value := 100 * float(final.loc[name, target])):
                continue
            group = result.best(target, "" if name == SCRATCH else name)
            seeds = [100 * x for x in group.finals()] if group else []
            spread = f" ± {np.std(seeds, ddof=1):.1f}" if len(seeds) > 1 else ""
            gain = 100 * float(less.loc[name, target])
            error = (
                f"{'less' if gain >= 0 else 'more'} {'error' if result.metric(target) == 'accuracy' else '1 − AUC'}"
            )
            told = f"\n{abs(gain):.0f} % {error}" if name != SCRATCH and math.isfinite(gain) else ""
            told = told if seeds else "\nall diverged: chance"
            ax.text(
                column, row, f"{value:.1f}{spread}{told}", ha="center", va="center", fontsize=7.5,
                color="#000000" if value > (low + high) / 2 else "#FFFFFF",
            )  # fmt: skip
    ax.set_yticks(range(len(names)), [n if n == SCRATCH else f"from {n}" for n in names])
    metrics = {result.metric(t) for t in result.targets}
    ax.set_xticks(range(len(final.columns)), list(final.columns))
    what = " or ".join(["accuracy"] * ("accuracy" in metrics) + ["AUC"] * ("auc" in metrics))
    several = any(len(g.runs) > 1 for t in result.targets for s in result.sources for g in result.groups(t, s))
    told = " (± standard deviation over seeds)" * several + ", and against scratch" * bool(
        less.notna().to_numpy().any()
    )
    ax.set_title(f"Test {what}{told}", fontsize=9)
    area.colorbar(mesh, ax=ax, aspect=12, pad=0.01).set_label(f"test {what} (%)", fontsize=8)


def _layers(ax: Axes, result: SourceChoice, target: str) -> None:
    """Bars for a few layers, with a dash a run; curves over depth for many, with a band from lowest to highest."""
    names = result.layers[target]
    look = _look(result)
    there = [(s, g) for s in (*result.sources, "") if (g := result.best(target, s))]
    x, width = np.arange(len(names), dtype=float), 0.8 / max(1, len(there))
    for i, (source, group) in enumerate(there):
        values = group.deviations()
        if not len(values):
            continue
        colour, dash, marker, hatch = look[source or SCRATCH]
        if len(names) <= _BARS:
            at = x + (i - (len(there) - 1) / 2) * width
            ax.bar(at, values.mean(0), width * 0.92, color=colour, hatch=hatch, edgecolor="#FFFFFF", linewidth=0)
            if len(values) > 1:
                ax.plot(at, values.T, **_RUN)
        else:
            ax.plot(x, values.mean(0), color=colour, linestyle=dash, marker=marker, markersize=3)
            if len(values) > 1:
                ax.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.18, linewidth=0)
    places, shown = thinned(names, _TICKS)
    slanted = crowded(shown, 6)
    ax.set_xticks(places, shown, fontsize=7.5, rotation=45 if slanted else 0, ha="right" if slanted else "center")
    ax.set_ylabel(r"$\|W_l - W_l^0\|_F\,/\,\sqrt{n}$")
    ax.set_ylim(bottom=0)
    ax.grid(axis="x", visible=False)
    ax.set_title(f"{target}: how far layers went from their start", fontsize=9)


def _look(result: SourceChoice) -> dict[str, tuple[str, Any, str, str]]:
    """Colour, dash, marker and hatch of each source; scratch has the colour of RI-T."""
    names = [*result.sources, "RI-T"]
    found = looks(names)
    return {
        SCRATCH if name == "RI-T" else name: (*found[name], MARKERS[i % len(MARKERS)], HATCHES[i % len(HATCHES)])
        for i, name in enumerate(names)
    }


def _legend(result: SourceChoice) -> tuple[list[Artist], list[str]]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Artist] = []
    labels = []
    bars = all(len(names) <= _BARS for names in result.layers.values())
    for source in (*result.sources, ""):
        if not any(result.best(t, source) for t in result.targets):
            continue
        colour, dash, marker, hatch = _look(result)[source or SCRATCH]
        handles.append(
            Patch(facecolor=colour, hatch=hatch, edgecolor="#FFFFFF", linewidth=0)
            if bars
            else Line2D([], [], color=colour, linestyle=dash, marker=marker, markersize=3)
        )
        labels.append(f"from {source}" if source else SCRATCH)
    groups = [(t, g) for t in result.targets for s in (*result.sources, "") if (g := result.best(t, s))]
    several = {len(result.layers[t]) <= _BARS for t, g in groups if len(g.deviations()) > 1}
    if True in several:
        handles.append(Line2D([], [], **_RUN))
        labels.append("single run")
    if False in several:
        handles.append(Patch(facecolor="#555555", alpha=0.3, linewidth=0))
        labels.append("lowest to highest run")
    return handles, labels
