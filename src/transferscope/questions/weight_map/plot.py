"""Pictures of where networks lie: the map (Liu et al. 2019, Fig. 4), and the distances it was made from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...errors import UsageError
from ...plots.sheet import sheet
from ...plots.style import PALETTE, SEQUENTIAL, styled
from .measure import WeightMap

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_MARKERS = "osD^vPXd<>"
_COLOURS = (0, 2, 3, 4, 5, 7)
_RANDOM = 1
_FILLS = ("full", "left", "bottom", "top", "right")
_LABELS = 40
_CROWDED = 0.25
"""Networks of one start within this part of the map get a close-up."""
_CLOSE_UPS = 4


def plot(result: WeightMap, kind: Literal["map", "distances"] = "map") -> Figure:
    """Draw the map, or the matrix of distances behind it.

    Args:
        result: what to draw.
        kind: ``map`` as Liu et al. 2019, Fig. 4: colour and filling for the start, marker for the target, with a
            close-up of each start, of four at most, whose networks lie too near to each other to be told apart;
            ``distances``: the matrix, networks sorted by start.
    """
    if kind not in ("map", "distances"):
        raise UsageError(f"kind {kind!r}: expected 'map' or 'distances'")
    with styled():
        if kind == "map":
            fig = sheet(7.4, 4.4)
            _panels(fig, result)
        else:
            side = min(9.0, 3.2 + 0.16 * len(result.points))
            fig = sheet(side + 1.2, side)
            _matrix(fig, fig.subplots(), result)
    return fig


def _panels(fig: Figure, result: WeightMap) -> None:
    looks = _looks(result)
    crowded = [name for name in looks if _crowded(result, name)][:_CLOSE_UPS]
    grid = fig.add_gridspec(max(1, len(crowded)), 2 if crowded else 1, width_ratios=(2.2, 1.0) if crowded else (1.0,))
    main = fig.add_subplot(grid[:, 0])
    _points(main, result, range(len(result.points)))
    main.set_title("t-SNE of the distances between weights")
    for row, name in enumerate(crowded):
        ax = fig.add_subplot(grid[row, 1])
        of = [i for i, p in enumerate(result.points) if p.start == name]
        _points(ax, result, of)
        ax.set_title(f"close-up: {_told(name)}", fontsize=8, color=looks[name][0])
    _legend(fig, result)


def _crowded(result: WeightMap, start: str) -> bool:
    """Whether the networks of a start lie within a small part of the map."""
    own = result.position[[p.start == start for p in result.points]]
    whole = np.ptp(result.position, axis=0).max()
    return len(own) > 2 and bool(np.ptp(own, axis=0).max() < _CROWDED * whole)


def _points(ax: Axes, result: WeightMap, of: Iterable[int]) -> None:
    looks, markers = _looks(result), _markers(result)
    for i in of:
        point, (x, y) = result.points[i], result.position[i]
        colour, fill = looks[point.start]
        shape, size = (markers[point.target], 8.0) if point.target else ("*", 15.0)
        ax.plot(x, y, zorder=3 if point.target else 2, **_mark(shape, colour, fill, size))
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(True)
        spine.set_color("#BBBBBB")
    ax.margins(0.12)
    ax.set_aspect("equal", adjustable="datalim")


def _legend(fig: Figure, result: WeightMap) -> None:
    from matplotlib.lines import Line2D

    def heading(text: str) -> Line2D:
        return Line2D([], [], linestyle="", label=rf"$\bf{{{text}}}$")

    starts = [
        Line2D([], [], label=_told(name), **_mark("o", colour, fill, 7.0))
        for name, (colour, fill) in _looks(result).items()
    ]
    shapes = [Line2D([], [], label=name, **_mark(m, "#333333", "none", 7.0)) for name, m in _markers(result).items()]
    if any(not p.target for p in result.points):
        shapes.append(Line2D([], [], label="nothing: the start itself", **_mark("*", "#333333", "none", 11.0)))
    handles = [heading("start"), *starts, heading("trained\\ on"), *shapes]
    fig.legend(handles=handles, loc="outside right upper", ncols=1 + len(handles) // 18)


def _mark(shape: str, colour: str, fill: str, size: float) -> dict[str, Any]:
    return {
        "linestyle": "",
        "clip_on": False,
        "marker": shape,
        "markersize": size,
        "fillstyle": fill,
        "markerfacecolor": colour,
        "markerfacecoloralt": "white",
        "markeredgecolor": colour if fill == "none" else "black",
        "markeredgewidth": 1.6 if fill == "none" else 0.7,
    }


def _matrix(fig: Figure, ax: Axes, result: WeightMap) -> None:
    starts = list(_looks(result))
    order = sorted(
        range(len(result.points)),
        key=lambda i: (starts.index(result.points[i].start), result.points[i].target, result.points[i].label),
    )
    image = ax.imshow(result.distance[np.ix_(order, order)], cmap=SEQUENTIAL)
    of = [result.points[i].start for i in order]
    for edge in [i for i in range(1, len(of)) if of[i] != of[i - 1]]:
        ax.axhline(edge - 0.5, color="white", linewidth=1.5)
        ax.axvline(edge - 0.5, color="white", linewidth=1.5)
    names = [result.points[i].name for i in order]
    if len(names) <= _LABELS:
        ax.set_xticks(range(len(names)), names, rotation=90, fontsize=6.5)
        ax.set_yticks(range(len(names)), names, fontsize=6.5)
    else:
        middle = [(float(np.mean([k for k, s in enumerate(of) if s == name])), name) for name in starts]
        ax.set_yticks([i for i, _ in middle], [_told(name) for _, name in middle])
        ax.set_xticks([])
    ax.grid(visible=False)
    fig.colorbar(image, ax=ax, label=r"$\|\theta_a - \theta_b\|_2$", shrink=0.8)
    ax.set_title("Distances between weights")


def _looks(result: WeightMap) -> dict[str, tuple[str, str]]:
    """A colour and a filling for each start, the filling for grey prints; random weights have their own."""
    pretrained = [name for name in dict.fromkeys(p.start for p in result.points) if name != "random"]
    found = {
        name: (PALETTE[_COLOURS[i % len(_COLOURS)]], _FILLS[i % len(_FILLS)]) for i, name in enumerate(pretrained)
    }
    if any(p.start == "random" for p in result.points):
        found["random"] = (PALETTE[_RANDOM], "none")
    return found


def _markers(result: WeightMap) -> dict[str, str]:
    return {target: _MARKERS[i % len(_MARKERS)] for i, target in enumerate(result.targets)}


def _told(start: str) -> str:
    return {"random": "random weights", "P": "pre-trained (P)", "": "unknown"}.get(start, start)
