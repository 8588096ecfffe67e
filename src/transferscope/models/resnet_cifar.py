"""ResNets with batch norm for 32×32 images (He et al. 2016, §4.2), tensors named as in the public checkpoints.

The names conv1, bn1, layer{1,2,3}.I.{conv1,bn1,conv2,bn2}, linear are those of the well-known CIFAR-10 checkpoints
ResNet-20 … 110. Shortcuts have no parameters (option A): every second pixel, missing channels zero on both sides.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

__all__ = ["DEPTHS", "CifarResNet", "cifar_resnet"]

DEPTHS: tuple[int, ...] = (20, 32, 44, 56, 110)
"""6n + 2 layers: n blocks in each of three stages of 16, 32, 64 channels."""


class _Block(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.padding = stride, width - inputs

    def forward(self, x: Tensor) -> Tensor:
        branch = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.stride > 1 or self.padding:
            half = self.padding // 2
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, half, self.padding - half))
        return functional.relu(branch + x)


class CifarResNet(nn.Module):
    """A ResNet for small images.

    Args:
        blocks: in each of the three stages.
        classes: number of outputs.
        channels: of the images.
        width: channels of the first stage; they double from stage to stage.
    """

    def __init__(self, blocks: int, classes: int, channels: int = 3, width: int = 16) -> None:
        super().__init__()
        w = width
        self.conv1 = nn.Conv2d(channels, w, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(w)
        self.layer1 = nn.Sequential(*[_Block(w, w, 1) for _ in range(blocks)])
        self.layer2 = nn.Sequential(_Block(w, 2 * w, 2), *[_Block(2 * w, 2 * w, 1) for _ in range(blocks - 1)])
        self.layer3 = nn.Sequential(_Block(2 * w, 4 * w, 2), *[_Block(4 * w, 4 * w, 1) for _ in range(blocks - 1)])
        self.linear = nn.Linear(4 * w, classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(b, classes)``."""
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(x.mean((2, 3)))
        return logits


def cifar_resnet(depth: int, classes: int, channels: int = 3, width: int | None = None) -> CifarResNet:
    """Build a CIFAR ResNet by its number of layers.

    Args:
        depth: one of :data:`DEPTHS`.
        classes: number of outputs.
        channels: of the images.
        width: channels of the first stage; by default 16.

    Raises:
        ModelError: for another depth, or no width.

    >>> sum(p.numel() for p in cifar_resnet(20, 10).parameters())  # He et al. 2016, Table 6: 0.27 M
    269722
    """
    if depth not in DEPTHS:
        raise ModelError(f"no CIFAR ResNet of depth {depth}; known: {', '.join(map(str, DEPTHS))}")
    if width is not None and width < 1:
        raise ModelError(f"a CIFAR ResNet of width {width}; expected 1 channel or more")
    return CifarResNet((depth - 2) // 6, classes, channels, width or 16)
