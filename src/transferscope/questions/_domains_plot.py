"""How paths between networks of different domains are drawn: a row a pair, a column the domain it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..plots.few import some_of
from ..plots.sheet import sheet
from ..plots.style import look_of, styled
from ._domains import DomainPath
from ._paths_plot import bands_of, draw_curve, kind_looks, legend_below, metrics_of, share_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["draw_domains"]


_PANELS = 48
"""Most panels of a figure; six domains with all their pairs would be 180."""


def draw_domains(
    paths: Sequence[DomainPath], metrics: Sequence[str] | None, pairs: Sequence[tuple[str, str]] | None = None
) -> Figure:
    """Draw one curve a role over λ in each panel.

    Args:
        paths: what to draw.
        metrics: which; by default accuracy (or AUC) and loss.
        pairs: of which domains, by what the ends were trained on; by default all, or the first for which there is
            room, and the figure says so.

    Raises:
        UsageError: for a pair of domains that was not measured.
    """
    inner = [p.path for p in paths]
    there = list(dict.fromkeys(p.trained_on for p in paths))
    chosen, sets, looks = metrics_of(inner, metrics), inner[0].sets, kind_looks(inner)
    told = ""
    if pairs is None:
        pairs = there[: max(1, _PANELS // max(1, len(chosen) * len(sets)))]
        told = some_of(len(pairs), len(there), "pairs of domains")
    for pair in pairs:
        if pair not in there:
            known = "; ".join(f"{a} and {b}" for a, b in there)
            raise UsageError(f"no line from {pair[0]} to {pair[1]} was measured; there are those of {known}")
    rows = [(metric, pair) for metric in chosen for pair in pairs]
    with styled():
        fig = sheet(2.75 * len(sets) + 0.4, 2.0 * len(rows) + 0.4)
        panels = fig.subplots(len(rows), len(sets), squeeze=False)
        lines: dict[str, Line2D] = {}
        for row, (metric, pair) in enumerate(rows):
            for column, images in enumerate(sets):
                ax: Axes = panels[row][column]
                for path in (p.path for p in paths if p.trained_on == pair):
                    role = path.roles[0] if path.roles[0] == path.roles[1] else ""
                    name, look = (role, look_of(role)) if role else (path.kind, looks[path.kind])
                    lines.setdefault(name, draw_curve(ax, path, path.curve(images, metric), look, label=name))
                share_scale([ax], metric)
                ax.set_xticks([0, 0.5, 1], [f"λ = 0\n{pair[0]}", "", f"1\n{pair[1]}"])
                ax.set_xlabel("")
                ax.set_title(f"{pair[0]} to {pair[1]}, tested on {images}", fontsize=8.5)
        if told:
            fig.suptitle(told, fontsize=9, x=0.01, ha="left")
        legend_below(fig, list(lines.values()), bands_of(inner[:1]))
    return fig
