"""How much each task's accuracy is explained by upstream accuracy, by covariates, and by which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.few import some_of
from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measure import PredictionPower

__all__ = ["plot"]

_LOOKS = (
    ("upstream accuracy", "r2_us", PALETTE[0], ""),
    ("covariates", "r2_covariates", PALETTE[4], "///"),
    ("both", "r2_both", PALETTE[2], "\\\\\\"),
)
_LEAST = -0.25
_MOST = 6


def plot(result: PredictionPower) -> Figure:
    """Draw held-out R² of each task, and the importance of its covariates beside."""
    n = max(1, len(result.tasks))
    with styled():
        fig = sheet(9.6, 0.62 * n + 1.7)
        left, right = fig.subplots(1, 2, sharey=True, width_ratios=(1.0, 1.25))
        _explained(left, result)
        _importance(right, result)
    return fig


def _explained(ax: Axes, result: PredictionPower) -> None:
    at = np.arange(len(result.tasks))[::-1].astype(float)
    for i, (label, key, colour, hatch) in enumerate(_LOOKS):
        values = [max(float(getattr(t, key)), _LEAST) for t in result.tasks]
        ax.barh(at + 0.26 * (1 - i), values, 0.24, color=colour, hatch=hatch, edgecolor="white", lw=0, label=label)
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(at, [t.task for t in result.tasks])
    ax.set_xlim(_LEAST - 0.02, 1.0)
    ax.set_xlabel("R² on models held out (cut at −0.25)")
    ax.set_title("explained by")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.42 / (0.62 * len(result.tasks) + 0.9)), ncols=3)


def _importance(ax: Axes, result: PredictionPower) -> None:
    names = sorted({c.name for t in result.tasks for c in t.covariates})
    strength = {
        n: max((c.importance for t in result.tasks for c in t.covariates if c.name == n), default=0) for n in names
    }
    shown = sorted(names, key=lambda n: -strength[n])[:_MOST]
    at = np.arange(len(result.tasks))[::-1].astype(float)
    height = 0.8 / max(1, len(shown))
    hatches = ("", "///", "\\\\\\", "xx", "--", "||")
    for i, name in enumerate(shown):
        of = [next((c.importance for c in t.covariates if c.name == name), 0.0) for t in result.tasks]
        ax.barh(at + 0.4 - height * (i + 0.5), of, height * 0.9, color=PALETTE[i % len(PALETTE)], hatch=hatches[i],
                edgecolor="white", lw=0, label=name)  # fmt: skip
    ax.axvline(0, color="black", lw=0.8)
    ax.set_xlabel("lost when shuffled, share of what upstream accuracy leaves")
    told = some_of(len(shown), len(names), "covariates")
    ax.set_title("once upstream accuracy is known" + (f"\nthe strongest {told}" if told else ""))
    if shown:
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
