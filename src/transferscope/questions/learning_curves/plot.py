"""Learning curves: a panel a target, train dashed, test solid, a colour a start.

Source: Neyshabur et al. 2020, Fig. 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import CurveGroup, LearningCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_COLUMNS = 2


def plot(result: LearningCurves, *, metric: str | None = None) -> Figure:
    """Draw metrics over epochs, means over seeds with a band of one standard deviation.

    Args:
        result: what to draw.
        metric: ``accuracy``, ``loss`` or ``auc``; by default what counts at the end (AUC for multi-label).
    """
    targets = result.targets
    columns = min(_COLUMNS, len(targets))
    rows = -(-len(targets) // columns)
    with styled():
        fig = sheet(3.9 * columns if columns > 1 else 5.2, 3.1 * rows)
        axes = fig.subplots(rows, columns, squeeze=False).ravel()
        for ax, target in zip(axes, targets, strict=False):
            _panel(ax, target, result.groups(target), metric, result.chance.get(target))
        for ax in axes[len(targets) :]:
            ax.set_axis_off()
        _legends(fig, list(axes[: len(targets)]))
    return fig


def _legends(fig: Figure, axes: list[Axes]) -> None:
    """One legend for all panels where it would be the same under each, else one under each."""
    found = [ax.get_legend_handles_labels() for ax in axes]
    if all(labels == found[0][1] for _, labels in found):
        fig.legend(*found[0], loc="outside lower center", ncols=3)
        return
    for ax in axes:
        ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.17), ncols=2, columnspacing=1.2)


def _panel(ax: Axes, target: str, groups: tuple[CurveGroup, ...], metric: str | None, chance: float | None) -> None:
    from matplotlib.ticker import MaxNLocator

    chosen = metric or groups[0].curves[0].metric
    scale = 1.0 if chosen == "loss" else 100.0
    for i, (group, colour) in enumerate(zip(groups, _colours(groups), strict=True)):
        marker = MARKERS[i % len(MARKERS)]
        ax.plot([], [], color=colour, marker=marker, markersize=3.5, label=_told(group))
        for part, dash, width in (("train", "--", 1.1), ("test", "-", 1.6)):
            epochs, mean, deviation = group.spread(f"{part}_{chosen}")
            every = max(1, len(epochs) // 8)
            ax.plot(
                epochs, scale * mean, color=colour, linestyle=dash, linewidth=width, marker=marker, markersize=3.5,
                markevery=every,
            )  # fmt: skip
            low, high = scale * (mean - deviation), scale * (mean + deviation)
            ax.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)
        for curve in group.curves:
            values = curve.metrics.get(f"test_{chosen}", np.zeros(0))
            if curve.diverged and len(values):
                ax.plot(curve.epochs[-1], scale * values[-1], marker="x", color=colour, markersize=7)
    ax.plot([], [], color="#777777", linestyle="-", linewidth=1.6, label="test")
    ax.plot([], [], color="#777777", linestyle="--", linewidth=1.1, label="train")
    if chance is not None and chosen == groups[0].curves[0].metric:
        ax.axhline(scale * chance, color="#777777", linestyle=":", linewidth=1.0, label="chance")
    ax.set_xlabel("epoch")
    ax.set_ylabel({"auc": "AUC (%)", "accuracy": "accuracy (%)", "loss": "loss (nats)"}.get(chosen, chosen))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_title(target)


def _told(group: CurveGroup) -> str:
    seeds, gone = len(group.healthy), len(group.curves) - len(group.healthy)
    parts = [f"{seeds} seed{'s' * (seeds != 1)}"] * bool(seeds) + [f"{gone} diverged"] * bool(gone)
    return f"{group.role}, lr {group.lr:g} ({', '.join(parts)})"


def _colours(groups: tuple[CurveGroup, ...]) -> list[str]:
    """The colour of the start; lighter for its smaller learning rates."""
    look = looks(group.role for group in groups)
    found = []
    for group in groups:
        rates = sorted({g.lr for g in groups if g.role == group.role})
        light = 0.55 * (1 - (rates.index(group.lr) + 1) / len(rates))
        base = [int(look[group.role][0][i : i + 2], 16) for i in (1, 3, 5)]
        found.append("#" + "".join(f"{round(v + (255 - v) * light):02X}" for v in base))
    return found
