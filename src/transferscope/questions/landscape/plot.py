"""Pictures of the loss around weights: contours, surfaces, and flatness in numbers.

Source: Liu et al. 2019, Fig. 3, 5, 10, 12, 13.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np

from ...errors import UsageError, nearest
from ...plots.crowded import crowded
from ...plots.few import first_of_each
from ...plots.levels import Levels
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import SEQUENTIAL, styled
from .measure import Landscape
from .numbers import MEASURES, STEP, over_planes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, FigureBase

__all__ = ["Kind", "plot"]

Kind: TypeAlias = Literal["contour", "surface", "flatness"]

_COLUMNS = 4
_SMALL_COLUMNS = 6
"""As in the paper's Fig. 12."""

_TALLEST = 10.0
"""Nats above the lowest at which surfaces are cut: the loss of a guess among 22,000 classes."""

_FACETS = 70
_LABELS = 16


def plot(
    result: Landscape,
    *,
    kind: Kind = "contour",
    modules: Sequence[str] | None = None,
    networks: Sequence[str] | None = None,
    step: float | None = None,
) -> Figure:
    """Draw the loss around each network, less its own loss, on one scale for all.

    Args:
        result: what to draw.
        kind: ``contour`` with lines a step apart; ``surface`` in three dimensions; ``flatness``, the mean change in
            random directions by distance, or by module when there are several.
        modules: draw these only; by default all.
        networks: draw these only, by label; by default all, but in planes of several modules the first of each kind.
            Flatness shows all.
        step: between two contours, in nats; by default the papers' 0.05, or less where the loss changes by less than
            two such steps. After ten on either side, each is twice as far as the one before, and the figure says so.

    Raises:
        UsageError: for another kind, a step that is not positive, a module that was not moved, or a network that is
            not there.
    """
    if kind not in get_args(Kind):
        raise UsageError(f"kind {kind!r}{nearest(kind, get_args(Kind))}")
    if step is not None and not (math.isfinite(step) and step > 0):
        raise UsageError(f"step {step} between contours; expected a positive number of nats")
    places = [result.place(m) for m in (result.modules if modules is None else modules)]
    if not places:
        raise UsageError("no modules to draw; name some, or leave modules out to draw all")
    with styled():
        if kind == "flatness":
            return _flatness(result, places)
        return _planes(result, _shown(result, networks, several=len(places) > 1), places, kind, step)


def _shown(result: Landscape, networks: Sequence[str] | None, *, several: bool) -> list[int]:
    """The networks that planes are drawn of. Eight seeds with twenty modules would make a figure five feet high."""
    labels, kinds = [m.label for m in result.members], _kinds(result)
    if networks is None:
        return first_of_each(kinds) if several else list(range(len(kinds)))
    if not networks:
        raise UsageError("no networks to draw; name some, or leave networks out")
    for name in networks:
        if name not in labels:
            raise UsageError(f"no landscape of network {name!r}{nearest(name, labels)}")
    return [labels.index(name) for name in networks]


def _kinds(result: Landscape) -> list[str]:
    return [m.role or m.label for m in result.members]


def _planes(result: Landscape, shown: list[int], places: list[int], kind: Kind, step: float | None) -> Figure:
    """A panel a network, or for several modules a block of small panels a network."""
    with np.errstate(invalid="ignore"):
        rises = result.loss[np.ix_(shown, places)] - result.centre[np.ix_(shown, places)][..., None, None]
    levels = Levels.of(rises, STEP if step is None else step, finer=step is None)
    several = len(places) > 1
    blocks, panels = (len(shown), len(places)) if several else (1, len(shown))
    columns = min(_SMALL_COLUMNS if several else _COLUMNS, panels)
    rows = -(-panels // columns)
    side = 1.4 if several else 2.7
    heights = [rows * (side + 0.2) + 0.3 * several] * blocks
    fig = sheet(max(5.2, side * columns + 0.5), sum(heights) + 0.85)
    *parts, foot = fig.subfigures(blocks + 1, 1, squeeze=False, height_ratios=[*heights, 0.85])[:, 0]
    for block, part in enumerate(parts):
        cells = _cells(part, rows, columns, kind)
        if several:
            network = shown[block]
            part.suptitle(f"{_named(result, network)}: {_centre(result, network, places[0])}", fontsize=10)
        there = [(block, j) for j in range(panels)] if several else [(i, 0) for i in range(panels)]
        for cell, (i, j) in zip(cells, there, strict=False):
            _plane(cell, result, rises[i, j], levels, small=several)
            module = result.modules[places[j]]
            if several:
                cell.set_title(module, fontsize=7.5, fontweight="normal")
            else:
                name = f"{result.members[shown[i]].label}{', ' if module else ''}{module}"
                cell.set_title(f"{name}\n{_centre(result, shown[i], places[j])}{_range(rises[i, j])}", fontsize=8.5)
        for cell in cells[panels:]:
            cell.remove()
    _scale(foot, result, levels, kind)
    return fig


def _named(result: Landscape, member: int) -> str:
    kinds = _kinds(result)
    of = kinds.count(kinds[member])
    return result.members[member].label + (f", one of {of}" if of > 1 else "")


def _cells(part: FigureBase, rows: int, columns: int, kind: Kind) -> list[Axes]:
    options = {"projection": "3d"} if kind == "surface" else {}
    return list(part.subplots(rows, columns, squeeze=False, subplot_kw=options).ravel())


def _plane(ax: Axes, result: Landscape, rises: np.ndarray, levels: Levels, *, small: bool) -> None:
    if ax.name == "3d":
        _surface(ax, result, rises, levels, small=small)
    else:
        _contours(ax, result, rises, levels, small=small)


def _contours(ax: Axes, result: Landscape, rises: np.ndarray, levels: Levels, *, small: bool) -> None:
    axis, z = result.axis, np.ma.masked_invalid(rises.T)  # rows are q
    colours, norm = levels.colours()
    if z.count():
        ax.contourf(axis, axis, z, levels.values, cmap=colours, norm=norm)
        crossed = levels.values[(levels.values > z.min()) & (levels.values < z.max())]
        if len(crossed):
            width = 0.35 if small else 0.5
            ax.contour(axis, axis, z, crossed, colors="black", linewidths=width, linestyles="solid")
    if np.ma.is_masked(z):
        # What the contours leave out: cells with a corner that is not finite, or the half of one with a single such.
        missing = np.ma.getmaskarray(z).astype(float)
        ax.contourf(axis, axis, missing, [1e-6, 1.5], colors="none", hatches=["////"])
    ax.plot(0, 0, "+", color="white", markersize=5 if small else 9, markeredgewidth=1.0)
    ax.set_aspect("equal")
    ax.set_xlim(axis[0], axis[-1])
    ax.set_ylim(axis[0], axis[-1])
    ax.grid(visible=False)
    ticks = [] if small else [-result.span, 0, result.span]
    ax.set_xticks(ticks, [f"{t:.3g}" for t in ticks])
    ax.set_yticks(ticks, [f"{t:.3g}" for t in ticks])
    if not small:
        ax.set_xlabel("p")
        ax.set_ylabel("q")


def _surface(ax: Any, result: Landscape, rises: np.ndarray, levels: Levels, *, small: bool) -> None:
    low, top = _heights(levels)
    p, q = np.meshgrid(result.axis, result.axis, indexing="ij")
    finite = np.isfinite(rises)
    facets = min(len(result.axis), 30 if small else _FACETS)
    ax.plot_surface(
        p, q, np.where(finite, np.minimum(rises, top), np.nan), cmap=SEQUENTIAL, vmin=low, vmax=top,
        rcount=facets, ccount=facets, linewidth=0.1, edgecolor="#333333", antialiased=True,
    )  # fmt: skip
    if not finite.all():
        ax.computed_zorder = False  # marks in front of the surface wherever they are
        ax.scatter(p[~finite], q[~finite], top, marker="x", color="black", s=9, linewidths=0.7, zorder=9)
    ax.set_zlim(low, top)
    ticks = [-result.span, 0, result.span]
    for set_ticks in (ax.set_xticks, ax.set_yticks):
        set_ticks(ticks, [] if small else [f"{t:.3g}" for t in ticks])
    ax.tick_params(labelsize=6.5, pad=-2)
    if not small:
        ax.set_xlabel("p", labelpad=-6)
        ax.set_ylabel("q", labelpad=-6)


def _heights(levels: Levels) -> tuple[float, float]:
    """Bottom and top of surfaces, in nats from the centre."""
    low = float(levels.values[0])
    return low, min(float(levels.values[-1]), low + _TALLEST)


def _scale(foot: FigureBase, result: Landscape, levels: Levels, kind: Kind) -> None:
    """The colours of all panels, and what they were measured on."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    bar, (low, top) = foot.add_subplot(), _heights(levels)
    if kind == "surface":
        foot.colorbar(ScalarMappable(Normalize(low, top), SEQUENTIAL), cax=bar, orientation="horizontal")
        remark = f", cut at {_signed(top)}" if top < levels.values[-1] else ""
    else:
        colours, norm = levels.colours()
        ticks = levels.ticks().tolist()
        shown = foot.colorbar(ScalarMappable(norm, colours), cax=bar, orientation="horizontal", ticks=ticks)
        shown.minorticks_off()
        bar.set_xticklabels([_signed(t) for t in ticks])
        remark = f", lines {levels.step:g} apart{f' as far as ±{levels.even:g}' if levels.widens else ''}"
    if not np.isfinite(result.loss).all():
        remark += f"; {'×' if kind == 'surface' else 'hatched'}: not finite"
    bar.set_xlabel(
        f"loss less that of the network (nats){remark}\n"
        f"p, q in norms of the filters; {result.n:,} images of {result.images}",
        fontsize=8,
    )


def _flatness(result: Landscape, places: list[int]) -> Figure:
    """Mean change of the loss in random directions: by distance, or at the farthest by module."""
    k = MEASURES.index("change" if any(m.role in ("P", "RI") for m in result.members) else "rise")
    by_module = len(places) > 1
    fig = sheet(min(11.0, 3.6 + 0.28 * len(places)) if by_module else 4.6, 3.6)
    ax = fig.subplots()
    if by_module:
        chosen, x = [(j, len(result.radii) - 1) for j in places], np.arange(len(places), dtype=float)
    else:
        chosen, x = [(places[0], r) for r in range(len(result.radii))], result.radii
    kinds = _kinds(result)
    look = looks(kinds)
    lowest = np.inf
    for i, kind in enumerate(kinds):
        rises = np.stack([result.rises[i, j, r] for j, r in chosen])
        mean = (np.abs(rises) if k else rises).mean((1, 2))
        known = [over_planes(result.rises[i, j, r], MEASURES[k]).interval() for j, r in chosen]
        ends = np.array([(np.nan, np.nan) if both is None else both for both in known]).T
        colour, dash = look[kind]
        bars = np.nan_to_num(np.clip([mean - ends[0], ends[1] - mean], 0, None), posinf=0)
        offset = (i - (len(result.members) - 1) / 2) * 0.12 if by_module else 0.0
        there = np.isfinite(mean)
        label = f"{kind} ({kinds.count(kind)})" if kinds.count(kind) > 1 else kind
        ax.errorbar(
            x[there] + offset, mean[there], bars[:, there], label=None if kind in kinds[:i] else label, color=colour,
            linestyle=dash, linewidth=1.3, marker=MARKERS[list(look).index(kind) % len(MARKERS)], markersize=4,
            elinewidth=0.9, capsize=2,
        )  # fmt: skip
        for place in x[~there]:
            ax.plot(place + offset, 1, "x", color=colour, transform=ax.get_xaxis_transform(), clip_on=False)
        lowest = min(lowest, float(np.min(mean, initial=np.inf, where=np.isfinite(mean))))
    if 0 < lowest < np.inf:
        ax.set_yscale("log")
    else:
        ax.axhline(0, color="#555555", linewidth=0.8)
    bars_told = "\nbars: 95 %, of each network over planes" if result.rises.shape[3] > 1 else ", in one plane"
    distance = f" at {100 * result.radii[-1]:.3g} % of the filters' norm" if by_module else ""
    ax.set_ylabel("mean |change of the loss| (nats)" if k else "mean rise of the loss (nats)")
    ax.set_title(
        f"{'Change' if k else 'Rise'} of the loss in {2 * result.rises.shape[3]} random directions{distance},\n"
        f"{result.n:,} images of {result.images}{bars_told}",
        fontsize=8.5,
    )
    if by_module:
        every = max(1, -(-len(places) // (2 * _LABELS)))
        names = [result.modules[j] for j in places]
        ax.set_xticks(x[::every], names[::every], rotation=90 if crowded(names[::every], 6) else 0, fontsize=7)
    else:
        ax.set_xlabel("distance, in norms of the filters")
        ax.set_xlim(left=0)
    fig.legend(loc="outside lower center", ncols=min(4, len(look)))
    return fig


def _centre(result: Landscape, member: int, module: int) -> str:
    centre = result.centre[member, module]
    return f"loss {centre:.3g}" if np.isfinite(centre) else "loss not finite"


def _range(rises: np.ndarray) -> str:
    finite = rises[np.isfinite(rises)]
    return f", {_signed(finite.min())} to {_signed(finite.max())}" if len(finite) else ""


def _signed(x: float) -> str:
    text = f"{x:+.2g}" if abs(x) < 1e4 else f"{x:+.0e}".replace("e+0", "e").replace("e+", "e")
    return "0" if float(text) == 0 else text.replace("-", "−")
