"""Picture of the choice: the metric of each network, of the average and of the ensemble, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled
from .measure import AVERAGE, ENSEMBLE, Which

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]

_LOOKS = {AVERAGE: (PALETTE[0], "D"), ENSEMBLE: (PALETTE[1], "s")}


def plot(result: Which) -> Figure:
    """Draw the metric of everything with its 95 % interval over images; the best network is a dotted line.

    With statistics of batch norm collected anew a network is a hollow point.

    Args:
        result: what to draw.
    """
    lines = result.standings()
    with styled():
        fig = sheet(6.0, 1.1 + 0.3 * len(lines))
        ax = fig.subplots()
        for row, line in enumerate(lines):
            colour, marker = _LOOKS.get(line.name, ("#333333", "o"))
            low, high = line.metric.low, line.metric.high
            if low is not None and high is not None:
                ax.plot([100 * low, 100 * high], [row, row], color=colour, linewidth=1.4)
            ax.plot(100 * line.metric.value, row, marker, color=colour, markersize=5)
            moved = result.moved(line.name) if line.name in result.networks else None
            if moved is not None:
                ax.plot(
                    100 * (line.metric.value + moved.value), row, "o", markersize=5, color="none",
                    markeredgecolor=colour,
                )  # fmt: skip
        ax.axvline(100 * lines[0].metric.value, color="#555555", linewidth=0.9, linestyle=":", zorder=0)
        ax.set_ylim(len(lines) - 0.5, -0.5)
        ax.set_yticks(range(len(lines)), [line.name for line in lines])
        ax.grid(axis="y", visible=False)
        ax.set_xlabel(f"{'AUC' if result.metric == 'auc' else 'accuracy'} on {result.images} (%), n = {result.n:,}")
    return fig
