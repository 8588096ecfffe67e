"""Picture of the head's setting: metrics, margins and norms over it, and few-shot by module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...plots.few import some_of
from ...plots.looks import MARKERS
from ...plots.sheet import figure
from ...plots.style import DASHES, PALETTE, styled
from .measure import Head

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_NETWORKS = 12
"""Most networks that are drawn where they are no grid."""

_AXES = {"head_weight_decay": "head weight decay", "head_lr": "factor on the head's rate"}


def plot(result: Head) -> Figure:
    """Draw metrics, margins and norms over the grid, a point a network, and few-shot accuracy by module.

    Args:
        result: what to draw.
    """
    with styled():
        if result.grid is None:
            fig, ((margins, norms),) = figure(1, 2, width=3.6, height=3.2)
            _by_place(margins, result)  # type: ignore[arg-type]
            _by_module(norms, result)  # type: ignore[arg-type]
            return fig
        fig, ((metrics, margins, norms, probes),) = figure(1, 4, width=3.2, height=3.1)
        lines = {"upstream": result.right.mean(1)}
        lines |= {f"{t}, {result.shots}-shot": result.few[:, i, -1].mean(1) for i, t in enumerate(result.targets)}
        _over(metrics, result, {name: 100 * y for name, y in lines.items()}, "metric (%)")  # type: ignore[arg-type]
        layers = result.median_margins()
        _over(
            margins,  # type: ignore[arg-type]
            result,
            {"head": layers[:, -1], "modules, mean": layers[:, :-1].mean(1)},
            f"median margin / spread ({result.form}s)",
        )
        half = max(1, len(result.modules) // 2)
        shown = {"head": result.head_norms[:, 0], "lower half": np.exp(np.log(result.norms[:, :half]).mean(1)),
                 "upper half": np.exp(np.log(result.norms[:, half:]).mean(1))}  # fmt: skip
        _over(norms, result, {k: y for k, y in shown.items() if np.isfinite(y).all()}, "norm")  # type: ignore[arg-type]
        norms.set_yscale("log")  # type: ignore[attr-defined]
        _probes(probes, result)  # type: ignore[arg-type]
    return fig


def _over(ax: Axes, result: Head, lines: dict[str, np.ndarray], label: str) -> None:
    grid = result.grid
    assert grid is not None  # the caller's choice
    for at, (name, y) in enumerate(lines.items()):
        colour, dash = PALETTE[at % len(PALETTE)], DASHES[at % len(DASHES)]
        for row in grid.rows:
            ax.plot(grid.values, y[row], "o", color=colour, ms=3, alpha=0.5)
        ax.plot(grid.values, y[grid.rows].mean(0), color=colour, linestyle=dash, label=name)
    ax.set_xscale("log")
    ax.set_xlabel(f"{_AXES[result.setting]}\nn = {len(grid.rows)} pre-trainings each")
    ax.set_ylabel(label)
    ax.legend(fontsize=6)


def _probes(ax: Axes, result: Head) -> None:
    """Few-shot accuracy by module, a line a value of the setting: the mean over targets and seeds."""
    grid = result.grid
    assert grid is not None
    if result.targets:
        for at, (value, rows) in enumerate(zip(grid.values, grid.rows.T, strict=True)):
            y = 100 * result.few[rows].mean((0, 1, 3))
            shade = at / max(1, len(grid.values) - 1)
            ax.plot(range(len(y)), y, color=PALETTE[0], alpha=0.3 + 0.7 * shade, label=f"{value:g}")
        ax.set_xticks(range(len(result.readings)), result.readings, rotation=60, ha="right", fontsize=6)
        ax.legend(fontsize=6, title=_AXES[result.setting], title_fontsize=6)
    ax.set_ylabel(f"{result.shots}-shot accuracy (%)\n{len(result.targets)} targets")


def _look(at: int) -> dict[str, Any]:
    """Of the so-manieth network: a colour, a dash and a marker, for grey prints."""
    return {
        "color": PALETTE[at % len(PALETTE)],
        "linestyle": DASHES[at % len(DASHES)],
        "marker": MARKERS[at % len(MARKERS)],
        "markersize": 3,
    }


def _by_place(ax: Axes, result: Head) -> None:
    for at, (label, y) in enumerate(zip(result.networks[:_NETWORKS], result.median_margins(), strict=False)):
        ax.plot(range(len(y)), y, **_look(at), label=label)
    ax.set_xticks(range(len(result.places)), result.places, rotation=60, ha="right", fontsize=6)
    ax.set_ylabel(f"median margin / spread\nn = {result.margins.shape[2]:,} images")
    ax.set_title(some_of(min(_NETWORKS, len(result.networks)), len(result.networks), "networks"), fontsize=9)
    ax.legend(fontsize=6)


def _by_module(ax: Axes, result: Head) -> None:
    names = [*result.modules, "head"]
    for at, (norms, own) in enumerate(zip(result.norms[:_NETWORKS], result.head_norms, strict=False)):
        ax.plot(range(len(names)), [*norms, own[0]], **_look(at))
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=6)
    ax.set_ylabel("norm of the weights")
    ax.set_yscale("log")
