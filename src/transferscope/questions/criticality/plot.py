"""Pictures of criticality: error over a module's path and noise, and μ_i of each module.

Source: Neyshabur et al. 2020, Fig. 6 and 30.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from ...errors import UsageError, nearest
from ...plots.cells import draw_cells, outline, thinned
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import DIVERGING, styled
from .measure import Criticality, Subject, Valley

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

__all__ = ["extremes", "plot"]

_Path: TypeAlias = tuple[Literal["direct", "optimisation"], str]

_TICKS = 14
_UNITS = {"error": (100.0, "error (%)"), "accuracy": (100.0, "accuracy (%)"), "loss": (1.0, "loss (nats)")}


def plot(
    result: Criticality, *, module: str | None = None, networks: Sequence[str] | None = None, valleys: bool = False
) -> Figure:
    """Draw μ_i of all modules with the heat maps of one, all heat maps of a module, or wide and sharp valleys.

    A white line is the border of the cells within ε, a star the cell at which μ_i is found, a cross a cell whose
    numbers are not finite.

    Args:
        result: what to draw.
        module: draw train, test and gap of this module (Neyshabur et al. 2020, Fig. 30) instead.
        networks: labels of those whose heat maps are drawn; by default the first of each role.
        valleys: draw the heat maps of the least and of the most critical module of each network side by side instead.

    Raises:
        UsageError: for a module or network that was not measured, or heat maps of a result without surfaces.
    """
    there = list(dict.fromkeys(v.network for v in result.valleys))
    for label in networks or ():
        if label not in there:
            raise UsageError(f"no network {label!r} was measured{nearest(label, there)}")
    surfaces = bool(result.valleys) and result.valleys[0].values.shape[2] > 0
    if module is not None:
        measured = dict.fromkeys(v.module for v in result.valleys)
        if module not in measured:
            raise UsageError(f"no module {module!r} was measured{nearest(module, measured)}")
        if not surfaces:
            raise UsageError("only μ was searched for; heat maps need criticality(…, surface=True)")
    shown = list(networks) if networks is not None else _first_of_each_role(result, there)
    if valleys:
        if not surfaces:
            raise UsageError("only μ was searched for; valleys need criticality(…, surface=True)")
        return _wide_and_sharp(result, shown)
    kinds = ["train", "test", "gap"] if module is not None and "test" in result.parts else ["train"]
    of = module or (result.modules[0] if result.modules else "")
    rows = [(label, kind) for label in shown for kind in kinds] if surfaces else []
    rows = [row for row in rows if any((v.network, v.module) == (row[0], of) for v in result.valleys)]
    with styled():
        columns = _columns(result)
        heights = [3.2] * (module is None) + [1.75 * len(rows) + 0.75] * bool(rows)
        fig = sheet(max(5.2, 1.95 * len(columns) + 1.3), sum(heights))
        areas: list[SubFigure] = list(fig.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0])
        if module is None:
            _by_module(areas[0].subplots(), result)
        if rows:
            _maps(areas[-1], result, of, rows, columns)
    return fig


def _first_of_each_role(result: Criticality, there: list[str]) -> list[str]:
    found: dict[str, str] = {}
    for s in result.networks:
        if s.label in there:
            found.setdefault(s.role or s.label, s.label)
    return list(found.values())


def _columns(result: Criticality) -> list[_Path]:
    """Paths in the order of the paper: direct before optimisation, the best end before the final one."""
    return sorted({(v.path, v.end) for v in result.valleys}, key=lambda c: (c[0] != "direct", c[1] == "final"))


def _by_module(ax: Axes, result: Criticality) -> None:
    """μ_i over the module's size, a line a network, bars from draw to draw."""
    path, end = (result.valleys[0].path, result.valleys[0].end) if result.valleys else ("direct", "end")
    roles = {s.label: s.role or s.label for s in result.networks}
    look = looks(roles.values())
    every = np.array([x for v in result.valleys for x in (v.relative, v.least / v.size, v.most / v.size)])
    positive = every[np.isfinite(every) & (every > 0)]
    floor = 10 ** math.floor(math.log10(positive.min())) / 10 if len(positive) else 0.1
    top = 10 ** math.ceil(math.log10(positive.max())) * 10 if len(positive) else 10.0
    named: set[str] = set()
    for i, s in enumerate(result.networks):
        of = {v.module: v for v in result.along(s.label, path, end)}
        if not of:
            continue
        colour, dash = look[roles[s.label]]
        x = np.array([result.modules.index(m) for m in of]) + 0.08 * (i - (len(result.networks) - 1) / 2)
        values = np.array([v.relative for v in of.values()])
        bars = [values, *np.array([(v.least / v.size, v.most / v.size) for v in of.values()]).T]
        at, low, high = (np.clip(np.nan_to_num(b, nan=np.nan, posinf=top), floor, top) for b in bars)
        label = roles[s.label] if roles[s.label] not in named else None
        named.add(roles[s.label])
        drawn = (values > 0) & np.isfinite(values)
        marker: dict[str, Any] = {"color": colour, "marker": MARKERS[i % len(MARKERS)], "markersize": 4}
        ax.plot(x, np.where(drawn, at, np.nan), linestyle=dash, linewidth=1.0, label=label, **marker)
        # On no logarithmic axis: hollow at its ends, and no line leads there.
        ax.plot(x, np.where(drawn, np.nan, at), linestyle="", markerfacecolor="white", **marker)
        ax.vlines(x, low, high, color=colour, linewidth=1.0)
        for place, value in zip(x, values, strict=True):
            if value == 0 or math.isinf(value):
                ax.annotate("0" if value == 0 else "∞", (place, floor if value == 0 else top), (0, 6),
                            textcoords="offset points", ha="center", fontsize=7, color=colour)  # fmt: skip
    ax.set_yscale("log")
    ax.set_ylim(floor / 2, top * 4)
    ax.set_xlim(-0.5, len(result.modules) - 0.5)
    step = max(1, -(-len(result.modules) // _TICKS))
    ticks = range(0, len(result.modules), step)
    ax.set_xticks(list(ticks), [result.modules[i] for i in ticks], rotation=40, ha="right", rotation_mode="anchor")
    ax.set_ylabel("μ_i / number of weights")
    noisy = f", bars: without one of {result.draws} draws" if result.draws > 1 else ""
    ax.set_title(
        f"Module criticality\n{path} path to the {end} weights; n = {result.n[0]:,} training images{noisy}",
        fontsize=9,
    )
    if len(named) > 1:
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def extremes(result: Criticality, network: str) -> tuple[Valley, Valley] | None:
    """Return the least and the most critical module of a network for its size; ``None`` where it has not two.

    Of those with no cell within ε (μ is infinite) the first in forward order is the most critical, and of those that
    can go all the way back (μ is 0) the first the least critical.
    """
    of = [v for v in result.along(network, *_main_path(result)) if not math.isnan(v.mu)]
    if len(of) < 2:
        return None
    return min(of, key=lambda v: v.relative), max(of, key=lambda v: v.relative)


def _main_path(result: Criticality) -> tuple[Any, str]:
    return result.valleys[0].path, result.valleys[0].end


def _wide_and_sharp(result: Criticality, shown: list[str]) -> Figure:
    """One row a network: the valley of its least critical module beside that of its most critical one."""
    metric = result.place(result.judge)
    scale, unit = _UNITS.get(result.judge, (1.0, result.judge))
    pairs = {label: pair for label in shown if (pair := extremes(result, label)) is not None}
    if not pairs:
        raise UsageError("no network has two modules whose μ is known; wide and sharp valleys take two")
    subjects = {s.label: s for s in result.networks}
    with styled():
        fig = sheet(6.4, 2.3 * len(pairs) + 0.8)
        axes = fig.subplots(len(pairs), 2, squeeze=False)
        for r, (label, pair) in enumerate(pairs.items()):
            surfaces = [scale * v.means(0, metric) for v in pair]
            every = np.concatenate([s[np.isfinite(s)] for s in surfaces])
            low, high = (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)
            for c, (valley, surface, word) in enumerate(zip(pair, surfaces, ("wide", "sharp"), strict=True)):
                ax = axes[r, c]
                mesh = draw_cells(ax, surface, low, high if high > low else low + 1)
                _mark(ax, valley, metric, subjects[label])
                _axes(ax, valley, result, bottom=True, left=c == 0)
                mu = f"{valley.relative:.2g}" if math.isfinite(valley.mu) else "∞"
                ax.set_title(f"{label}, {valley.module} ({word}): μ / weights = {mu}", fontsize=8)
            bar = fig.colorbar(mesh, ax=list(axes[r]), aspect=12, pad=0.01)
            bar.set_label(f"train {unit}", fontsize=8)
        fig.suptitle(
            f"The least and the most critical module; n = {result.n[0]:,} train images\nwhite line: border of what "
            f"keeps the train {unit.split()[0]} within ε; star: where μ is found", x=0.01, ha="left", fontsize=9,
        )  # fmt: skip
        fig.supxlabel("distance of the module from its initial weights", fontsize=9)
        fig.supylabel(_variance(result), fontsize=9)
    return fig


def _maps(
    area: SubFigure, result: Criticality, module: str, rows: list[tuple[str, str]], columns: list[_Path]
) -> None:
    """One row a network and measure, one column a path; one scale for all maps of a measure."""
    metric = result.place(result.judge)
    scale, unit = _UNITS.get(result.judge, (1.0, result.judge))
    axes = area.subplots(len(rows), len(columns), squeeze=False)
    valleys = {(v.network, v.path, v.end): v for v in result.valleys if v.module == module}
    surfaces = {
        (label, kind, *c): scale * _surface(result, valleys[label, *c], kind, metric)
        for label, kind in rows
        for c in columns
        if (label, *c) in valleys
    }
    subjects = {s.label: s for s in result.networks}
    for r, (label, kind) in enumerate(rows):
        every = np.concatenate([v.ravel() for k, v in surfaces.items() if (k[1] == "gap") == (kind == "gap")])
        finite = every[np.isfinite(every)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        colours = None
        if kind == "gap" and low < 0:
            low, high, colours = -max(-low, high), max(-low, high), DIVERGING
        mesh = None
        for c, column in enumerate(columns):
            ax = axes[r, c]
            if r == 0:
                ax.set_title(f"{column[0]}, to {column[1]}", fontsize=9)
            if (label, *column) not in valleys:
                # A straight line there always is, but to the second of two ends that are one.
                told = "not recorded" if (label, "direct", column[1]) in valleys else "the same weights"
                ax.set_axis_off()
                ax.text(0.5, 0.5, told, ha="center", va="center", transform=ax.transAxes, fontsize=8)
                continue
            valley = valleys[label, *column]
            top = high if high > low else low + 1
            mesh = draw_cells(ax, surfaces[label, kind, *column], low, top, cmap=colours)
            if kind == "train":
                _mark(ax, valley, metric, subjects[label])
            _axes(ax, valley, result, bottom=r == len(rows) - 1, left=c == 0)
        if mesh is not None:
            bar = area.colorbar(mesh, ax=list(axes[r]), aspect=12, pad=0.01)
            measure = f"{kind} {unit}" if kind != "gap" else f"test − train {unit}"
            bar.set_label(f"{label}\n{measure}", fontsize=8)
            bar.ax.tick_params(labelsize=7)
    drawn = {kind for _, kind in rows}
    parts = [(part, n) for part, n in zip(result.parts, result.n, strict=True) if part in drawn]
    counts = " and ".join(f"{n:,} {'training' if part == 'train' else part}" for part, n in parts)
    title = f"{module}: on its way from start to end, with noise; n = {counts} images"
    if "train" in drawn:
        title += f"\nwhite line: border of what keeps the train {unit.split()[0]} within ε; star: where μ_i is found"
    area.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight="bold")
    area.supxlabel("distance of the module from its initial weights", fontsize=9)
    area.supylabel(_variance(result), fontsize=9)


def _variance(result: Criticality) -> str:
    return "relative noise\nvariance σ²" if result.noise == "relative" else "noise\nvariance σ²"


def _surface(result: Criticality, valley: Valley, kind: str, metric: int) -> np.ndarray:
    if kind == "gap":
        return result.gap(valley, result.metrics[metric])
    return valley.means(result.parts.index(kind), metric)


def _mark(ax: Axes, valley: Valley, metric: int, subject: Subject) -> None:
    """The border of what keeps within ε, and where μ is found."""
    inside = subject.keeps(valley.means(0, metric))
    if inside.any() and not inside.all():
        outline(ax, inside)
    if math.isfinite(valley.mu):
        place = int(np.flatnonzero(valley.alphas == valley.alpha)[0])
        noise = int(np.flatnonzero(valley.sigmas == valley.sigma)[0])
        ax.plot(place, noise, marker="*", markersize=9, color="#FFFFFF", markeredgecolor="#000000", linestyle="")


def _axes(ax: Axes, valley: Valley, result: Criticality, *, bottom: bool, left: bool) -> None:
    at, labels = thinned([f"{a * valley.distance:.2g}" for a in valley.alphas], 4)
    ax.set_xticks(at, labels, fontsize=7)
    at, labels = thinned([f"{s * s:.2g}" for s in valley.sigmas], 8)
    ax.set_yticks(at, labels if left else [""] * len(at), fontsize=7)
