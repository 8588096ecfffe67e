"""Pictures of the flow of the gradient: its size in one layer, over the layers, and weights along it.

Source: Liu et al. 2019, Fig. 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...errors import UsageError, nearest
from ...plots.looks import MARKERS, Look, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .contrasts import middle
from .measure import GradientFlow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_Kinds: TypeAlias = dict[str, list[int]]
"""Places of the networks of each kind."""

_BINS = 30
_LABELS = 14

_FLOOR = 1e-8
"""Of the largest gradient; smaller ones would stretch the axis over empty decades."""

_WIDE = 20.0
"""Gradients that span more than this factor are shown on a logarithmic axis."""

_RUNNING = 15
"""Windows of the running mean over a spectrum."""


def plot(result: GradientFlow, *, layer: str | None = None, weight: str | None = None) -> Figure:
    """Draw the distribution of gradients in one layer, their mean over layers, and weights along their gradients.

    Args:
        result: what to draw.
        layer: whose distribution to draw; by default the one in the middle of the network that all gradients reach.
        weight: whose projections to draw; by default that of the same name, or in the middle.

    Raises:
        UsageError: when there is no such layer or weight.
    """
    kinds: dict[str, list[int]] = {}
    for m, member in enumerate(result.members):
        kinds.setdefault(member.role or member.label, []).append(m)
    look = looks(kinds)
    at = _layer(result, layer)
    matrix = _matrix(result, weight, at)
    with styled():
        rows = 1 if matrix is None else 2
        fig = sheet(8.2, 3.0 * rows + 0.5)
        axes = fig.subplots(rows, 2, squeeze=False)
        _distribution(axes[0][0], result, at, kinds, look)
        _scale(axes[0][1], result, kinds, look)
        if matrix is not None:
            _projections(axes[1][0], result, matrix, kinds, look)
            _along(axes[1][1], result, kinds, look)
        handles = []
        for i, (kind, of) in enumerate(kinds.items()):
            label = f"{kind} ({len(of)} networks)" if len(of) > 1 else kind
            handles += axes[0][1].plot([], [], **_style(look[kind], i), label=label)
        if not (result.mean() > 0).all():
            handles += axes[0][1].plot([], [], color="#555555", linestyle="", marker="x", label="zero, or not finite")
        fig.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return fig


def _layer(result: GradientFlow, name: str | None) -> int:
    if name is None:
        found = middle(result)
        return len(result.layers) // 2 if found is None else found
    if name not in result.layers:
        raise UsageError(f"no gradient was taken in {name!r}{nearest(name, result.layers)}")
    return result.layers.index(name)


def _matrix(result: GradientFlow, name: str | None, layer: int) -> int | None:
    """The weight to draw: of the given name, of the layer's, or nearest to the middle of those that most have."""
    if name is not None:
        return result.place(name)
    if not result.weights:
        return None
    had = np.isfinite(result.leading()).sum(0)
    there = np.flatnonzero(had == had.max())
    of_layer = [i for i in there if result.weights[i] == result.layers[layer]]
    half = (len(result.weights) - 1) / 2
    return int(of_layer[0] if of_layer else there[np.abs(there - half).argmin()])


def _distribution(ax: Axes, result: GradientFlow, at: int, kinds: _Kinds, look: dict[str, Look]) -> None:
    """Liu et al. 2019, Fig. 7a, b: images by the size of their gradient."""
    norms = result.norms[:, at]
    shown = norms[np.isfinite(norms) & (norms > 0)]
    low = 0.0
    if len(shown):
        top = float(shown.max())
        # What is smaller by far, zeros among it, is counted in the lowest bin.
        low = max(float(shown.min()), _FLOOR * top)
        wide = top > _WIDE * low
        edges = np.geomspace(low * 0.99, top * 1.01, _BINS + 1) if wide else np.linspace(low, top, _BINS + 1)
        for kind, of in kinds.items():
            colour, dash = look[kind]
            pooled = norms[of].ravel().clip(min=low, max=top)
            counts = 100 * np.histogram(pooled[np.isfinite(pooled)], edges)[0] / pooled.size
            ax.stairs(counts, edges, fill=True, color=colour, alpha=0.12)
            ax.stairs(counts, edges, color=colour, linestyle=dash, linewidth=1.3)
        if wide:
            ax.set_xscale("log")
    smaller = bool(len(shown)) and bool((norms < low).any())
    ax.set_ylim(bottom=0)
    ax.set_xlabel(
        r"$\|\partial L/\partial x\|$ of an image" + ("\n0, or smaller: in the lowest bin" if smaller else "")
    )
    ax.set_ylabel("images (%)")
    ax.set_title(f"Gradient in {result.layers[at]}\n{result.n:,} images of {result.images}", fontsize=9)


def _scale(ax: Axes, result: GradientFlow, kinds: _Kinds, look: dict[str, Look]) -> None:
    """Liu et al. 2019, Fig. 7d: the mean over images, the last layer right; bands hold half the images."""
    x = np.arange(len(result.layers))
    for i, (kind, of) in enumerate(kinds.items()):
        colour = look[kind][0]
        for m in of:
            mean = _positive(result.mean()[m])
            ax.plot(x, mean, **_style(look[kind], i))
            low, high = (_positive(np.quantile(result.norms[m], q, axis=1)) for q in (0.25, 0.75))
            ax.fill_between(x, low, high, color=colour, alpha=0.1, linewidth=0)
            gone = np.isnan(mean)
            foot = np.full(int(gone.sum()), 0.02)
            ax.plot(x[gone], foot, linestyle="", marker="x", color=colour, transform=ax.get_xaxis_transform())
    if (result.mean() > 0).any():
        ax.set_yscale("log")
    _names(ax, result.layers)
    ax.set_xlabel("layer; the gradient comes from the right")
    ax.set_ylabel(r"$\|\partial L/\partial x\|$")
    ax.set_title("Gradient over the layers\nmean; bands hold half the images", fontsize=9)


def _projections(ax: Axes, result: GradientFlow, at: int, kinds: _Kinds, look: dict[str, Look]) -> None:
    """Liu et al. 2019, Fig. 7c: each projection as a dot, their running mean as a line."""
    from matplotlib.ticker import MaxNLocator

    count = int(result.shapes[at].min())
    index = np.arange(1, count + 1)
    window = np.ones(max(1, count // _RUNNING))
    for kind, of in kinds.items():
        colour, dash = look[kind]
        values = result.projections[of, at, :count]
        for each in values:
            ax.plot(index, each, linestyle="", marker=".", markersize=3, color=colour, alpha=0.4)
        known = np.isfinite(values).all(0)
        if known.any():
            held = np.convolve(known, window, "same")
            smooth = np.convolve(np.where(known, values, 0.0).mean(0), window, "same") / np.maximum(held, 1.0)
            ax.plot(index[known], smooth[known], color=colour, linestyle=dash, linewidth=1.4)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("index of the singular value")
    ax.set_ylabel(r"$|u_i^\top W\, v_i|$")
    rows, columns = result.shapes[at]
    title = f"{result.weights[at]} ({rows:,} × {columns:,}) along its gradient"
    ax.set_title(f"{title}\nsingular vectors, and running mean", fontsize=9)


def _along(ax: Axes, result: GradientFlow, kinds: _Kinds, look: dict[str, Look]) -> None:
    """All weights along what their gradients mostly consist of, in units of chance."""
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = _positive(result.leading() / result.entry)
    for i, (kind, of) in enumerate(kinds.items()):
        for m in of:
            ax.plot(np.arange(len(result.weights)), relative[m], **_style(look[kind], i))
    ax.axhline(1.0, color="#555555", linewidth=0.8)
    ax.set_yscale("log")
    _names(ax, result.weights)
    ax.set_ylabel(r"$|u^\top W\, v|$ in units of chance")
    ax.set_title("Weights along their gradients\nsingular vectors weighted by $\\sigma^2$", fontsize=9)


def _style(look: Look, index: int) -> dict[str, Any]:
    marker = MARKERS[index % len(MARKERS)]
    return {"color": look[0], "linestyle": look[1], "marker": marker, "markersize": 3, "linewidth": 1.1}


def _positive(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)


def _names(ax: Axes, names: tuple[str, ...]) -> None:
    shown = range(0, len(names), max(1, -(-len(names) // _LABELS)))
    ax.set_xticks(list(shown), [names[i] for i in shown], fontsize=6, rotation=60, ha="right", rotation_mode="anchor")
    ax.grid(axis="x", visible=False)
