"""Pictures of the Hessian's spectrum: its largest eigenvalues in order, and its density.

Source: Liu et al. 2019, Fig. 3a.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import Hessian

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot"]

_POINTS = 800
_WIDTH = 0.01
"""Standard deviation of the Gaussian of a Ritz value, of the range of all of them."""


def plot(result: Hessian, *, width: float = _WIDTH) -> Figure:
    """Draw the largest eigenvalues of each network, and their density where it was computed.

    Args:
        result: what to draw.
        width: of the density's Gaussians, as a share of its range.
    """
    with styled():
        both = bool(result.nodes.shape[1])
        fig = sheet(7.6 if both else 5.2, 3.3)
        axes = fig.subplots(1, 2 if both else 1, squeeze=False)[0]
        handles = _eigenvalues(axes[0], result)
        if both:
            _density(axes[1], result, width)
        fig.legend(
            handles=list(handles.values()),
            labels=[_label(result, kind) for kind in handles],
            loc="outside lower center",
            ncols=min(4, len(handles)),
        )
    return fig


def _kinds(result: Hessian) -> list[str]:
    return [m.role or m.label for m in result.members]


def _label(result: Hessian, kind: str) -> str:
    how_many = _kinds(result).count(kind)
    return f"{kind} ({how_many})" if how_many > 1 else kind


def _eigenvalues(ax: Axes, result: Hessian) -> dict[str, Line2D]:
    """One line a network, with the residuals as bars where they can be seen; returns one of each kind."""
    lines: dict[str, Line2D] = {}
    look, index = looks(_kinds(result)), np.arange(1, result.values.shape[1] + 1)
    order = list(look)
    for m, kind in enumerate(_kinds(result)):
        colour, dash = look[kind]
        marker = MARKERS[order.index(kind) % len(MARKERS)]
        (lines[kind],) = ax.plot(
            index, result.values[m], color=colour, linestyle=dash, linewidth=1.1, marker=marker, markersize=3.5
        )
    for m, kind in enumerate(_kinds(result)):
        ax.errorbar(index, result.values[m], result.errors[m], fmt="none", ecolor=look[kind][0], elinewidth=0.8)
    ax.axhline(0, color="#555555", linewidth=0.8)
    ax.set_xticks(index[:: max(1, len(index) // 10)])
    ax.set_xlabel("index, by magnitude" if result.which == "magnitude" else "index")
    ax.set_ylabel("eigenvalue")
    of = f" of {result.module}" if result.module else ""
    ax.set_title(f"Largest eigenvalues of the Hessian{of}\n{result.n:,} images of {result.images}", fontsize=9)
    return lines


def _density(ax: Axes, result: Hessian, width: float) -> None:
    low, high = float(np.nanmin(result.nodes)), float(np.nanmax(result.nodes))
    sigma = width * (high - low or 1.0)
    x = np.linspace(low - 4 * sigma, high + 4 * sigma, _POINTS)
    look = looks(_kinds(result))
    for m, kind in enumerate(_kinds(result)):
        colour, dash = look[kind]
        ax.plot(x, result.density(m).at(x, sigma), color=colour, linestyle=dash, linewidth=1.1)
    ax.set_yscale("log")
    # Far from all nodes the Gaussians fall to numbers without meaning: one eigenvalue in a million is the floor.
    ax.set_ylim(bottom=1e-6 / (sigma * np.sqrt(2 * np.pi)))
    ax.set_xlabel("eigenvalue")
    ax.set_ylabel("density")
    ax.set_title(f"Density of eigenvalues\nGaussians of width {sigma:.2g}", fontsize=9)
