"""The tensors of a checkpoint in one picture: how large their entries are, and which do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...plots.sheet import figure
from ...plots.style import PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .measure import Diagnosis

__all__ = ["plot"]

_LOOKS = {
    "": (PALETTE[0], "o", "tensor"),
    "fits": (PALETTE[0], "o", "fits"),
    "renamed": (PALETTE[2], "D", "fits, renamed"),
    "other shape": (PALETTE[1], "s", "other shape"),
    "other numbers": (PALETTE[4], "v", "other kind of number"),
    "left over": (PALETTE[3], "^", "left over"),
    "beside": (PALETTE[5], "x", "beside the network"),
}


def plot(result: Diagnosis) -> Figure:
    """Draw the root mean square of each tensor in the order of the file; tensors that are not finite are ringed."""
    with styled():
        fig, ((cell,),) = figure(width=6.4, height=2.8)
        axes: Axes = cell  # type: ignore[assignment]
        for status, (colour, marker, label) in _LOOKS.items():
            chosen = [(i, t.rms) for i, t in enumerate(result.tensors) if t.status == status]
            if chosen:
                axes.plot(*zip(*chosen, strict=True), marker, color=colour, markersize=3.5, label=label)
        bad = [(i, t.rms) for i, t in enumerate(result.tensors) if t.nonfinite]
        if bad:
            axes.plot(*zip(*bad, strict=True), "o", color=PALETTE[6], mfc="none", markersize=9, label="not finite")
        # Zeros are common (fresh biases) and have no logarithm.
        axes.set_yscale("symlog", linthresh=1e-4)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("tensor, in the order of the file")
        axes.set_ylabel("root mean square")
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
