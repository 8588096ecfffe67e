"""What is written under an axis does not run into its neighbour: slanted names, few numbers of a log scale."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["crowded", "logarithmic"]

_DECADES = 1.5
"""Span up to which matplotlib writes numbers between powers of ten, all of them."""

_LETTERS = 60
"""Letters of 7.5 points that are read side by side under an axis of about five inches."""


def crowded(names: Collection[str], most: int = 9) -> bool:
    """Say whether names side by side are too many, or too long.

    Args:
        names: under one axis.
        most: of them, however short.

    >>> crowded(["conv1", "layer1", "fc"]), crowded([f"resnet.encoder.stages.{i}" for i in range(4)])
    (False, True)
    """
    return len(names) > most or sum(map(len, names)) > _LETTERS


def logarithmic(ax: Axes) -> None:
    """Make the scale along x logarithmic; of few decades 1, 2 and 5 times a power of ten are written."""
    from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

    ax.set_xscale("log")
    low, high = ax.get_xlim()
    if low > 0 and math.log10(high / low) < _DECADES:
        ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        ax.xaxis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(math.inf, math.inf)))
        ax.xaxis.set_minor_formatter(NullFormatter())
