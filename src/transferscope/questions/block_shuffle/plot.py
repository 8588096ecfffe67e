"""Picture of block shuffle: final metric and speed over block size, or the images.

Source: Neyshabur et al. 2020, Fig. 3 and 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from ...errors import UsageError
from ...plots.looks import HATCHES, looks
from ...plots.pictures import show
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import BlockGroup, BlockShuffle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

__all__ = ["plot"]

_BAR = 0.17
"""Inches a bar needs for the number above it."""


def plot(result: BlockShuffle, *, kind: Literal["bars", "pictures"] = "bars") -> Figure:
    """Draw what smaller blocks cost, or show the shuffled images.

    Args:
        result: what to draw.
        kind: ``bars`` (final metric left, optimisation speed right), or ``pictures``.

    Raises:
        UsageError: for ``pictures`` where none were kept.
    """
    if kind == "pictures":
        return _pictures(result)
    blocks, targets = result.blocks, result.targets
    width = max(3.6, _BAR * len(blocks) * (len(targets) + 1) + 0.8)
    with styled():
        beside = width <= 5.2
        fig = sheet(*((2 * width, 3.2) if beside else (width, 6.0)))
        left, right = fig.subplots(*((1, 2) if beside else (2, 1)))
        _bars(left, result, "final")
        _bars(right, result, "speed")
        handles = _legend(targets)
        fig.legend(handles=handles, loc="outside lower center", ncols=min(6, len(handles)), handlelength=1.8)
    return fig


def _bars(ax: Axes, result: BlockShuffle, what: Literal["final", "speed"]) -> None:
    blocks, targets = result.blocks, result.targets
    wide = 0.84 / len(targets)
    look = looks(targets)
    tops = [0.0]
    for i, target in enumerate(targets):
        colour, hatch = look[target][0], HATCHES[i % len(HATCHES)]
        for x, block in enumerate(blocks):
            place = x + (i - (len(targets) - 1) / 2) * wide
            first, second = (result.group(target, block, role) for role in ("P-T", "RI-T"))
            if first:
                ax.bar(place, _height(first, what), 0.9 * wide, color=colour, alpha=0.35, linewidth=0)
            if second:
                height = _height(second, what)
                ax.bar(place, height, 0.9 * wide, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
            if first:  # its outline over all, as RI-T may be higher
                height = _height(first, what)
                ax.bar(place, height, 0.9 * wide, fill=False, edgecolor=colour, linewidth=0.8)
                if second and height < _height(second, what):
                    ends_of_bar = (place - 0.45 * wide, place + 0.45 * wide)
                    for ink, width in (("white", 2.6), ("#222222", 1.1)):
                        ax.hlines(height, *ends_of_bar, color=ink, linewidth=width)
            ends = [
                _spread(ax, place + shift * wide, group, what)
                for group, shift in ((first, -0.16), (second, 0.16))
                if group
            ]
            tops += ends
            found = result.drop(target, block)
            if what == "final" and found is not None and np.isfinite(found.value):
                ax.text(
                    place, max(ends), f" {found.value:.0f}".replace("-", "−"), ha="center", va="bottom", rotation=90,
                    fontsize=6.5, color="#333333",
                )  # fmt: skip
    ax.set_xticks(range(len(blocks)), blocks)
    ax.set_xlim(-0.6, len(blocks) - 0.4)
    ax.set_ylim(0, max(tops) * (1.16 if what == "final" else 1.05) or 1)
    ax.grid(axis="x", visible=False)
    ax.set_xlabel("side of blocks (pixels)")
    if what == "speed":
        _titled(ax, "Optimisation speed", "training accuracy, mean over epochs")
        ax.set_ylabel("accuracy (%)")
        return
    metric = " or ".join(sorted({"AUC" if r.metric == "auc" else "accuracy" for r in result.runs}))
    _titled(ax, f"Final test {metric}", "above bars: 100 · (P-T − RI-T) / P-T   *: all values")
    ax.set_ylabel(f"{metric} (%)")


def _titled(ax: Axes, title: str, below: str) -> None:
    ax.set_title(title, pad=18)
    ax.text(0, 1.015, below, transform=ax.transAxes, fontsize=7.5, color="#333333", va="bottom")


def _legend(targets: tuple[str, ...]) -> list[Patch]:
    from matplotlib.patches import Patch

    look = looks(targets)
    of_targets = [
        Patch(facecolor=look[t][0], hatch=HATCHES[i % len(HATCHES)], edgecolor="white", label=t)
        for i, t in enumerate(targets)
    ]
    light = Patch(
        facecolor="#C8C8C8", edgecolor="#777777", label="P-T (light, outlined; a line where RI-T is higher)"
    )
    return [*of_targets, light, Patch(facecolor="#777777", label="RI-T (solid)")]


def _height(group: BlockGroup, what: Literal["final", "speed"]) -> float:
    return 100 * (group.final if what == "final" else group.speed).value


def _spread(ax: Axes, place: float, group: BlockGroup, what: Literal["final", "speed"]) -> float:
    """Draw one standard deviation over seeds each way; return where it ends."""
    height, deviation = _height(group, what), 100 * group.deviation(what)
    if not np.isfinite(deviation):
        return height
    ax.errorbar(place, height, deviation, color="#222222", linewidth=0.8, capsize=1.5, capthick=0.8)
    return height + deviation


def _pictures(result: BlockShuffle) -> Figure:
    kept = {t: of for t, of in result.pictures.items() if of}
    if not kept:
        raise UsageError("no pictures were kept; give block_shuffle some, e.g. two images a target and block")
    blocks = sorted({b for of in kept.values() for b in of}, key=lambda b: -1 if b == "*" else -int(b) - 1)
    blocks = [b for b in blocks if b != "*"] + ["*"] * ("*" in blocks)
    rows = [
        (target, [of[b][i] if b in of and i < len(of[b]) else None for b in blocks])
        for target, of in kept.items()
        for i in range(max(len(p) for p in of.values()))
    ]
    with styled():
        fig = sheet(1.05 * len(blocks) + 0.4, 1.05 * len(rows) + 0.3)
        axes = fig.subplots(len(rows), len(blocks), squeeze=False)
        for y, (target, pictures) in enumerate(rows):
            for x, picture in enumerate(pictures):
                show(axes[y, x], picture)
            if y == 0 or rows[y - 1][0] != target:
                axes[y, 0].set_ylabel(target, fontsize=8, fontweight="bold")
        for x, block in enumerate(blocks):
            name = "unshuffled" if block == str(result.side) else "*" if block == "*" else f"{block}×{block}"
            axes[0, x].set_title(name, fontsize=8, loc="center", fontweight="normal")
    return fig
