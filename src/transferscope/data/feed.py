"""Images on the device: uint8 kept there when it fits, normalised batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..runtime import room
from .imageset import ImageSet
from .mapped import Reader, is_mapped

__all__ = ["Batch", "Feed"]

_RESIDENT_BYTES, _RESIDENT_SHARE = 2**35, 1 / 4
"""Sets up to this size, and this share of a GPU's free memory, are moved there once; larger ones batch by batch."""


@dataclass(frozen=True)
class Batch:
    """uint8 images ``(b, h, w, c)`` and labels on the device, and where they stand in the set."""

    images: Tensor
    labels: Tensor
    start: int


class Feed:
    """Batches of an :class:`ImageSet`, in order or by index.

    Args:
        images: the set; pixels are not copied on CPU when they are already in memory.
        device: where batches appear.

    The memory map of a large set is touched one batch at a time, so that only a batch of it need be resident.
    """

    def __init__(self, images: ImageSet, device: torch.device) -> None:
        self.source = images
        self.device = device
        self._reader = Reader(images.images, every=2**25)  # a page that is touched brings its neighbours
        self._pixels: Tensor | None = None
        if device.type != "cpu":
            if images.images.nbytes <= room(device, _RESIDENT_BYTES, _RESIDENT_SHARE):
                self._pixels = torch.empty(images.images.shape, dtype=torch.uint8, device=device)
                for part in images.chunks(1024):
                    self._pixels[part] = torch.from_numpy(np.array(images.images[part])).to(device)
        elif not is_mapped(images.images):
            self._pixels = _as_tensor(images.images)
        self.labels = torch.from_numpy(np.array(images.labels)).to(device)
        if self.labels.dtype != torch.int64:
            self.labels = self.labels.to(torch.float32)

    def __len__(self) -> int:
        return len(self.source)

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield consecutive batches of at most ``size`` examples."""
        for start in range(0, len(self), size):
            yield self.part(slice(start, min(start + size, len(self))))

    def part(self, place: slice) -> Batch:
        """Return the examples at a place."""
        return Batch(self._slice(place), self.labels[place], place.start)

    def release(self) -> None:
        """Give back what of a GPU's memory the images take; they are read from the set again from now on."""
        if self.device.type != "cpu":
            self._pixels = None

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at ``index`` (int64, on CPU), in that order."""
        if self._pixels is not None:
            places = index.to(self.device)
            return Batch(self._pixels[places], self.labels[places], -1)
        order = index.numpy()
        images = torch.from_numpy(np.ascontiguousarray(self.source.images[order])).to(self.device)
        self._reader.has_read(images.nbytes)
        return Batch(images, self.labels[index.to(self.device)], -1)

    def _slice(self, part: slice) -> Tensor:
        if self._pixels is not None:
            return self._pixels[part]
        images = np.array(self.source.images[part])
        self._reader.has_read(images.nbytes)
        return torch.from_numpy(images).to(self.device)


def _as_tensor(images: np.ndarray) -> Tensor:
    writable = images if images.flags.writeable else images.copy()
    return torch.from_numpy(np.ascontiguousarray(writable))
