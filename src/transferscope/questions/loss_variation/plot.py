"""Picture of the loss along the gradient while training: its range over steps, and how large.

Source: Liu et al. 2019, Fig. 6 and 11.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ...plots.looks import MARKERS, Look, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import LossVariation, VariationCurve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

__all__ = ["plot"]

_FIRST = ("RI-T", "P-T")
"""Panels in the order of the paper."""

_WIDE = 50.0
"""A scale that spans more than this factor is logarithmic."""

_LEAST = 0.2
"""Least height of a panel, in nats."""


def plot(result: LossVariation) -> Figure:
    """Draw a band from the lowest to the highest loss along the gradient for each kind of run, and their width.

    A triangle at the top marks a step where a loss is not finite.

    Args:
        result: what to draw.
    """
    if result.alone:
        with styled():
            return _networks(result)
    kinds = list(dict.fromkeys(_kind(c) for c in result.curves))
    kinds.sort(key=lambda k: _FIRST.index(k) if k in _FIRST else len(_FIRST))
    look = looks(kinds)
    with styled():
        fig = sheet(2.9 * (len(kinds) + 1), 3.2)
        axes = list(fig.subplots(1, len(kinds) + 1, squeeze=False)[0])
        for ax, kind in zip(axes, kinds, strict=False):
            of = [c for c in result.curves if _kind(c) == kind]
            for curve in of:
                _band(ax, curve, look[kind])
            ax.set_title(f"{kind} ({len(of)} runs)" if len(of) > 1 else kind)
        axes[0].set_ylabel("loss along the gradient (nats)")
        _share(axes[:-1])
        handles = _widths(axes[-1], result, kinds, look)
        for ax in axes:
            _steps(ax, result)
        fig.suptitle(_title(result), fontsize=9, x=0.01, ha="left")
        fig.legend(handles=handles, loc="outside lower center", ncols=min(5, len(handles)))
    return fig


def _networks(result: LossVariation) -> Figure:
    """Single weights side by side: the range of the loss as a bar, and how wide it is."""
    names, x = [c.label for c in result.curves], np.arange(len(result.curves))
    look = looks(names)
    fig = sheet(max(5.6, 1.4 + 1.1 * len(names)), 3.6)
    left, right = fig.subplots(1, 2)
    for i, curve in enumerate(result.curves):
        colour = look[curve.label][0]
        if curve.broken()[0]:
            for ax in (left, right):
                _broken(ax, replace(curve, steps=x[i : i + 1]), colour)
            continue
        left.vlines(i, curve.lowest(), curve.highest(), color=colour, linewidth=7, alpha=0.4)
        found = curve.estimate(0)
        if found.low is not None and found.high is not None:
            right.vlines(i, found.low, found.high, color=colour, linewidth=1.2)
        right.plot(i, curve.variation()[0], marker="o", color=colour)
        left.plot(i, curve.losses[0, 0], marker="o", color=colour)
    left.set_ylabel("loss along the gradient (nats)")
    left.set_title("Range, and loss at the weights")
    right.set_ylabel("highest − lowest loss (nats)")
    right.set_title("Variation, bars: 95 % over images")
    right.set_ylim(bottom=0)
    for ax in (left, right):
        ax.set_xticks(x, names, rotation=25, ha="right", rotation_mode="anchor")
        ax.set_xlim(-0.6, len(names) - 0.4)
    lost = "\ntriangles: not finite" if any(c.broken().any() for c in result.curves) else ""
    fig.suptitle(f"Loss along the gradient: {_told(result)}{lost}", fontsize=9, x=0.01, ha="left")
    return fig


def _told(result: LossVariation) -> str:
    own = "the gradient's own size" if result.size == 1 else f"{result.size:g} times the gradient"
    reach = own if result.protocol == "own" else f"a distance of {result.size:g}"
    return f"{len(result.places) - 1} steps out to {reach}; {result.n:,} images of {result.images}"


def _title(result: LossVariation) -> str:
    return (
        f"Loss along the gradient: {_told(result)}\n"
        "left, a panel a kind: the range of the loss, and the loss at the weights; right: how wide it is, with a "
        "band of 95 % over images for each run"
    )


def _kind(curve: VariationCurve) -> str:
    return curve.role or curve.label


def _band(ax: Axes, curve: VariationCurve, look: Look) -> None:
    """The range of the loss as a band, its value at the weights themselves as a line."""
    colour, dash = look
    high = np.where(curve.broken() > 0, np.nan, curve.highest())
    low = np.where(np.isfinite(curve.lowest()), curve.lowest(), np.nan)
    ax.fill_between(curve.steps, low, high, color=colour, alpha=0.3, linewidth=0)
    # A single step has no area; its range is then a bar.
    ax.vlines(curve.steps, low, high, color=colour, linewidth=0.7, alpha=0.7)
    ax.plot(curve.steps, curve.losses[:, 0], color=colour, linestyle=dash, marker=".", markersize=4, linewidth=1.2)
    _broken(ax, curve, colour)


def _widths(ax: Axes, result: LossVariation, kinds: list[str], look: dict[str, Look]) -> list[Line2D]:
    from matplotlib.lines import Line2D

    handles = []
    for i, kind in enumerate(kinds):
        colour, dash = look[kind]
        style = {"color": colour, "linestyle": dash, "marker": MARKERS[i % len(MARKERS)], "markersize": 3.5}
        for curve in (c for c in result.curves if _kind(c) == kind):
            variation = np.where(curve.broken() > 0, np.nan, curve.variation())
            bounds = [curve.estimate(j).interval() or (np.nan, np.nan) for j in range(len(curve.steps))]
            low, high = np.array(bounds).T
            ax.plot(curve.steps, variation, linewidth=1.2, **style)  # type: ignore[arg-type]
            ax.fill_between(curve.steps, low, high, color=colour, alpha=0.18, linewidth=0)
            _broken(ax, curve, colour)
        handles.append(Line2D([], [], label=f"{kind}: range, and loss at the weights", **style))  # type: ignore[arg-type]
    if any(c.broken().any() for c in result.curves):
        handles.append(Line2D([], [], color="#555555", linestyle="", marker="^", label="not finite"))
    positive = [v for c in result.curves for v in c.variation() if np.isfinite(v) and v > 0]
    if positive and max(positive) > _WIDE * min(positive):
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    ax.set_ylabel("highest − lowest loss (nats)")
    ax.set_title("Variation")
    return handles


def _broken(ax: Axes, curve: VariationCurve, colour: str) -> None:
    at = curve.steps[curve.broken() > 0]
    top = np.full(len(at), 0.97)
    ax.plot(at, top, linestyle="", marker="^", color=colour, markersize=6, transform=ax.get_xaxis_transform())


def _share(axes: list[Axes]) -> None:
    """One scale for all bands, logarithmic where the widest would flatten the others."""
    low, high = min(ax.dataLim.y0 for ax in axes), max(ax.dataLim.y1 for ax in axes)
    if not low <= high:  # nothing finite was drawn
        return
    logarithmic = low > 0 and high > _WIDE * low
    for ax in axes:
        if logarithmic:
            ax.set_yscale("log")
            ax.set_ylim(low / 1.3, high * 1.3)
        else:
            # Never so fine that a flat band looks like a wide one.
            margin = 0.06 * (high - low) + max(0.0, (_LEAST - (high - low)) / 2)
            ax.set_ylim(low - margin, high + margin)


def _steps(ax: Axes, result: LossVariation) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    steps = sorted({int(s) for c in result.curves for s in c.steps})
    later = [s for s in steps if s]
    if later and later[-1] > _WIDE * later[0]:
        ax.set_xscale("symlog", linthresh=later[0], linscale=0.6)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda step, _: f"{step:,.0f}"))
        ax.set_xlim(steps[0] - 0.15 * later[0], later[-1] * 1.3)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    ax.set_xlabel("training step")
