"""LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling, for images of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

__all__ = ["WIDTH", "LeNet"]


WIDTH = 6
"""Channels of the first convolution, as LeCun et al. have it."""


class LeNet(nn.Module):
    """Two 5×5 convolutions of 6 and 16 channels, each max-pooled, then linear layers of 120, 84 and ``classes``.

    Args:
        classes: number of outputs.
        size: height and width of the images, at least 12; the first linear layer depends on it.
        channels: of the images.
        width: channels of the first convolution; all layers but the last are wider or narrower in proportion.

    Raises:
        ModelError: when the images are smaller, or the width is not positive.

    >>> sum(p.numel() for p in LeNet(10).parameters())
    61706
    >>> [tuple(layer.weight.shape[:2]) for layer in LeNet(10, width=12).children()]
    [(12, 1), (32, 12), (240, 800), (168, 240), (10, 168)]
    """

    def __init__(self, classes: int, size: tuple[int, int] = (28, 28), channels: int = 1, width: int = WIDTH) -> None:
        super().__init__()
        if min(size) < 12:
            raise ModelError(f"lenet: images of {size[0]}×{size[1]} are too small; at least 12×12")
        if width < 1:
            raise ModelError(f"lenet: width {width}; expected 1 channel or more")
        maps, first, second = (round(n * width / WIDTH) for n in (16, 120, 84))
        self.conv1 = nn.Conv2d(channels, width, 5, padding=2)
        self.conv2 = nn.Conv2d(width, maps, 5)
        rows, columns = ((side // 2 - 4) // 2 for side in size)
        self.fc1 = nn.Linear(maps * rows * columns, first)
        self.fc2 = nn.Linear(first, second)
        self.fc3 = nn.Linear(second, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(b, classes)``."""
        # The rectifier after the pooling has a quarter of the numbers to look at, and gives the same bits.
        x = functional.relu(_halved(self.conv1(x)))
        x = functional.relu(_halved(self.conv2(x)))
        x = functional.relu(self.fc2(functional.relu(self.fc1(x.flatten(1)))))
        logits: Tensor = self.fc3(x)
        return logits


def _halved(x: Tensor) -> Tensor:
    """Max-pool 2×2.

    torch's pooling takes the numbers of 6 channels one by one, a third of the network's time. The larger of two
    neighbours, twice, is 5 to 8 times as fast and gives the same bits; but its gradients go to all that are equal, so
    it is only for where none are asked for.
    """
    if not torch.is_inference_mode_enabled() or x.device.type != "cpu":
        return functional.max_pool2d(x, 2)
    height, width = (side // 2 * 2 for side in x.shape[2:])
    rows = torch.maximum(x[:, :, 0:height:2], x[:, :, 1:height:2])
    return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])
