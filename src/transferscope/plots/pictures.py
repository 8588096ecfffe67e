"""One image in a cell of a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["show"]


def show(ax: Axes, picture: np.ndarray | None) -> None:
    """Show a uint8 image ``(h, w, 1 or 3)`` without axes; ``None`` leaves the cell empty."""
    ax.set_xticks([])
    ax.set_yticks([])
    ax.grid(visible=False)
    for spine in ax.spines.values():  # a thin frame, as images may be white at the edge
        spine.set(visible=picture is not None, linewidth=0.4, color="#BBBBBB")
    if picture is not None:
        pixels = picture if picture.shape[-1] == 3 else picture[..., 0]
        ax.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
