"""A task that is learned in a second, and modules that learn it, sound ones and others."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from transferscope.data.imageset import ImageSet, ImageSplits
from transferscope.models.network import Input
from transferscope.rng import numpy_generator

__all__ = [
    "CLASSES", "PIXELS", "Alive", "Base", "Batchy", "Counting", "Sound", "TiedBehind", "images", "splits", "trained",
]  # fmt: skip

CLASSES = 4
PIXELS = Input((8, 8), 3, (0.0,) * 3, (1 / 255,) * 3)
"""Pixels as they are, 0 … 255: a network that is used to them is lost on any other scale."""


def images(count: int, part: str) -> ImageSet:
    """Noise with a bright band in one colour, whose place is the class."""
    drawn = numpy_generator("checks", part, count)
    pixels = drawn.integers(0, 120, (count, 8, 8, 3), dtype=np.uint8)
    labels = drawn.integers(0, CLASSES, count)
    for i, label in enumerate(labels):
        pixels[i, 2 * label : 2 * label + 2, :, 0] += 120
    ids = np.array([f"{part} {i}" for i in range(count)])
    return ImageSet(pixels, labels.astype(np.int64), ("north", "east", "south", "west"), ids, name=part)


def splits() -> ImageSplits:
    """Training and test images."""
    return ImageSplits(images(256, "train"), images(0, "val"), images(160, "test"))


class Base(nn.Module):
    """Convolution, batch norm, head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.bn = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8 * 16, CLASSES)

    def features(self, x: Tensor) -> Tensor:
        return functional.max_pool2d(functional.relu(self.bn(self.conv(x))), 2).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.features(x))
        return out


class Sound(Base):
    """As it should be, with a dropout that eval() switches off."""

    def features(self, x: Tensor) -> Tensor:
        return functional.dropout(super().features(x), 0.1, self.training)


class Alive(Base):
    """A dropout that eval() does not switch off."""

    def features(self, x: Tensor) -> Tensor:
        return functional.dropout(super().features(x), 0.1)


class Counting(Base):
    """A pass changes it, in eval mode, too."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def features(self, x: Tensor) -> Tensor:
        self.seen += len(x)
        return super().features(x)


class TiedBehind(Base):
    """Two layers in one memory, which nobody who looks at parameters sees."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8 * 16, 8 * 16), nn.Linear(8 * 16, 8 * 16)
        self.second.weight.data = self.first.weight.data

    def features(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(functional.relu(self.first(super().features(x))))
        return out


class Batchy(Base):
    """What it says of an image depends on the others of the batch."""

    def features(self, x: Tensor) -> Tensor:
        found = super().features(x)
        return found - found.mean(0)


def trained(module: nn.Module, given: ImageSplits, wanted: Input = PIXELS, steps: int = 60) -> nn.Module:
    """Train a module on the task."""
    x, y = wanted.prepare(torch.from_numpy(np.array(given.train.images))), torch.from_numpy(given.train.labels)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    drawn = torch.Generator().manual_seed(0)
    module.train()
    for _ in range(steps):
        part = torch.randperm(len(x), generator=drawn)[:64]
        loss = functional.cross_entropy(module(x[part]), y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.eval()


def asked(**more: Any) -> dict[str, Any]:
    """What must be said of a module."""
    return {"input": PIXELS, "classes": CLASSES, **more}
