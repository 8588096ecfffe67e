"""LeNet-5 (LeCun et al. 1998) with ReLU and max-pooling, for images of any size."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """Two 5×5 convolutions of 6 and 16 channels, each max-pooled, then linear layers of 120, 84 and ``classes``.

    Args:
        classes: number of outputs.
        size: height and width of the images, at least 12; the first linear layer depends on it.
        channels: of the images.

    Raises:
        ModelError: when the images are smaller.

    >>> sum(p.numel() for p in LeNet(10).parameters())
    61706
    """

    def __init__(self, classes: int, size: tuple[int, int] = (28, 28), channels: int = 1) -> None:
        super().__init__()
        if min(size) < 12:
            raise ModelError(f"lenet: images of {size[0]}×{size[1]} are too small; at least 12×12")
        self.conv1 = nn.Conv2d(channels, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        height, width = ((side // 2 - 4) // 2 for side in size)
        self.fc1 = nn.Linear(16 * height * width, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

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

    torch's pooling takes the numbers of 6 channels one by one, a third of the time of the whole network. Larger of two
    neighbours, twice, is 5 to 8 times as fast and gives the same bits; but its gradients go to all that are equal, so
    it is only for where none are asked for.
    """
    if not torch.is_inference_mode_enabled() or x.device.type != "cpu":
        return functional.max_pool2d(x, 2)
    height, width = (side // 2 * 2 for side in x.shape[2:])
    rows = torch.maximum(x[:, :, 0:height:2], x[:, :, 1:height:2])
    return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])
