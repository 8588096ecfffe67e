"""Pictures of the theory: the error of the predictions over width, predicted against measured, and the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...plots.sheet import sheet
from ...plots.style import PALETTE, look_of, styled
from .measure import Experiment, Theory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]

_MARKERS = {"gradient": "o", "moved": "s"}
_NAMES = {"gradient": "Theorem 1, ‖∂L/∂X₁‖²", "moved": "Theorem 2, ‖W(Q) − W(P)‖²"}


def plot(result: Theory) -> Figure:
    """Draw what networks did against what is predicted, units that change side, and the scores with intervals.

    Args:
        result: what to draw; without networks the scores alone.
    """
    with styled():
        rows = 0.24 * len(result.scores) + 1.5
        if not result.experiments:
            fig = sheet(5.6, max(2.4, rows))
            _scores(fig.subplots(), result)
            return fig
        fig = sheet(8.6, 3.2 + max(2.6, rows))
        top, bottom = fig.subplots(2, 2)
        _measured(top[0], result)
        _errors(top[1], result)
        _flips(bottom[0], result)
        _scores(bottom[1], result)
    return fig


def _measured(ax: Axes, result: Theory) -> None:
    """Measured over predicted as printed, a dot a network."""
    for i, of in enumerate(result.experiments):
        for what, marker in _MARKERS.items():
            values = [(run.units, getattr(run, what) / getattr(run, f"{what}_printed")) for run in of.runs]
            shift = 1.06 ** (2 * i + (what == "moved") - len(result.experiments))
            ax.plot(
                [m * shift for m, _ in values], [v for _, v in values], marker, markersize=3.5, alpha=0.7,
                color=look_of("", i)[0], label=_NAMES[what] if i == 0 else None,
            )  # fmt: skip
    ax.axhline(1, color="#777777", linewidth=0.9)
    ax.set_xscale("log", base=2)
    ax.set_title("Measured over predicted")
    ax.set_xlabel("units m")
    ax.set_ylabel("ratio, as printed")
    ax.legend()


def _errors(ax: Axes, result: Theory) -> None:
    """Geometric means over seeds of the error of outputs, and of both squares; a line of slope −½."""
    highest = []
    for i, of in enumerate(result.experiments):
        colour, dash = look_of("", i)
        outputs = [_geometric([run.outputs_error for run in of.of(m)]) for m in of.widths]
        ax.plot(of.widths, outputs, color=colour, linestyle=dash, marker="D", markersize=3, label=_pair(result, of))
        for what, marker in _MARKERS.items():
            errors = [
                _geometric([abs(getattr(run, what) / getattr(run, f"{what}_finite") - 1) for run in of.of(m)])
                for m in of.widths
            ]
            ax.plot(of.widths, errors, marker, markersize=4, color=colour, markerfacecolor="white")
        highest.append(outputs[0])
    widths = np.array(result.experiments[0].widths, dtype=float)
    guide = 1.6 * max(highest) * (widths / widths[0]) ** -0.5
    ax.plot(widths, guide, color="#777777", linewidth=0.9, label=r"$\propto m^{-1/2}$")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_title("Error of the predictions")
    ax.set_xlabel("units m")
    ax.set_ylabel("outputs (filled), squares (open)")
    ax.legend()


def _flips(ax: Axes, result: Theory) -> None:
    for i, of in enumerate(result.experiments):
        colour, dash = look_of("", i)
        flips = [_geometric([run.flips for run in of.of(m)]) for m in of.widths]
        ax.plot(of.widths, [100 * f for f in flips], color=colour, linestyle=dash, marker="o", markersize=3.5)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_title("Units that change side")
    ax.set_xlabel("units m")
    ax.set_ylabel("units × images (%)")


def _scores(ax: Axes, result: Theory) -> None:
    """A row a source and target: both ratios."""
    for row, one in enumerate(result.scores):
        for k, (value, colour, marker) in enumerate(((one.moves, PALETTE[0], "s"), (one.gradients, PALETTE[1], "o"))):
            at = row + 0.26 * (k - 0.5)
            if value.low is not None and value.high is not None:
                ax.hlines(at, value.low, value.high, color=colour, linewidth=1.3)
            label = ("distance² to go (Theorem 2)", "gradient² (Theorem 1)")[k] if row == 0 else None
            fill = "white" if one.fitted else colour
            ax.plot(value.value, at, marker, markersize=4.5, color=colour, markerfacecolor=fill, label=label)
    ax.axvline(1, color="#777777", linewidth=0.9)
    names = [f"{one.source} → {one.target}" for one in result.scores]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(axis="y", visible=False)
    fitted = " (open: with a fitted head)" if any(one.fitted for one in result.scores) else ""
    ax.set_title("Over that from scratch")
    ax.set_xlabel(f"ratio{fitted}")
    if result.scores:
        ax.legend()


def _pair(result: Theory, of: Experiment) -> str:
    several = len({e.source for e in result.experiments}) > 1
    return f"{of.source} → {of.target}" if several else of.target


def _geometric(values: list[float]) -> float:
    return float(np.exp(np.mean(np.log(np.maximum(values, 1e-16)))))
