"""Runs from checkpoints of one pre-training: where they end left, how fast they learn right.

Source: Neyshabur et al. 2020, Fig. 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .._counted import Side
from .measure import Checkpoints

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_SHADE = "#B9A3D0"
_INK = "#6B4E96"
_DOTS = (0, (1, 3))
"""Sparser than any target's dashes."""
_SIDES: tuple[Side, ...] = ("final", "speed")


def plot(result: Checkpoints) -> Figure:
    """Draw the final metric and the optimisation speed over checkpoints, means of the runs.

    The band around a curve is one standard deviation over seeds to either side, where there are two or more. The
    shade behind, from zero up, is the metric of the pre-training; dotted lines are runs from scratch; crosses at the
    foot are runs that diverged.

    Args:
        result: what to draw.
    """
    with styled():
        fig = sheet(8.4, 3.6)
        axes = list(fig.subplots(1, 2))
        for ax, what in zip(axes, _SIDES, strict=True):
            _panel(ax, result, what)
        handles, labels = axes[0].get_legend_handles_labels()
        fig.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return fig


def _panel(ax: Axes, result: Checkpoints, what: Side) -> None:
    from matplotlib.ticker import MaxNLocator

    look = looks(result.targets)
    for i, target in enumerate(result.targets):
        colour, dash = look[target]
        epochs = np.array(result.measured(target, what))
        values = [100 * np.array(result.values(target, int(e), what)) for e in epochs]
        mean = np.array([v.mean() for v in values])
        spread = np.array([v.std(ddof=1) if len(v) > 1 else np.nan for v in values])  # nan: no band
        marker = MARKERS[i % len(MARKERS)]
        ax.plot(epochs, mean, color=colour, linestyle=dash, marker=marker, markersize=4, label=target, zorder=3)
        if np.isfinite(spread).any():
            ax.fill_between(epochs, mean - spread, mean + spread, color=colour, alpha=0.22, linewidth=0, zorder=2)
        if level := result.values(target, None, what):
            height = 100 * float(np.mean(level))
            ax.axhline(height, color=colour, linestyle=_DOTS, linewidth=1.2, zorder=2)
            ax.plot(
                1.0, height, marker=marker, markersize=4, markerfacecolor="white", color=colour, zorder=4,
                transform=ax.get_yaxis_transform(), clip_on=False,
            )  # fmt: skip
    gone = sorted({run.epoch for run in result.runs if run.ended != "finished"})
    for epoch in gone:
        who = {run.target for run in result.runs if run.epoch == epoch and run.ended != "finished"}
        for target in result.targets:
            if target in who:
                shift = 0.03 + 0.04 * result.targets.index(target)
                ax.plot(epoch, shift, "x", color=look[target][0], markersize=5, transform=ax.get_xaxis_transform())
    _behind(ax, result, what)
    if _several(result):
        ax.fill_between([], [], color="#555555", alpha=0.3, linewidth=0, label="± standard deviation over seeds")
    if any(result.values(t, None, what) for t in result.targets):
        ax.plot([], [], color="#555555", linestyle=_DOTS, linewidth=1.2, marker="o", markersize=4,
                markerfacecolor="white", label="from scratch")  # fmt: skip
    if gone:
        ax.plot([], [], "x", color="#555555", markersize=5, label="diverged")
    metrics = dict.fromkeys("AUC" if result.metric(t) == "auc" else "accuracy" for t in result.targets)
    ax.set_xlabel("pre-training epoch started from")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_ylabel(f"test {' or '.join(metrics)} (%)" if what == "final" else "mean train accuracy (%)")
    ax.set_title("At the end" if what == "final" else "Optimisation speed")


def _several(result: Checkpoints) -> bool:
    """Whether any checkpoint has a band."""
    return any(len(result.values(t, e, w)) > 1 for t in result.targets for e in result.epochs for w in _SIDES)


def _behind(ax: Axes, result: Checkpoints, what: Side) -> None:
    """The metric of the pre-training on an axis of its own, at the right of the right panel."""
    if not len(result.source_epochs):
        return
    back = ax.twinx()
    back.set_zorder(0)
    ax.set_zorder(1)
    ax.patch.set_visible(False)
    part, _, metric = result.source_metric.partition("_")
    label = f"pre-training, {part} {'AUC' if metric == 'auc' else metric}"
    values = 100 * result.source_values
    back.fill_between(result.source_epochs, 0, values, color=_SHADE, alpha=0.35, linewidth=0)
    back.plot(result.source_epochs, values, color=_INK, linewidth=0.8, alpha=0.7)
    finite = values[np.isfinite(values)]
    back.set_ylim(0, max(1.0, 1.15 * float(finite.max())) if len(finite) else 1.0)
    back.grid(visible=False)
    back.tick_params(axis="y", labelright=what == "speed", right=what == "speed", colors=_INK, labelsize=8)
    back.spines["right"].set_visible(what == "speed")
    back.spines["right"].set_color(_INK)
    if what == "speed":
        back.set_ylabel(f"{label} (%)", color=_INK)
    ax.fill_between([], [], color=_SHADE, alpha=0.6, linewidth=0, label=f"{label} (shaded)")
