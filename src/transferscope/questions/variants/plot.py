"""Picture of altered starts: a row a start, a panel each for metric, speed, barrier to P-T and diversity."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...evidence.estimate import Estimate
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import VariantGroup, Variants

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_GREY = "#555555"
_KINDS = {"top_singular": "top singular values", "basin_noise": "noise", "average": "averaged"}


def plot(result: Variants) -> Figure:
    """Draw means with their 95 % intervals and every run or pair beside them, the reference on top.

    Barriers are the mean of the pairs' heights, as the papers define them, and have no interval.

    Args:
        result: what to draw.
    """
    groups = [group for group in result.groups if group.members]
    metric = "AUC" if result.metric == "auc" else "accuracy"
    error = "1 − AUC" if result.metric == "auc" else "error"
    told = [
        _Panel(f"Test {metric}", f"{metric} (%)\nn = {result.n:,} images", result.final, lambda g: g.finals),
        _Panel("Optimisation speed", "mean training accuracy\nover epochs (%)", result.speed, lambda g: g.speeds),
        _Panel(
            f"Barrier to {result.reference}", f"rise of {error} on the line\n(points)", result.barrier,
            lambda g: _heights(result, g),
        ),
        _Panel("Uncommon mistakes", "made by one of two\nruns only (%)", result.uncommon, _shares),
    ]  # fmt: skip
    panels = [panel for panel in told if any(math.isfinite(panel.mean(g.start).value) for g in groups)]
    with styled():
        fig = sheet(1.4 + 2.2 * len(panels), 1.75 + 0.55 * len(groups))
        axes = dict(zip((panel.title for panel in panels), _axes(fig, len(panels)), strict=True))
        for panel, ax in zip(panels, axes.values(), strict=True):
            _draw(ax, panel, groups)
        for panel in panels:
            if panel in told[:2] and result.group(result.reference).members:
                at = 100 * panel.mean(result.reference).value
                axes[panel.title].axvline(at, color=_GREY, linewidth=0.8, linestyle=":", zorder=0)
        final = axes[told[0].title]
        for row, group in enumerate(groups):
            _diamond(final, row, result.ensemble(group.start), len(group.members))
        if (barrier := axes.get(told[2].title)) is not None:
            barrier.axvline(100 * result.threshold, color=_GREY, linewidth=1.0, linestyle="--", zorder=0)
            right = max(1.1 * 100 * result.threshold, barrier.get_xlim()[1])
            barrier.set_xlim(-0.04 * right, right)  # so that a mark at 0 is seen whole
        final.set_yticks(range(len(groups)), [_name(group) for group in groups])
        final.set_ylim(len(groups) - 0.5, -0.5)
        _legend(fig, result, groups, barrier is not None)
    return fig


@dataclass(frozen=True)
class _Panel:
    """What one panel shows: a mean a start, and the runs or pairs it is of."""

    title: str
    label: str
    mean: Callable[[str], Estimate]
    single: Callable[[VariantGroup], list[float]]


def _axes(fig: Figure, count: int) -> list[Axes]:
    found: list[Axes] = list(fig.subplots(1, count, sharey=True, squeeze=False)[0])
    return found


def _draw(ax: Axes, panel: _Panel, groups: Sequence[VariantGroup]) -> None:
    look = looks(group.start for group in groups)
    for row, group in enumerate(groups):
        found, colour = panel.mean(group.start), look[group.start][0]
        if not math.isfinite(found.value):
            ax.text(0.03, row, "–", transform=ax.get_yaxis_transform(), color=_GREY, va="center")
            continue
        values = 100 * np.array(panel.single(group))
        ax.plot(values, np.full(len(values), row + 0.27), "|", color=colour, markersize=5, markeredgewidth=1.0)
        if found.low is not None and found.high is not None:
            ax.plot([100 * found.low, 100 * found.high], [row, row], color=colour, linewidth=1.6)
        ax.plot(100 * found.value, row, MARKERS[row % len(MARKERS)], color=colour, markersize=5.5)
    ax.set_title(panel.title)
    ax.set_xlabel(panel.label)
    ax.grid(axis="y", visible=False)


def _diamond(ax: Axes, row: int, found: Estimate, members: int) -> None:
    if members > 1 and math.isfinite(found.value):
        ax.plot(100 * found.value, row - 0.27, "d", color="white", markeredgecolor="black", markersize=5.5, zorder=3)


def _heights(result: Variants, group: VariantGroup) -> list[float]:
    return result.heights(group.start)


def _shares(group: VariantGroup) -> list[float]:
    """Share of the mistakes of each two members that only one of them makes."""
    pairs = [(s.uncommon, s.uncommon + 2 * s.both_wrong) for s in group.shared]
    return [one / all_of for one, all_of in pairs if all_of]


def _name(group: VariantGroup) -> str:
    what = ", ".join(_KINDS[kind] for kind in group.kinds)
    seeds = f"{len(group.members)} run{'s' * (len(group.members) != 1)}"
    return f"{group.start}\n{what + ', ' if what else ''}{seeds}"


def _legend(fig: Figure, result: Variants, groups: Sequence[VariantGroup], barrier: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_GREY, marker="o", markersize=5, label="mean, 95 % interval"),
        Line2D([], [], color=_GREY, marker="|", linestyle="", markersize=6, label="single runs, pairs"),
    ]
    if any(len(group.members) > 1 for group in groups):
        diamond = Line2D([], [], color="white", marker="d", markeredgecolor="black", linestyle="", markersize=5.5)
        diamond.set_label("ensemble of all runs")
        handles.append(diamond)
    handles.append(Line2D([], [], color=_GREY, linestyle=":", linewidth=0.8, label=result.reference))
    if barrier:
        threshold = f"threshold ({100 * result.threshold:g} points)"
        handles.append(Line2D([], [], color=_GREY, linestyle="--", linewidth=1.0, label=threshold))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1.2, handletextpad=0.5)
