"""How many entries the output of a module has for an image: windows, patches or tokens may stand beside images.

Two passes tell, one of two images and one of the second alone. Entries are those of image after image when those of
the second image alone are the last ones of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["entries_an_image", "unfolded"]

_NEAR = 1e-3
"""Largest difference, in shares of the largest entry, that rounding in batches of other sizes may make."""


def entries_an_image(
    together: Mapping[str, Sequence[Tensor]], alone: Mapping[str, Sequence[Tensor]], images: int
) -> dict[str, list[int]]:
    """Return how many entries of its first axis each output has for an image; 0 where image does not follow image.

    Args:
        together: by module the output of each run in a pass of some images.
        alone: the same in a pass of the last of them.
        images: how many they were.

    >>> windows = torch.arange(6.0).view(6, 1)  # of two images, three windows each
    >>> entries_an_image({"w": [windows]}, {"w": [windows[3:]]}, 2), entries_an_image(
    ...     {"w": [windows]}, {"w": [windows[1::2]]}, 2
    ... )
    ({'w': [3]}, {'w': [0]})
    """
    return {
        name: [_entries(a, b, images) for a, b in zip(runs, alone.get(name, ()), strict=False)]
        for name, runs in together.items()
    }


def _entries(together: Tensor, alone: Tensor, images: int) -> int:
    count = len(alone) if alone.ndim else 0
    if together.ndim != alone.ndim or not count or len(together) != images * count:
        return 0
    if count == 1:
        return 1
    last = together[-count:]
    if last.shape != alone.shape:
        return 0
    scale = together.abs().nan_to_num(0, 0, 0).max() if together.numel() else 0.0
    return count if torch.allclose(last, alone, rtol=0, atol=_NEAR * float(scale), equal_nan=True) else 0


def unfolded(value: Tensor, images: int) -> Tensor:
    """Put the entries of each image into one row, as features of its own: tokens where they have positions.

    Args:
        value: ``(images · k, …)``, image after image; as it is where k is 1.
        images: how many.

    Returns:
        ``(images, k · positions, channels)``: of ``(images · k, c)``, of tokens ``(images · k, t, c)``, of
        ``(images · k, c, h, w)``, or of ``(images · k, h, w, c)`` where only height and width are equal. Of other
        forms ``(images, k, …)``.

    >>> unfolded(torch.zeros(6, 5, 8), 2).shape, unfolded(torch.zeros(6, 8, 2, 2), 2).shape
    (torch.Size([2, 15, 8]), torch.Size([2, 12, 8]))
    """
    if len(value) == images:
        return value
    rows = value.reshape(images, -1, *value.shape[1:])
    if value.ndim == 4:
        _, second, third, fourth = value.shape
        channels_last = second == third != fourth
        rows = rows if channels_last else rows.movedim(2, -1)
    elif value.ndim not in (2, 3):
        return rows
    return rows.flatten(1, -2)
