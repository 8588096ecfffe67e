"""Pictures of feature similarity: each module with itself, and every module with every other.

Source: Neyshabur et al. 2020, Tables 1 and 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...plots.crowded import crowded
from ...plots.few import some_of
from ...plots.looks import HATCHES, looks
from ...plots.sheet import sheet
from ...plots.style import styled, width_limit
from .measure import Similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.image import AxesImage

__all__ = ["plot"]

_MAPS = 4
_BARS = 8
_KINDS = 12
"""Most kinds of pairs of the first panel. Every two files are a kind, so ten of them make 45."""
_LABELS = 12
_ONE_ROW = 6.0
"""Inches of a figure in which four maps stand side by side."""
_CELL = 0.26
"""Inches of a cell that has room for its number."""


def plot(result: Similarity, *, pairs: Sequence[tuple[str, str]] | None = None) -> Figure:
    """Draw the CKA of each module with itself by kind of pair, and maps of every module with every other.

    Args:
        result: what to draw.
        pairs: labels of the pairs whose maps are drawn; by default the first pair of each kind, at most four.
    """
    if pairs is None:
        first = {pair.kind: pair for pair in reversed(result.pairs)}
        ordered = [first[kind] for kind in dict.fromkeys(result.profile()["pair"])][:_MAPS]
        pairs = [(result.members[p.a].label, result.members[p.b].label) for p in ordered]
    with styled():
        rows = 1 if width_limit() >= _ONE_ROW else -(-len(pairs) // 2)
        fig = sheet(7.6, 2.9 + 2.6 * rows * bool(pairs))
        if not pairs:
            _profile(fig.subplots(), result)
            return fig
        above, below = fig.subfigures(2, 1, height_ratios=(2.9, 2.6 * rows), squeeze=False)[:, 0]
        _profile(above.subplots(), result)
        _maps(below, result, pairs, rows, fig.get_figwidth())
    return fig


def _profile(ax: Axes, result: Similarity) -> None:
    """Bars for a few modules, curves over depth for many."""
    long = result.profile()
    there = set(long["module"])
    forward = [name for modules in result.modules for name in modules if name in there]
    names = list(dict.fromkeys([*forward, *long["module"]]))
    every = list(dict.fromkeys(long["pair"]))
    kinds = every[:_KINDS]
    width, look = 0.8 / max(len(kinds), 1), looks(kinds)
    for i, kind in enumerate(kinds):
        rows = long[long["pair"] == kind].sort_values("module", key=lambda of: of.map(names.index))
        at = np.array([names.index(name) for name in rows["module"]], dtype=float)
        values = rows["cka"].to_numpy()
        errors = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy().T - values))
        colour, dash = look[kind]
        label = f"{kind} ({int(rows['pairs'].max())})"
        if len(names) <= _BARS:
            ax.bar(
                at + (i - (len(kinds) - 1) / 2) * width, values, width * 0.92, color=colour, label=label,
                hatch=HATCHES[i % len(HATCHES)], edgecolor="white", linewidth=0,
            )  # fmt: skip
            ax.errorbar(
                at + (i - (len(kinds) - 1) / 2) * width, values, errors, fmt="none", ecolor="#333333", elinewidth=0.8
            )
        else:
            ax.plot(at, values, color=colour, linestyle=dash, marker="o", markersize=2.5, label=label)
            ax.fill_between(at, values - errors[0], values + errors[1], color=colour, alpha=0.18, linewidth=0)
    _module_ticks(ax, names)
    ax.axhline(0, color="#555555", linewidth=0.8)
    ax.set_ylabel("CKA")
    told = some_of(len(kinds), len(every), "kinds of pairs")
    ax.set_title(f"Each module with itself, {result.n:,} images of {result.images}" + (f"\n{told}" if told else ""))
    ax.grid(axis="x", visible=False)
    ax.legend(
        title="pairs of networks (how many),\n95 % intervals over images of these",
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
    )


def _maps(below: SubFigure, result: Similarity, pairs: Sequence[tuple[str, str]], rows: int, width: float) -> None:
    columns = -(-len(pairs) // rows)
    axes = list(below.subplots(rows, columns, squeeze=False).ravel())
    for spare in axes[len(pairs) :]:
        spare.set_axis_off()
    axes = axes[: len(pairs)]
    image: AxesImage | None = None
    for ax, (a, b) in zip(axes, pairs, strict=True):
        matrix = result.matrix(a, b)
        image = ax.imshow(matrix.to_numpy(), vmin=0, vmax=1, origin="lower", aspect="auto")
        _module_ticks(ax, list(matrix.columns), slanted=True)
        _module_ticks(ax, list(matrix.index), vertical=True)
        ax.set_xlabel(b)
        ax.set_ylabel(a)
        ax.grid(visible=False)
        if (width - 0.8) / columns - 0.6 > _CELL * matrix.shape[1]:
            _numbers(ax, matrix.to_numpy())
    if image is not None:
        below.colorbar(image, ax=list(axes), label="CKA", shrink=0.9)


def _numbers(ax: Axes, values: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if not value > 0.55 else "black"
        text = "–" if np.isnan(value) else f"{value:.2f}".lstrip("0") if value < 0.995 else "1"
        ax.text(j, i, text, ha="center", va="center", fontsize=6.5, color=colour)


def _module_ticks(ax: Axes, names: Sequence[str], *, vertical: bool = False, slanted: bool = False) -> None:
    """Name the modules, every so many of them where there are too many to read."""
    step = max(1, -(-len(names) // (_LABELS if vertical or slanted else 2 * _LABELS)))
    places = range(0, len(names), step)
    labels = [names[i] for i in places]
    if vertical:
        ax.set_yticks(list(places), labels, fontsize=7)
    else:
        slanted = slanted or crowded(labels, 2 * _LABELS)
        ax.set_xticks(
            list(places), labels, fontsize=7, rotation=60 if slanted else 0, ha="right" if slanted else "center",
            rotation_mode="anchor",
        )  # fmt: skip
