"""Picture of samples: a grid of images, a row a title (Neyshabur et al. 2020, Fig. 1, Liu et al. 2019, Fig. 1)."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from ...plots.pictures import show
from ...plots.sheet import sheet
from ...plots.style import styled
from .measure import Samples

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot"]

_INCH = 1.05
_WRAP = 16


def plot(result: Samples) -> Figure:
    """Draw the images, what each shows below it.

    Args:
        result: what to draw.
    """
    rows = list(result.pictures.items())
    columns = max(len(images) for _, images in rows)
    with styled():
        fig = sheet(_INCH * columns + 0.4, (_INCH + 0.2) * len(rows))
        axes = fig.subplots(len(rows), columns, squeeze=False)
        for y, (title, images) in enumerate(rows):
            for x in range(columns):
                shown = x < len(images)
                show(axes[y, x], images[x] if shown else None)
                if shown:
                    label = textwrap.shorten(result.labels[title][x], _WRAP, placeholder="…")
                    axes[y, x].set_xlabel(label, fontsize=6.5, labelpad=2)
            axes[y, 0].set_ylabel(textwrap.fill(title, _WRAP), fontsize=8, fontweight="bold")
    return fig
