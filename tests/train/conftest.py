"""A small task that can be learnt, and small networks for it."""

import numpy as np
import pytest
import torch
from torch import nn

from transferscope.data.imageset import IGNORED, ImageSet, ImageSplits
from transferscope.models.network import Input, Network
from transferscope.rng import generator, numpy_generator

SIZE, CLASSES = 8, 3


class Shifted(nn.Module):
    """A scalar in the manner of Fixup."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.bias


@pytest.fixture
def drawn():
    """Weights of a network's shapes, drawn from an explicit generator."""

    def draw(net: Network, seed: int = 0) -> dict[str, torch.Tensor]:
        g = generator("weights", seed)
        return {
            k: torch.randn(v.shape, generator=g) * 0.3 if v.is_floating_point() and "running" not in k else v
            for k, v in net.params().items()
        }

    return draw


@pytest.fixture
def small():
    """Convolution, scalar, dropout, head: everything training treats apart but batch norm."""
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(3, 6, 3, stride=2, padding=1))
    module.add_module("shift", Shifted())
    module.add_module("relu", nn.ReLU())
    module.add_module("flat", nn.Flatten())
    module.add_module("drop", nn.Dropout(0.2))
    module.add_module("fc", nn.Linear(6 * 16, CLASSES))
    return Network(module, "small", CLASSES, Input(size=(SIZE, SIZE)), head="fc")


@pytest.fixture
def normed():
    """With batch norm."""
    module = nn.Sequential()
    module.add_module("conv", nn.Conv2d(3, 4, 3, stride=2))
    module.add_module("bn", nn.BatchNorm2d(4))
    module.add_module("flat", nn.Flatten())
    module.add_module("fc", nn.Linear(4 * 9, CLASSES))
    return Network(module, "normed", CLASSES, Input(size=(SIZE, SIZE)), head="fc")


def images_of(count: int, part: str, multilabel: bool = False) -> ImageSet:
    """Noise with a bright row whose place is the class."""
    r = numpy_generator("task", part, count)
    pixels = r.integers(0, 200, (count, SIZE, SIZE, 3), dtype=np.uint8)
    rows = (
        r.integers(0, 2, (count, CLASSES)).astype(bool)
        if multilabel
        else np.eye(CLASSES, dtype=bool)[r.integers(0, CLASSES, count)]
    )
    for c in range(CLASSES):
        pixels[rows[:, c], 2 * c + 1] //= 4
        pixels[rows[:, c], 2 * c + 1] += 200
    labels = rows.argmax(1).astype(np.int64)
    if multilabel:
        labels = np.where(r.random(rows.shape) < 0.2, IGNORED, rows).astype(np.int8)
    ids = np.array([f"{part} {i}" for i in range(count)])
    return ImageSet(pixels, labels, tuple("abc"), ids, name=part)


@pytest.fixture
def images():
    return ImageSplits(images_of(50, "train"), images_of(30, "val"), images_of(40, "test"))


@pytest.fixture
def findings():
    """Multi-label, with unknown entries."""
    return ImageSplits(*(images_of(40, part, multilabel=True) for part in ("train", "val", "test")))
