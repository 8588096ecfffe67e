"""Pictures of scores: leave-one-out ridge with intervals beside the null, and every other score by candidate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled
from .measure import Scores
from .values import SCORES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_SHOWN = ("knn", "logme", "h_score", "transrate", "gbc", "leep", "nce")


def plot(result: Scores, *, most: int = 30) -> Figure:
    """Draw the candidates, the best by ridge at the top, and the order that every other score gives them.

    Args:
        result: what to draw.
        most: so many candidates are drawn.
    """
    order = result.order()[:most]
    names = [name for name in _SHOWN if np.isfinite(result.of(name)[order]).any()]
    with styled():
        height = 1.5 + 0.28 * len(order)
        fig = sheet(8.4, height)
        left, right = fig.subplots(1, 2, sharey=True, gridspec_kw={"width_ratios": (1.1, 1.0)})
        _ridge(left, result, order)
        _ranks(right, result, order, names)
        fig.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=3, fontsize=7)
        if len(result.candidates) > most:
            fig.suptitle(f"the first {most} of {len(result.candidates)} candidates")
    return fig


def _ridge(ax: Axes, result: Scores, order: list[int]) -> None:
    tied = result.tied()
    at = result.names.index("ridge")
    for y, i in enumerate(order):
        found = result.estimate(i)
        colour = PALETTE[0] if i in tied else "#777777"
        low, high = (found.value if end is None else end for end in (found.low, found.high))
        ends = [[found.value - low], [high - found.value]]
        ax.errorbar(found.value, y, xerr=np.maximum(ends, 0), fmt="o" if i in tied else "s", color=colour, ms=5,
                    elinewidth=1.3)  # fmt: skip
        if len(result.null):
            drawn = result.null[:, i, at]
            ax.plot(
                [drawn.min(), drawn.max()], [y, y], color=PALETTE[1], linewidth=4, alpha=0.4, solid_capstyle="butt"
            )
    ax.set_yticks(range(len(order)), [result.labels[i] for i in order], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("area under the ROC curve" if result.multilabel else "accuracy")
    ax.set_title(f"Leave-one-out ridge, {result.n:,} images")
    ax.plot([], [], "o", color=PALETTE[0], label="best, or not told apart")
    ax.plot([], [], "s", color="#777777", label="told apart")
    if len(result.null):
        ax.plot([], [], color=PALETTE[1], linewidth=4, alpha=0.4, label="labels permuted")


def _ranks(ax: Axes, result: Scores, order: list[int], names: list[str]) -> None:
    """Ranks by each score, 1 the best; the lighter the better."""
    ranks = np.full((len(order), len(names)), np.nan)
    for column, name in enumerate(names):
        own = result.oriented(name)
        for row, i in enumerate(order):
            if np.isfinite(own[i]):
                ranks[row, column] = 1 + np.sum(own > own[i])
    ax.imshow(ranks, aspect="auto", cmap="cividis_r", vmin=1, vmax=max(2, len(result.candidates)))
    for (row, column), rank in np.ndenumerate(ranks):
        dark = np.isfinite(rank) and rank > 0.55 * len(result.candidates)
        text = "–" if np.isnan(rank) else f"{int(rank)}"
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
    ax.set_xticks(range(len(names)), [SCORES[name] for name in names], rotation=35, ha="right", fontsize=8)
    ax.set_title("Rank by other scores")
    ax.grid(visible=False)
