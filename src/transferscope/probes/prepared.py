"""Images on the device, decoded and normalised once for all points."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..models.network import Network

__all__ = ["Prepared"]


class Prepared:
    """A set on the device, normalised once and kept when that takes no more than ``room`` bytes.

    Args:
        net: whose input it becomes.
        images: the set.
        device: where.
        dtype: of the network.
        room: bytes that may be kept.

    Attributes:
        labels: of all images, on the device.
        kept: bytes kept.
    """

    def __init__(self, net: Network, images: ImageSet, device: torch.device, dtype: torch.dtype, room: int) -> None:
        self._input, self._dtype = net.input, dtype
        self._images, self._net, self._device = images, net, device
        self._feed = Feed(images, device)
        self.labels = self._feed.labels
        self._pixels: Tensor | None = None
        self.kept = images.images.size * dtype.itemsize
        if self.kept > room:
            self.kept = 0
            return
        n, h, w, c = images.images.shape
        self._pixels = torch.empty((n, h, w, c), device=device, dtype=dtype).permute(0, 3, 1, 2)
        for batch in self._feed.batches(1024):
            self._pixels[batch.start : batch.start + len(batch.images)] = self._input.prepare(batch.images)
        self._feed.release()

    def __len__(self) -> int:
        return len(self._feed)

    @property
    def digest(self) -> str:
        """Of pixels and labels, see :attr:`~transferscope.data.imageset.ImageSet.digest`."""
        return self._images.digest

    def batches(self, size: int) -> Iterator[tuple[int, Tensor]]:
        """Yield the place of the first image and the images, ``(b, c, h, w)``, of one batch after the other."""
        if self._pixels is not None:
            for start in range(0, len(self), size):
                yield start, self._pixels[start : start + size]
            return
        for batch in self._feed.batches(size):
            yield batch.start, self._input.prepare(batch.images).to(self._dtype)

    def growing(self, first: int, most: int) -> list[slice]:
        """Return places of batches, the first small and each next one twice as large up to ``most``."""
        places, start, size = list[slice](), 0, first
        while start < len(self):
            places.append(slice(start, min(start + size, len(self))))
            start, size = start + size, min(2 * size, most)
        return places

    def part(self, place: slice) -> Tensor:
        """Return the images at a place, ``(b, c, h, w)``."""
        if self._pixels is not None:
            return self._pixels[place]
        return self._input.prepare(self._feed.part(place).images).to(self._dtype)

    def reordered(self, order: np.ndarray, room: int) -> Prepared:
        """Return the same images in another order."""
        return Prepared(self._net, self._images.subset(order), self._device, self._dtype, room)
