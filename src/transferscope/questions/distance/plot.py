"""Pictures of distances: by module, and along training.

Source: Neyshabur et al. 2020, Fig. 10 and 11; Liu et al. 2019, Fig. 2.
"""

from __future__ import annotations

import math
import textwrap
from typing import TYPE_CHECKING

import numpy as np

from ...plots.crowded import crowded
from ...plots.few import some_of
from ...plots.looks import HATCHES, looks
from ...plots.sheet import sheet
from ...plots.style import styled
from .._members import Pair, kinds
from .measure import Distance

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_BARS = 9
_KINDS = 12
"""Most kinds of pairs in a panel. Every two files are a kind, so ten of them make 45."""
_LABELS = 24
_WIDE = 30
"""Letters of a line of a legend's title."""


def plot(result: Distance) -> Figure:
    """Draw distances by module between networks, to their starts, and along training, as far as there are any.

    Args:
        result: what to draw.
    """
    starts = result.starts()
    between = kinds([p for p in result.pairs if p not in starts and not result.untrained(p)])
    own: dict[str, tuple[Pair, ...]] = {}
    for pair in starts:
        role = next(m.role for m in (result.members[pair.a], result.members[pair.b]) if m.role.endswith("-T"))
        own[role] = (*own.get(role, ()), pair)
    panels = [("Distance between two networks", between)] * bool(between)
    panels += [("Distance of a network to its start", own)] * bool(own)
    with styled():
        count = len(panels) + bool(result.trajectories)
        fig = sheet(7.6, 2.5 * count)
        axes = list(fig.subplots(count, 1, squeeze=False)[:, 0])
        for ax, (title, groups) in zip(axes, panels, strict=False):
            _by_module(ax, result, groups, title, _untrained(result) if ax is axes[0] else "")
        if result.trajectories:
            _along(axes[-1], result)
    return fig


def _by_module(ax: Axes, result: Distance, groups: dict[str, tuple[Pair, ...]], title: str, left: str) -> None:
    """Bars for a few modules, curves over depth for many; small marks are single pairs."""
    kinds_there = len(groups)
    groups = dict(list(groups.items())[:_KINDS])
    names, width, look = result.modules, 0.8 / len(groups), looks(groups)
    x = np.arange(len(names), dtype=float)
    for i, (kind, pairs) in enumerate(groups.items()):
        of = [result.pairs.index(pair) for pair in pairs]
        values = result.distance[of]
        colour, dash = look[kind]
        label = f"{kind} ({len(of)}): {_short(float(result.comparable()[of].mean()))}"
        if len(names) <= _BARS:
            at = x + (i - (len(groups) - 1) / 2) * width
            ax.bar(
                at, values.mean(0), width * 0.92, color=colour, label=label, hatch=HATCHES[i % len(HATCHES)],
                edgecolor="white", linewidth=0,
            )  # fmt: skip
            if len(of) > 1:
                ax.plot(at, values.T, linestyle="", marker="_", color="#333333", markersize=5, markeredgewidth=0.8)
        else:
            ax.plot(x, values.mean(0), color=colour, linestyle=dash, marker="o", markersize=2.5, label=label)
            if len(of) > 1:
                ax.fill_between(x, values.min(0), values.max(0), color=colour, alpha=0.18, linewidth=0)
    step = max(1, -(-len(names) // _LABELS))
    shown = range(0, len(names), step)
    slanted = crowded([names[i] for i in shown], _BARS)
    ax.set_xticks(
        list(shown),
        [names[i] for i in shown],
        fontsize=7.5,
        rotation=60 if slanted else 0,
        ha="right" if slanted else "center",
    )
    ax.set_ylabel(r"$\|\theta_a - \theta_b\|_2$")
    ax.set_ylim(bottom=0)
    told = some_of(len(groups), kinds_there, "kinds of pairs")
    ax.set_title(title + (f"\n{told}" if told else ""))
    ax.grid(axis="x", visible=False)
    total = "without head" if any(result.missing) else "whole"
    several = any(len(pairs) > 1 for pairs in groups.values())
    spread = ("\ndashes: single pairs" if len(names) <= _BARS else "\nbands: range over pairs") * several
    ax.legend(title=f"pairs (how many): {total}{spread}{left}", loc="center left", bbox_to_anchor=(1.0, 0.5))


def _untrained(result: Distance) -> str:
    """Which kinds of pairs are in no panel."""
    there = dict.fromkeys(p.kind for p in result.pairs if result.untrained(p) and p not in result.starts())
    return f"\n{textwrap.fill('not drawn, as untrained: ' + ', '.join(there), _WIDE)}" if there else ""


def _along(ax: Axes, result: Distance) -> None:
    """Liu et al. 2019, Fig. 2: the deviation from the start over epochs, or the plain sum where n is not known."""
    from matplotlib.ticker import MaxNLocator

    scale = math.sqrt(result.examples) if result.examples else 1.0
    seen: set[str] = set()
    look = looks(t.role or t.label for t in result.trajectories)
    for t in result.trajectories:
        label = t.role or t.label
        colour, dash = look[label]
        ax.plot(
            t.epochs, t.layer_sum / scale, color=colour, linestyle=dash, marker="o", markersize=2.5,
            label=None if label in seen else label,
        )  # fmt: skip
        seen.add(label)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    over = r"\,/\,\sqrt{n}" if result.examples else ""
    ax.set_ylabel(rf"$\sum_l\|W_l - W_l^0\|_F{over}$")
    ax.set_ylim(bottom=0)
    told = f", n = {result.examples:,} training examples" if result.examples else ""
    ax.set_title(f"Deviation from the start along training{told}")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))


def _short(x: float) -> str:
    return f"{x:.3g}" if math.isfinite(x) else "–"
