"""Downstream against upstream accuracy with the head at several depths, and what targets need of higher layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError, nearest
from ...plots.looks import MARKERS
from ...plots.sheet import leftmost, sheet
from ...plots.style import DASHES, PALETTE, SEQUENTIAL, styled
from .at_depths import DEPTHS, HALF_WAY
from .measure import Layers, TaskLayers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_COLUMNS = 4


def plot(result: Layers, what: str = "depths") -> Figure:
    """Draw the answer.

    Args:
        result: what to draw.
        what: ``depths``: a panel a target, pre-trainings with the head where it was and half way, and the law at
            each depth; ``targets``: what is left to gain upstream against what higher layers give.

    Raises:
        UsageError: for something else to draw.
    """
    if what not in ("depths", "targets"):
        raise UsageError(f"a figure of {what!r}{nearest(what, ('depths', 'targets'))}")
    with styled():
        if what == "targets":
            fig = sheet(4.8, 3.6)
            _targets(fig.subplots(1, 1), result)
            return fig
        tasks = result.known or result.tasks
        columns = min(_COLUMNS, len(tasks))
        rows = -(-len(tasks) // columns)
        fig = sheet(max(3.4, 2.5 * columns), 0.6 + 2.3 * rows)
        axes = fig.subplots(rows, columns, squeeze=False).ravel()
        for ax, task in zip(axes, tasks, strict=False):
            _depths(ax, task)
        for ax in axes[len(tasks) :]:
            ax.set_axis_off()
        named = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        if named:
            fig.legend(list(named.values()), list(named), loc="outside lower center", ncols=4)
    return fig


def _depths(ax: Axes, task: TaskLayers) -> None:
    import matplotlib as mpl

    x = np.array([p.upstream for p in task.points])
    y = np.array([p.accuracy for p in task.points]).reshape(len(x), len(DEPTHS))
    colours = mpl.colormaps[SEQUENTIAL](np.linspace(0.85, 0.05, len(DEPTHS)))
    for at, name in ((HALF_WAY, "head half way"), (len(DEPTHS) - 1, "head where it was")):
        filled = at == len(DEPTHS) - 1
        ax.scatter(
            100 * x, 100 * y[:, at], s=9, marker=MARKERS[0 if filled else 1], label=name, linewidths=0.6,
            facecolors=[colours[at]] if filled else "none", edgecolors=[colours[at]], alpha=0.7,
        )  # fmt: skip
    if task.laws:
        line = np.linspace(x.min(), x.max(), 80)
        for of, colour, dashes in zip(task.laws, colours, DASHES[len(DEPTHS) - 1 :: -1], strict=True):
            if of.law is not None:
                ax.plot(
                    100 * line, 100 * (1 - of.law(1 - line)), color=colour, linestyle=dashes, lw=1.3,
                    label=f"law at depth {of.depth:g}",
                )  # fmt: skip
    ax.axhline(100 * task.chance, color="#777777", lw=0.8, linestyle=":", label="chance")
    ax.set_title(task.target)
    ax.set_xlabel("accuracy on the source, %")
    ax.set_ylabel("few-shot accuracy, %" if leftmost(ax) else "")


def _targets(ax: Axes, result: Layers) -> None:
    for at, task in enumerate(result.known):
        colour = PALETTE[at % len(PALETTE)]
        ax.plot(
            100 * task.rise, 100 * task.need, MARKERS[at % len(MARKERS)], color=colour, ms=5, label=task.target,
            linestyle="none", markerfacecolor=colour if at < len(PALETTE) else "none",
        )  # fmt: skip
    ax.axhline(0, color="#777777", lw=0.8)
    ax.set_xlabel("bought by raising upstream accuracy from the median,\n% of what there is over chance")
    ax.set_ylabel("given by the layers above half way,\n% of what there is over chance")
    if result.known:
        ax.figure.legend(loc="outside right upper")
