"""How paths between networks of different domains are drawn: a row a pair, a column the domain it is evaluated on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..plots.sheet import sheet
from ..plots.style import look_of, styled
from ._domains import DomainPath
from ._paths_plot import bands_of, draw_curve, kind_looks, legend_below, metrics_of, share_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["draw_domains"]


def draw_domains(paths: Sequence[DomainPath], metrics: Sequence[str] | None) -> Figure:
    """Draw one curve a role over λ in each panel.

    Args:
        paths: what to draw.
        metrics: which; by default accuracy (or AUC) and loss.
    """
    inner = [p.path for p in paths]
    pairs = list(dict.fromkeys(p.trained_on for p in paths))
    chosen, sets, looks = metrics_of(inner, metrics), inner[0].sets, kind_looks(inner)
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
        legend_below(fig, list(lines.values()), bands_of(inner[:1]))
    return fig
