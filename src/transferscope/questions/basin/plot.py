"""Picture of (ε, δ)-basins: the metric on the set that solutions span, and how it rises around it.

Source: Neyshabur et al. 2020, Def. 3.1.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ...plots.few import first_of_each, some_of
from ...plots.sheet import sheet
from ...plots.style import DASHES, PALETTE, styled
from .measure import Basin, BasinGroup, BasinMeasure, BasinRegion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot"]

_SETS = {"hull": (PALETTE[2], "o", "between the solutions"), "extended": (PALETTE[3], "s", "extended")}
_CONDITIONS = (
    (PALETTE[0], DASHES[0], "o", "condition 2: noise of length δ"),
    (PALETTE[1], DASHES[1], "s", "condition 3: δ past the edge"),
)
_NAMES = {"error": "error (%)", "accuracy": "error (%)", "auc": "1 − AUC", "loss": "loss (nats)"}
_LEAST = {"error": 5.0, "accuracy": 5.0, "auc": 0.05, "loss": 0.2}
"""Least height of a panel of S, in the unit that is drawn: the scatter of a flat floor must not look like a slope."""


_ROWS = 6
"""Most groups that are drawn by default."""

_WIDE = 36
"""Letters that fit over a panel."""


_SHARES = ("error", "accuracy")
"""Drawn in percent, as their axes say."""


def plot(result: Basin, *, metric: str | None = None, every: bool = False) -> Figure:
    """Draw a row a group: the metric at points of S, then its mean around each S over δ beside the 2ε it must reach.

    Bands are 95 % intervals over draws; crosses at the foot are places that are not finite. Where the loss rises far
    over 2ε, the scale is linear around it and logarithmic from there. A plus after how far a set is extended says
    that there was no edge up to there.

    Args:
        result: what to draw.
        metric: which; by default the one that claims are judged by.
        every: draw all groups, however many; by default of more than six the first of each kind, and the figure says
            so.
    """
    chosen = metric or result.groups[0].regions[0].measures[0].metric
    groups = result.groups if every else _few(result.groups)
    columns = 1 + max(len(g.regions) for g in groups)
    with styled():
        fig = sheet(3.6 * columns, 2.75 * len(groups) + 0.6)
        panels = fig.subplots(len(groups), columns, squeeze=False)
        handles: dict[str, Line2D] = {}
        for row, group in zip(panels, groups, strict=True):
            handles |= _inside(row[0], group, chosen)
            for ax, region in zip(row[1:], group.regions, strict=False):
                handles |= _around(ax, result, group, region, chosen)
            for ax in row[1 + len(group.regions) :]:
                ax.set_axis_off()
        told = some_of(len(groups), len(result.groups), "groups, the first of each kind")
        fig.suptitle(
            f"{result.images} (n = {result.n:,}); bands around rises: 95 % intervals over draws"
            + (f"\n{told}" if told else ""),
            fontsize=9, x=0.01, ha="left",
        )  # fmt: skip
        fig.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
    return fig


def _few(groups: tuple[BasinGroup, ...]) -> tuple[BasinGroup, ...]:
    """The first group of each kind, where there are too many for a figure: eight seeds make 58."""
    if len(groups) <= _ROWS:
        return groups
    return tuple(groups[i] for i in first_of_each([group.kind for group in groups]))[:_ROWS]


def _inside(ax: Axes, group: BasinGroup, metric: str) -> dict[str, Line2D]:
    """The metric at the points of S, with μ ± ε."""
    handles: dict[str, Line2D] = {}
    pair = len(group.members) == 2
    drawn: list[float] = []
    for region in group.regions:
        measure = region.measure(metric)
        colour, marker, label = _SETS[region.extent]
        x = region.places[:, 1] if pair else region.places.max(1)
        y = _shown(metric, measure.losses)
        fill = colour if region.extent == "hull" else "none"
        (handles[label],) = ax.plot(
            x, y, linestyle="", marker=marker, markersize=3.5, color=colour, markerfacecolor=fill, label=label
        )
        _crosses(ax, x[~np.isfinite(y)], colour)
        drawn += y[np.isfinite(y)].tolist()
        mu, epsilon = (float(_shown(metric, np.array(v))) for v in (measure.numbers.mu, measure.numbers.epsilon))
        if math.isfinite(epsilon):
            ends = (region.vertices[:, 1].min(), region.vertices[:, 1].max()) if pair else (x.min(), x.max())
            ax.fill_between(ends, mu - epsilon, mu + epsilon, color=colour, alpha=0.15, linewidth=0)
            ax.plot(ends, [mu, mu], color=colour, linewidth=1.2, linestyle="-" if fill == colour else "--")
    if pair:
        ax.axvspan(0, 1, color="#F2F2F2", zorder=0)
        ax.set_xlabel(f"λ: {group.members[0].label} (0), {group.members[1].label} (1)")
    else:
        ax.set_xlabel("largest coordinate (1: the solution itself)")
    if drawn:
        low, high = min(drawn), max(drawn)
        margin = 0.08 * (high - low) + max(0.0, (_LEAST[metric] - (high - low)) / 2)
        ax.set_ylim(low - margin, high + margin)
    ax.set_ylabel(_NAMES[metric])
    ax.set_title(f"{textwrap.fill(group.kind, _WIDE)}\nbands: μ ± ε", fontsize=9)
    return handles


def _around(ax: Axes, result: Basin, group: BasinGroup, region: BasinRegion, metric: str) -> dict[str, Line2D]:
    """The rise of the mean over μ at every δ, and what it must reach."""
    measure = region.measure(metric)
    n = measure.numbers
    handles: dict[str, Line2D] = {}
    for (colour, dash, marker, label), losses in zip(_CONDITIONS, (measure.shaken, measure.beyond), strict=True):
        with np.errstate(invalid="ignore"):
            rise = _shown(metric, losses.mean(1) - n.mu)
            half = 1.96 * _shown(metric, losses.std(1, ddof=1)) / math.sqrt(losses.shape[1])
        ax.fill_between(region.deltas, rise - half, rise + half, color=colour, alpha=0.18, linewidth=0)
        (handles[label],) = ax.plot(
            region.deltas, rise, color=colour, linestyle=dash, linewidth=1.3, marker=marker, markersize=2.5
        )
        _crosses(ax, region.deltas[~np.isfinite(rise)], colour)
    if math.isfinite(n.epsilon):
        needed = float(_shown(metric, np.array(2 * n.epsilon)))
        handles["2ε"] = ax.axhline(needed, color="#000000", linewidth=1.0, linestyle=":")
        if needed > 0 and ax.dataLim.y1 > 20 * needed:  # else the crossing could not be seen
            ax.set_yscale("symlog", linthresh=10.0 ** math.ceil(math.log10(needed)))
            ax.set_ylim(ax.dataLim.y0 - needed, 1.3 * ax.dataLim.y1)
    if math.isfinite(n.delta):
        ax.axvspan(n.delta_low, min(n.delta_high, group.limit), color="#000000", alpha=0.12, linewidth=0)
        handles["δ"] = ax.axvline(n.delta, color="#000000", linewidth=1.0)
    # Bisection may have gone below the scan: that stretch, with δ = 0, is linear.
    linear = group.limit / 2**result.rule.doublings
    ax.set_xscale("symlog", linthresh=linear, linscale=0.5)
    ax.set_xlim(0, group.limit)
    decades = range(math.ceil(math.log10(3 * linear)), math.floor(math.log10(group.limit)) + 1)
    ax.set_xticks([0, *(10.0**k for k in decades)])
    ax.set_xlabel(f"δ (norm of the weights: {group.norm:.3g})")
    ax.set_ylabel(f"rise over μ ({'points' if metric in _SHARES else _unit(metric)})")
    ax.set_title(f"{_extent(group, region)}\n{_numbers(group, measure)}", fontsize=9)
    return handles


def _numbers(group: BasinGroup, measure: BasinMeasure) -> str:
    n = measure.numbers
    if not math.isfinite(n.epsilon):
        return "not finite on S"
    delta = f"δ = {n.delta:.3g}" if math.isfinite(n.delta) else f"no δ up to {group.limit:.3g}"
    if measure.metric not in _SHARES:
        return f"ε = {n.epsilon:.2g}, {delta}, μ = {n.mu:.3g}"
    return f"ε = {100 * n.epsilon:.2g} %, {delta}, μ = {100 * n.mu:.3g} %"


def _extent(group: BasinGroup, region: BasinRegion) -> str:
    if region.extent == "hull":
        return _SETS["hull"][2]
    return f"extended by {', '.join(f'{rim.used:.2f}' + '+' * math.isinf(rim.beyond) for rim in group.rims)}"


def _unit(metric: str) -> str:
    return {"loss": "nats", "auc": "AUC"}[metric]


def _shown(metric: str, values: np.ndarray) -> np.ndarray:
    shown = 100 * values if metric in _SHARES else values
    return np.where(np.isfinite(shown), shown, np.nan)


def _crosses(ax: Axes, x: np.ndarray, colour: str) -> None:
    if len(x):
        foot = ax.get_xaxis_transform()
        ax.plot(x, np.full(len(x), 0.03), linestyle="", marker="x", color=colour, transform=foot)
