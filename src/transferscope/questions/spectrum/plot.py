"""Pictures of spectra: histograms, counts under a threshold, and norms by layer.

Source: Neyshabur et al. 2020, Fig. 31 to 33.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...evidence.phrases import power_of_ten
from ...plots.crowded import logarithmic
from ...plots.looks import MARKERS, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_BINS = 50
_COLUMNS = 3
_LABELS = 14
_SUMS = 4
"""Kinds whose sums a title says: P, P-T, RI and RI-T."""


def plot(result: Spectrum, *, modules: Sequence[str] | None = None) -> Figure:
    """Draw the spectrum of the whole network and what its layers' norms are, or the spectra of some modules.

    Args:
        result: what to draw.
        modules: draw a histogram of each of these instead.

    Raises:
        UsageError: for a module that has no singular values.
    """
    with styled():
        if modules is not None:
            return _by_module(result, modules)
        fig = sheet(7.6, 5.6)
        (first, second), (third, fourth) = fig.subplots(2, 2)
        handles = _histogram(first, result, None)
        first.set_title("Spectrum of the whole network")
        _counts(second, result)
        _layers(third, result, result.ratio(), r"$\|W\|_F\,/\,\|W\|_2$ of the maps")
        sums = _by_role(result, result.ratio_sum(), lambda x: f"{x:.4g}")
        third.set_title("Frobenius over spectral norm\n" + f"sum: {sums}", fontsize=9)
        _layers(fourth, result, result.top, r"$\|W\|_2$")
        products = _by_role(result, result.log10_product(), power_of_ten)
        fourth.set_title("Largest singular value\n" + f"product: {products}", fontsize=9)
        fig.legend(handles=handles, loc="outside lower center", ncols=min(4, max(1, len(handles))))
    return fig


def _by_module(result: Spectrum, modules: Sequence[str]) -> Figure:
    for module in modules:
        result.place(module)
    columns = min(_COLUMNS, max(1, len(modules)))
    rows = max(1, -(-len(modules) // columns))
    fig = sheet(max(3.8, 2.54 * columns), 2.1 * rows + 0.4)
    axes = fig.subplots(rows, columns, squeeze=False).ravel()
    handles = []
    for ax, module in zip(axes, modules, strict=False):
        handles = _histogram(ax, result, module)
        ax.set_title(module)
    for ax in axes[len(modules) :]:
        ax.set_visible(False)
    fig.legend(handles=handles, loc="outside lower center", ncols=min(4, max(1, len(handles))))
    return fig


def _kinds(result: Spectrum) -> list[str]:
    return [m.role or m.label for m in result.members]


def _label(result: Spectrum, kind: str) -> str:
    how_many = _kinds(result).count(kind)
    return f"{kind} ({how_many})" if how_many > 1 else kind


def _by_role(result: Spectrum, values: np.ndarray, shown: Callable[[float], str]) -> str:
    kinds = _kinds(result)
    means = {kind: values[[k == kind for k in kinds]].mean() for kind in dict.fromkeys(kinds)}
    told = [f"{kind} {shown(float(mean))}" for kind, mean in means.items()]
    return ", ".join(told if len(told) <= _SUMS else [*told[: _SUMS - 1], f"and {len(told) - _SUMS + 1} more"])


def _histogram(ax: Axes, result: Spectrum, module: str | None) -> list[object]:
    """Number of singular values in even bins, a line a network; returns one handle a role for the legend."""
    place = result.place(module)
    edges = result.edges[place]
    even = np.linspace(0, edges[-1], _BINS + 1)
    at = np.array([int(np.abs(edges - e).argmin()) for e in even])
    handles: dict[str, object] = {}
    look = looks(_kinds(result))
    for m, kind in enumerate(_kinds(result)):
        colour, dash = look[kind]
        heights = np.diff(result.under[m, place, at])
        drawn = ax.stairs(
            heights, edges[at], color=colour, linestyle=dash, linewidth=1.3, label=_label(result, kind), baseline=None
        )
        handles.setdefault(kind, drawn)
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.7)
    ax.set_xlim(left=0)
    ax.set_xlabel("singular value")
    ax.set_ylabel("how many")
    return list(handles.values())


def _counts(ax: Axes, result: Spectrum) -> None:
    """Neyshabur et al. 2020, Fig. 33: how many singular values are smaller than a threshold."""
    place = result.place()
    edges = result.edges[place]
    look = looks(_kinds(result))
    for m, kind in enumerate(_kinds(result)):
        colour, dash = look[kind]
        ax.plot(edges[1:], result.under[m, place, 1:], color=colour, linestyle=dash, linewidth=1.3)
    shown = result.under[:, place, 1:].max(0) > 0
    if shown.any():
        ax.set_xlim(left=edges[1:][shown][0])
    logarithmic(ax)
    ax.set_ylim(bottom=0)
    ax.ticklabel_format(axis="y", style="sci", scilimits=(-2, 4), useMathText=True)
    ax.set_xlabel("threshold")
    ax.set_ylabel("singular values below")
    ax.set_title("Values under a threshold")


def _layers(ax: Axes, result: Spectrum, values: np.ndarray, label: str) -> None:
    look = looks(_kinds(result))
    for m, kind in enumerate(_kinds(result)):
        colour, _ = look[kind]
        place = list(look).index(kind)
        at = np.arange(len(values[m])) + 0.22 * (place - (len(look) - 1) / 2)
        ax.plot(at, values[m], color=colour, linestyle="", marker=MARKERS[place % len(MARKERS)], markersize=3)
    names = [one.name for one in result.maps]
    shown = range(0, len(names), max(1, -(-len(names) // _LABELS)))
    ax.set_xticks(list(shown), [names[i] for i in shown], fontsize=6, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_ylabel(label)
    ax.set_ylim(bottom=0)
    ax.grid(axis="x", visible=False)
