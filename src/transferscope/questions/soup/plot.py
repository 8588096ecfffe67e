"""Picture of soups: one panel a test set, everything against the best single network; and how the soup came about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.sheet import leftmost, sheet
from ...plots.style import PALETTE, styled
from .measure import HELD_OUT, Soup

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_LOOKS = {
    "ingredient": ("#555555", "o"),
    "soup": (PALETTE[0], "D"),
    "ensemble": (PALETTE[1], "s"),
    "merged": (PALETTE[2], "^"),
}


def plot(result: Soup) -> Figure:
    """Draw each entry with its 95 % interval over images, the best single one as a line, and the steps of the soup.

    Args:
        result: what to draw.
    """
    shown = [e for e in result.entries if e.kind != "ingredient"]
    metric = "AUC" if result.metric == "auc" else "accuracy"
    with styled():
        columns = len(result.tests) + 1
        fig = sheet(2.2 + 2.7 * columns, 1.6 + 0.27 * (len(shown) + 2))
        panels = fig.subplots(1, columns, squeeze=False)[0]
        for ax, images in zip(panels, result.tests, strict=False):
            _panel(ax, result, images, [e.name for e in shown], named=leftmost(ax))
            ax.set_xlabel(f"{metric} (%)\nn = {result.n[images]:,} images")
        _steps(panels[-1], result, metric)
    return fig


def _panel(ax: Axes, result: Soup, images: str, shown: list[str], *, named: bool) -> None:
    rows = ["ingredients", "oracle (on this set)", *shown]
    singles = 100 * np.array([result.value(name, images) for name in result.ingredients])
    ax.plot(singles, np.zeros(len(singles)), "|", color=_LOOKS["ingredient"][0], markersize=8)
    for row, name in enumerate([result.oracle(images), *shown], 1):
        kind = "ingredient" if row == 1 else result.entry(name).kind
        colour, marker = _LOOKS[kind]
        found = result.metric_of(name, images)
        if found.low is not None and found.high is not None:
            ax.plot([100 * found.low, 100 * found.high], [row, row], color=colour, linewidth=1.4)
        ax.plot(100 * found.value, row, marker, color=colour, markersize=5)
    ax.axvline(100 * result.value(result.best, images), color="#555555", linewidth=0.9, linestyle=":", zorder=0)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)), rows if named else [""] * len(rows))
    ax.set_title(images)
    ax.grid(axis="y", visible=False)


def _steps(ax: Axes, result: Soup, metric: str) -> None:
    """The held-out metric of the soup as it grows; what was tried and not taken is hollow."""
    places = np.arange(1, len(result.steps) + 1)
    tried = 100 * np.array([s.after for s in result.steps])
    taken = np.array([s.accepted for s in result.steps])
    level = 100 * np.array([s.after if s.accepted else s.before for s in result.steps])
    ax.step(places, level, where="post", color=PALETTE[0])
    ax.plot(places[taken], tried[taken], "D", color=PALETTE[0], markersize=4, label="taken")
    if not taken.all():
        ax.plot(
            places[~taken], tried[~taken], "o", color="white", markeredgecolor="#555555", markersize=4,
            label="not taken",
        )  # fmt: skip
    ax.set_title("Greedy soup")
    ax.set_xlabel(f"tried, by their own {metric}\nn = {result.n[HELD_OUT]:,} held-out images")
    ax.set_ylabel(f"held-out {metric} (%)")
    ax.legend()
