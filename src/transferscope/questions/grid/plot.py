"""The cloud of pre-trainings with its law, a panel for each number of shots, and what factors add."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError, nearest
from ...numerics.power_law import fit_power_law
from ...plots.looks import MARKERS
from ...plots.sheet import leftmost, sheet
from ...plots.style import PALETTE, styled
from .measure import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(result: Grid, what: str = "curves") -> Figure:
    """Draw the answer.

    Args:
        result: what to draw.
        what: ``curves``: pre-trainings by family with the law of all; ``offsets``: what each factor adds.

    Raises:
        UsageError: for something else to draw.
    """
    if what not in ("curves", "offsets"):
        raise UsageError(f"a figure of {what!r}{nearest(what, ('curves', 'offsets'))}")
    with styled():
        n = len(result.curves)
        fig = sheet(max(3.4, 3.0 * n), 3.0)
        axes = fig.subplots(1, n, squeeze=False)[0]
        for at, ax in enumerate(axes):
            (_cloud if what == "curves" else _offsets)(ax, result, at)
        # A law may be refused for the first number of shots and be there for others.
        named = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
        if named:
            fig.legend(list(named.values()), list(named), loc="outside lower center", ncols=4)
    return fig


def _title(shots: float) -> str:
    return "fine-tuned" if math.isinf(shots) else f"{shots:g} shot{'s' * (shots != 1)}"


def _cloud(ax: Axes, result: Grid, at: int) -> None:
    families = list(dict.fromkeys(p.family for p in result.points))
    for i, family in enumerate(families):
        of = [p for p in result.points if p.family == family and math.isfinite(p.upstream)]
        ax.scatter(
            [100 * p.upstream for p in of], [100 * p.accuracy[at] for p in of], s=14, label=family,
            color=PALETTE[i % len(PALETTE)], marker=MARKERS[i % len(MARKERS)], linewidths=0,
        )  # fmt: skip
    curve = result.curves[at]
    if not curve.refused:
        there = [p for p in result.points if math.isfinite(p.upstream) and math.isfinite(p.accuracy[at])]
        x, y = (np.array(v) for v in ([p.upstream for p in there], [p.accuracy[at] for p in there]))
        law, line = fit_power_law(1 - x, 1 - y), np.linspace(x.min(), 1.0, 80)
        ax.plot(100 * line, 100 * (1 - law(1 - line)), color="#333333", lw=1.2, label="law of all")
    ax.set_title(_title(curve.shots))
    ax.set_xlabel("accuracy on the source, %")
    ax.set_ylabel(f"accuracy on {result.target}, %" if leftmost(ax) else "")


def _offsets(ax: Axes, result: Grid, at: int) -> None:
    # One row a factor in all panels, which share their names: a factor may be known for some shots only.
    found = [[o for o in curve.offsets if math.isfinite(o.added.value)] for curve in result.curves]
    factors = list(dict.fromkeys(o.factor for of in found for o in of))
    for offset in found[at]:
        added, y = offset.added, factors.index(offset.factor)
        ax.plot([100 * added.value], [y], "o", color=PALETTE[0], ms=4)
        if added.low is not None and added.high is not None:
            ax.plot([100 * added.low, 100 * added.high], [y, y], color=PALETTE[0], lw=1.4)
    ax.axvline(0, color="#777777", lw=0.8)
    ax.set_yticks(range(len(factors)), factors if leftmost(ax) else [""] * len(factors))
    ax.set_ylim(max(1, len(factors)) - 0.5, -0.5)
    ax.set_title(_title(result.curves[at].shots))
    ax.set_xlabel("added at equal accuracy on the source, points")
