"""Liu et al.'s Tables 1 and 2 as dots: errors, deviations and improvement of each kind of run by target."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ...plots.sheet import sheet
from ...plots.style import PALETTE, styled
from .._kinds import FINE_TUNED, HEAD_ONLY, SCRATCH
from .measure import Transfer, TransferGroup

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_LOOKS = {HEAD_ONLY: (PALETTE[2], "s"), FINE_TUNED: (PALETTE[0], "o"), SCRATCH: (PALETTE[1], "D")}
"""Colours of P-T and RI-T for their kinds."""

_TICKS = 4
"""Most steps on the axis of deviations."""


def plot(result: Transfer) -> Figure:
    """Draw a row a target: test and train error, deviation, and improvement over scratch, with their spread.

    Args:
        result: what to draw; of several starts of a kind the one that ends best.
    """
    improved = any(
        math.isfinite(result.improvement(g).value)
        for t in result.targets
        for k in result.kinds
        if (g := result.best(t, k))
    )
    with styled():
        panels = 2 + improved
        height = 0.52 * len(result.targets) + 1.9
        fig = sheet(3.1 * panels + 0.7, height)
        axes = list(fig.subplots(1, panels, sharey=True, squeeze=False)[0])
        for row, target in enumerate(result.targets):
            for k, kind in enumerate(result.kinds):
                at = row + 0.2 * (k - (len(result.kinds) - 1) / 2)
                group = result.best(target, kind)
                if group is None or not group.healthy:
                    if result.groups(target, kind):
                        axes[0].plot(0.97, at, "x", color=_LOOKS[kind][0], transform=axes[0].get_yaxis_transform())
                    continue
                _errors(axes[0], result, group, at)
                _deviation(axes[1], group, at)
                if improved:
                    _improvement(axes[2], result, group, at)
        _finish(axes, result)
        handles, labels = _legend(result)
        fig.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    return fig


def _errors(ax: Axes, result: Transfer, group: TransferGroup, at: float) -> None:
    """Filled: test error with its interval; open and small: train error."""
    colour, marker = _LOOKS[group.kind]
    error = result.test_error(group)
    if error.low is not None and error.high is not None:
        ax.hlines(at, 100 * max(0.0, error.low), 100 * min(1.0, error.high), color=colour, linewidth=1.3)
    ax.plot(100 * error.value, at, marker=marker, markersize=5.5, color=colour)
    if train := group.values("train_error"):
        ax.plot(100 * float(np.mean(train)), at, marker=marker, markersize=4, color=colour, markerfacecolor="white")


def _deviation(ax: Axes, group: TransferGroup, at: float) -> None:
    """Filled: from its own start, every run a tick; open, of runs from scratch: from the pre-trained weights."""
    colour, marker = _LOOKS[group.kind]
    for what, filled in (("deviation", True), ("from_pretrained", False)):
        values = group.values(what)
        if values and (filled or group.kind == SCRATCH):
            ax.plot(values, [at] * len(values), marker="|", markersize=7, linestyle="", color=colour)
            ax.plot(
                float(np.mean(values)), at, marker=marker, markersize=5.5, color=colour,
                markerfacecolor=colour if filled else "white",
            )  # fmt: skip


def _improvement(ax: Axes, result: Transfer, group: TransferGroup, at: float) -> None:
    gain = result.improvement(group)
    if not math.isfinite(gain.value):
        return
    colour, marker = _LOOKS[group.kind]
    if gain.low is not None and gain.high is not None:
        ax.hlines(at, 100 * gain.low, 100 * gain.high, color=colour, linewidth=1.3)
    ax.plot(100 * gain.value, at, marker=marker, markersize=5.5, color=colour)


def _finish(axes: list[Axes], result: Transfer) -> None:
    from matplotlib.ticker import MaxNLocator

    metrics = {run.metric for run in result.runs}
    error = " or ".join(["error"] * ("accuracy" in metrics) + ["1 − AUC"] * ("auc" in metrics))
    labels = (f"{error} (%)", r"$\sum_l\|W_l - W_l^0\|_F\,/\,\sqrt{n}$", f"{error} less than from scratch (%)")
    for ax, title, label in zip(axes, ("Error", "Deviation", "Improvement"), labels, strict=False):
        ax.set_title(title)
        ax.set_xlabel(label)
        ax.grid(axis="y", visible=False)
    for ax in axes[:2]:
        right = ax.get_xlim()[1]
        ax.set_xlim(-0.03 * right, right)  # room for markers at zero
    axes[1].xaxis.set_major_locator(MaxNLocator(_TICKS))  # small deviations have long labels
    if len(axes) > 2:
        axes[2].axvline(0, color="#999999", linewidth=0.8)
    axes[0].set_yticks(range(len(result.targets)), result.targets)
    axes[0].set_ylim(len(result.targets) - 0.5, -0.5)


def _legend(result: Transfer) -> tuple[list[Artist], list[str]]:
    """What the markers are, drawn nowhere."""
    from matplotlib.lines import Line2D

    entries: list[tuple[Artist, str]] = [
        (Line2D([], [], color=_LOOKS[kind][0], marker=_LOOKS[kind][1], markersize=5.5, linestyle=""), kind)
        for kind in result.kinds
    ]
    hollow = Line2D([], [], color="#555555", marker="o", markersize=4.5, markerfacecolor="white", linestyle="")
    told = ["train error (left)"] * any(g.values("train_error") for g in _groups(result))
    told += ["from the pre-trained weights (middle)"] * any(
        g.values("from_pretrained") for g in _groups(result) if g.kind == SCRATCH
    )
    if told:
        entries.append((hollow, f"open: {', '.join(told)}"))
    if any(run.ended != "finished" for run in result.runs):
        gone = sum(run.ended != "finished" for run in result.runs)
        entries.append((Line2D([], [], color="#555555", marker="x", linestyle=""), f"diverged ({gone} not shown)"))
    return [handle for handle, _ in entries], [label for _, label in entries]


def _groups(result: Transfer) -> list[TransferGroup]:
    return [g for t in result.targets for k in result.kinds for g in result.groups(t, k)]
