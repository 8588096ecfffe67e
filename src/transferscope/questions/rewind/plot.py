"""Pictures of rewinding: error with one module set back, over modules and times, P-T beside RI-T.

Source: Neyshabur et al. 2020, Fig. 5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError, nearest
from ...plots.cells import draw_cells, thinned
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import Rewind, Rewound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["plot"]

_ANEW = "drawn anew"
_NAMED = 40
"""Most modules that are named; of more every second, third, …."""
_PRINTED = 16
"""Most modules of a map whose numbers are printed."""


def plot(result: Rewind, *, metric: str | None = None, networks: Sequence[str] | None = None) -> Figure:
    """Draw maps of the increase over modules and times, and the increase at the start with its intervals.

    Args:
        result: what to draw.
        metric: by default the AUC or the error.
        networks: labels of those whose maps are drawn; by default the mean of each role.

    Raises:
        UsageError: for a metric or network that was not measured.
    """
    chosen = metric or result.principal()
    m = result.place(chosen)
    by_label = {one.network: one for one in result.networks}
    for label in networks or ():
        if label not in by_label:
            raise UsageError(f"no network {label!r} was measured{nearest(label, by_label)}")
    shown = [by_label[label] for label in networks] if networks is not None else _mean_of_each_role(result)
    scale, unit = (100.0, "points") if chosen in ("error", "accuracy") else (1.0, "nats" if chosen == "loss" else "")
    what = {"auc": "1 − AUC", "accuracy": "error"}.get(chosen, chosen)
    label = f"increase of {what}" + (f" ({unit})" if unit else "")
    with styled():
        count = len(result.modules)
        rows = max((len(one.times) for one in shown), default=0) + bool(result.draws)
        side = count <= _PRINTED // 2
        width = max(3.4, 0.42 * count + 1.3)
        high = 0.3 * rows + 1.3
        panels = (1, len(shown)) if side else (len(shown), 1)
        fig = sheet(max(6.4, width * panels[1] + 0.8), high * panels[0] + 3.1)  # fmt: skip
        areas: list[SubFigure] = list(
            fig.subfigures(2, 1, height_ratios=(high * panels[0], 3.1), squeeze=False)[:, 0]
        )
        upper, lower = areas
        axes = list(upper.subplots(*panels, squeeze=False).ravel())
        tables = [scale * _table(result, one, m) for one in shown]
        every = np.concatenate([t.ravel() for t in tables])
        finite = every[np.isfinite(every)]
        low, top = (min(0.0, float(finite.min())), float(finite.max())) if len(finite) else (0.0, 1.0)
        mesh = None
        for ax, one, table in zip(axes, shown, tables, strict=True):
            mesh = draw_cells(ax, table, low, top if top > low else low + 1)
            _map(ax, result, one, table, (low + top) / 2, 1 if scale > 1 else 2)
        if mesh is not None:
            bar = upper.colorbar(mesh, ax=axes, aspect=25, pad=0.01)
            bar.set_label(label, fontsize=8)
            bar.ax.tick_params(labelsize=7)
        upper.suptitle(
            f"One module set back, all others as trained; n = {result.n:,} images of {result.images}",
            x=0.01, ha="left", fontsize=9, fontweight="bold",
        )  # fmt: skip
        _at_start(lower.subplots(), result, m, scale, label)
    return fig


def _mean_of_each_role(result: Rewind) -> list[Rewound]:
    """The mean over the networks of a role that have the same modules and times as its first."""
    groups: dict[str, list[Rewound]] = {}
    for one in result.networks:
        groups.setdefault(one.role or one.network, []).append(one)
    found = []
    for role, group in groups.items():
        same = [one for one in group if (one.modules, one.times) == (group[0].modules, group[0].times)]
        name = f"{role}, mean of {len(same)} networks" if len(same) > 1 else group[0].network
        increase = np.array([one.increase for one in same]).mean(0)
        drawn = np.array([one.drawn for one in same]).mean(0)
        found.append(replace(group[0], network=name, increase=increase, drawn=drawn))
    return found


def _table(result: Rewind, one: Rewound, m: int) -> np.ndarray:
    """``(modules, rows)``: latest time at the foot, the start above, drawn anew on top; nan where nothing is."""
    rows = [*one.increase[m].T[::-1]]
    if result.draws:
        rows.append(one.drawn[m].mean(-1))
    table = np.full((len(result.modules), len(rows)), np.nan)
    table[[result.modules.index(name) for name in one.modules]] = np.array(rows).T
    return table


def _map(ax: Axes, result: Rewind, one: Rewound, table: np.ndarray, middle: float, digits: int) -> None:
    names = [*one.times[::-1], *([_ANEW] * bool(result.draws))]
    ax.set_yticks(range(len(names)), names, fontsize=7.5)
    _name_modules(ax, result)
    ax.set_title(one.network)
    if len(result.modules) > _PRINTED:
        return
    for (column, row), value in np.ndenumerate(table):
        if np.isfinite(value):
            text = f"{value:.{digits - 1 if abs(value) >= 10 else digits}f}".replace("-", "−")
            ax.text(
                column,
                row,
                text,
                ha="center",
                va="center",
                fontsize=6,
                color="#000000" if value > middle else "#FFFFFF",
            )


def _name_modules(ax: Axes, result: Rewind) -> None:
    places, names = thinned(result.modules, _NAMED)
    ax.set_xticks(places, names, rotation=40, ha="right", rotation_mode="anchor", fontsize=7)


def _at_start(ax: Axes, result: Rewind, m: int, scale: float, label: str) -> None:
    """The increase with each module set back to the start, with intervals; open markers are modules drawn anew."""
    roles = [one.role or one.network for one in result.networks]
    look = looks(roles)
    step = 0.5 / max(1, len(result.networks))
    named: set[str] = set()
    for i, (one, role) in enumerate(zip(result.networks, roles, strict=True)):
        colour, _ = look[role]
        at = np.array([result.modules.index(name) for name in one.modules]) + step * (i - (len(roles) - 1) / 2)
        marker = MARKERS[list(look).index(role) % len(MARKERS)]
        for values, low, high, filled in (
            (one.increase[m, :, 0], one.low[m, :, 0], one.high[m, :, 0], True),
            (one.drawn[m].mean(-1) if result.draws else None, one.drawn_low[m], one.drawn_high[m], False),
        ):
            if values is None:
                continue
            key = f"{role}, {'to the start' if filled else _ANEW}"
            x = at if filled else at + step / 3
            ax.vlines(x, scale * low, scale * high, color=colour, linewidth=1.0)
            ax.plot(
                x, scale * values, linestyle="", marker=marker, markersize=4.5, color=colour,
                markerfacecolor=colour if filled else "white", label=None if key in named else key,
            )  # fmt: skip
            named.add(key)
            wrong = x[~np.isfinite(values)]
            ax.plot(wrong, np.full(len(wrong), 0.03), linestyle="", marker="x", color=colour,
                    transform=ax.get_xaxis_transform())  # fmt: skip
    if result.metrics[m] == result.principal():
        ax.axhline(scale * result.threshold, color="#555555", linewidth=0.8, linestyle=":")
    ax.axhline(0, color="#999999", linewidth=0.8)
    _name_modules(ax, result)
    ax.set_ylabel(label)
    ax.set_title(
        "Set back to the start, or drawn anew\na mark a network; bars: 95 % intervals over images; dotted: threshold",
        fontsize=9,
    )
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
