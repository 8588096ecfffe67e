"""Whether names would run into each other under an axis, so that they are written slanted."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["crowded"]

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
