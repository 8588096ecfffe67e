"""Test error over network criticality beside τ and Ψ of all measures; ψ of each hyper-parameter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...errors import UsageError, nearest
from ...evidence.estimate import Estimate
from ...plots.crowded import logarithmic
from ...plots.looks import MARKERS
from ...plots.sheet import sheet
from ...plots.style import DIVERGING, PALETTE, styled
from .measure import CRITICALITY, Generalization

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(result: Generalization, what: str = "ranking") -> Figure:
    """Draw the answer.

    Args:
        result: what to draw.
        what: ``ranking``: test error over criticality, and τ and Ψ of all measures; ``granulated``: ψ of each
            hyper-parameter.

    Raises:
        UsageError: for something else to draw.
    """
    if what not in ("ranking", "granulated"):
        raise UsageError(f"a figure of {what!r}{nearest(what, ('ranking', 'granulated'))}")
    with styled():
        if what == "granulated":
            fig = sheet(6.4, 3.6)
            _granulated(fig.subplots(), result)
            return fig
        fig = sheet(8.2, 3.6)
        left, right = fig.subplots(1, 2, width_ratios=[1.0, 1.1])
        _cloud(left, result)
        _taus(right, result)
    return fig


def _cloud(ax: Axes, result: Generalization) -> None:
    """Every network; filled ones were trained on labels as they are, hollow ones on some that are wrong."""
    families = list(dict.fromkeys(row.family for row in result.networks))
    x, y = result.values(CRITICALITY), 100 * result.predicted()
    noisy = np.array([row.factors.get("label_noise", 0) > 0 for row in result.networks])
    there = np.isfinite(x) & (x > 0)
    for i, family in enumerate(families):
        of = np.array([row.family == family for row in result.networks]) & there
        for chosen, label in ((of & ~noisy, family), (of & noisy, f"{family}, label noise")):
            if chosen.any():
                colour = PALETTE[i % len(PALETTE)]
                ax.scatter(
                    x[chosen], y[chosen], s=18, marker=MARKERS[i % len(MARKERS)], edgecolors=colour,
                    facecolors="none" if label != family else colour, linewidths=0.9, label=label or "networks",
                )  # fmt: skip
    if there.any():
        logarithmic(ax)
    ax.set_xlabel("network criticality Σμ_i")
    ax.set_ylabel("test error (%)")
    gone = int((~there).sum())
    left = f"\n{gone} not drawn: 0 or not finite" if gone else ""
    ax.set_title(f"{len(result.networks)} networks that fit; n = {result.n[1]:,} test images{left}", fontsize=9)
    _below(ax)


def _taus(ax: Axes, result: Generalization) -> None:
    names = sorted(result.measures, key=lambda m: -np.nan_to_num(result.tau(m).value, nan=-2.0))
    for y, m in enumerate(names):
        colour = PALETTE[1] if m == CRITICALITY else PALETTE[0]
        _dot(ax, result.tau(m), y - 0.14, colour, colour, "τ, all networks" if y == 0 else None)
        psi = result.within(m).mean
        if math.isfinite(psi.value):
            _dot(ax, psi, y + 0.14, colour, "white", "Ψ, one thing at a time" if y == 0 else None)
    ax.axvline(0, color="#777777", lw=0.8)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlabel("agreement with the test error")
    ax.set_title("bars: 95 % intervals over networks", fontsize=9)
    _below(ax)


def _below(ax: Axes) -> None:
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)


def _dot(ax: Axes, e: Estimate, y: float, colour: str, face: str, label: str | None) -> None:
    if e.low is not None and e.high is not None:
        ax.plot([e.low, e.high], [y, y], color=colour, lw=1.2)
    ax.plot([e.value], [y], "o", ms=4.5, color=colour, markerfacecolor=face, label=label)


def _granulated(ax: Axes, result: Generalization) -> None:
    """A cell for each measure and hyper-parameter, and the mean of all in the last column."""
    found = {m: result.within(m) for m in result.measures}
    factors = found[CRITICALITY].factors
    values = np.array([[*(e.value for e in g.each), g.mean.value] for g in found.values()])
    image = ax.imshow(values, cmap=DIVERGING, vmin=-1, vmax=1, aspect="auto")
    ax.grid(False)
    for (i, j), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = abs(value) > 0.6
            ax.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "black")
    ax.axvline(len(factors) - 0.5, color="black", lw=1.0)
    ax.set_xticks(range(len(factors) + 1), [*(f.replace("_", " ") for f in factors), "Ψ"], rotation=30, ha="right")
    ax.set_yticks(range(len(found)), list(found))
    ax.figure.colorbar(image, ax=ax, label="ψ")
