"""Pictures of probes: accuracy by module with bands, a panel a way to a classifier; the best and the earliest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...plots.few import first_of_each, some_of
from ...plots.looks import MARKERS, looks
from ...plots.sheet import figure
from ...plots.style import styled
from .measure import Method, Probe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_NETWORKS = 8
"""Most networks that are drawn."""

_SHADES = (0.35, 0.55, 0.75, 1.0)


def plot(result: Probe) -> Figure:
    """Draw accuracy by module: few-shot by leave-one-out of all shots, then linear probe and neighbours.

    Args:
        result: what to draw.
    """
    few = [m for m in result.methods if m.kind == "loo"] or [m for m in result.methods if m.kind == "fixed"]
    panels: list[tuple[str, list[Method]]] = [("Few-shot", few)]
    panels += [(m.name.capitalize(), [m]) for m in result.methods if m.kind in ("linear", "knn")]
    networks = _few(result)
    with styled():
        longest = max(len(result.of(network)) for network in networks)
        fig, (axes,) = figure(1, len(panels), width=max(3.0, 0.22 * longest + 1.2), height=3.2)
        for ax, (title, methods) in zip(axes, panels, strict=True):
            _panel(ax, result, networks, title, methods)  # type: ignore[arg-type]
        axes[0].set_ylabel(f"accuracy (%)\nn = {result.n:,} test images")  # type: ignore[attr-defined]
        handles, labels = axes[0].get_legend_handles_labels()  # type: ignore[attr-defined]
        fig.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=7)
        if told := some_of(len(networks), len(result.networks), "networks, the first of each kind"):
            fig.suptitle(told, fontsize=9, x=0.01, ha="left")
    return fig


def _few(result: Probe) -> tuple[str, ...]:
    """The first network of each kind, where there are too many; those of one kind differ in their seed alone.

    Each has a line and an entry in the legend for each number of shots.
    """
    if len(result.networks) <= _NETWORKS:
        return result.networks
    kinds = [kind or network for network, kind in zip(result.networks, result.kinds, strict=True)]
    return tuple(result.networks[i] for i in first_of_each(kinds))[:_NETWORKS]


def _panel(ax: Axes, result: Probe, networks: tuple[str, ...], title: str, methods: list[Method]) -> None:
    colours = looks(networks)
    for at, network in enumerate(networks):
        rows, (colour, dash) = result.of(network), colours[network]
        x = range(len(rows))
        for shade, method in zip(_SHADES[-len(methods) :], methods[-len(_SHADES) :], strict=True):
            found = [result.estimate(i, method) for i in rows]
            headline = method == methods[-1]
            name = network if len(methods) == 1 else f"{network}, {method.shots}-shot"
            y = [100 * e.value for e in found]
            ax.plot(x, y, color=colour, linestyle=dash, alpha=shade, linewidth=1.6 if headline else 1.0, label=name)
            if not headline:
                continue
            ends = [[100 * (e.value if end is None else end) for e in found for end in [e.low]],
                    [100 * (e.value if end is None else end) for e in found for end in [e.high]]]  # fmt: skip
            ax.fill_between(x, ends[0], ends[1], color=colour, alpha=0.15, linewidth=0)
            near = result.near(network, method)
            marker = MARKERS[at % len(MARKERS)]
            ax.plot(near.best, y[near.best], marker, color=colour, ms=6)
            ax.plot(near.earliest, y[near.earliest], marker, color="white", markeredgecolor=colour, ms=7, zorder=3)
    ax.axhline(100 * result.chance, color="#777777", linewidth=0.8, linestyle=":")
    names = [result.places[i].name for i in result.of(max(networks, key=lambda n: len(result.of(n))))]
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=6)
    ax.set_title(title)
