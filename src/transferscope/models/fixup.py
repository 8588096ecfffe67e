"""ResNets without normalisation, trainable by their initialisation (Fixup: Zhang, Dauphin & Ma 2019).

The three rules of the paper (§3): (1) the last convolution of every residual branch starts at zero; (2) every other
weight layer starts as in He et al. 2015, those inside a branch of m layers scaled by L^(−1/(2m−2)), where L is the
number of branches; (3) a scalar bias, at first 0, stands before every convolution, linear layer and activation, and
one scalar multiplier, at first 1, in every branch. The final linear layer starts uniform as PyTorch's default, not at
zero (Neyshabur et al. 2020, Appendix A).

The scalars belong to the convolution they surround, so that a layer is one submodule: x ↦ s·(W ∗ (x + b)) + c. The
first convolution has no scalar before it, because its input is data.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

__all__ = [
    "CIFAR_DEPTHS",
    "IMAGENET_DEPTHS",
    "FixupConv2d",
    "FixupLinear",
    "FixupResNet",
    "fixup_resnet",
    "fixup_scalars",
]

IMAGENET_DEPTHS: dict[int, tuple[int, ...]] = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks in each stage of the ImageNet style nets; bottleneck blocks from 50 on (He et al. 2016, Table 1)."""

CIFAR_DEPTHS: tuple[int, ...] = (8, 14, 20, 32, 44, 56, 110)
"""6n + 2 layers: n basic blocks in each of three stages of 16, 32, 64 channels (He et al. 2016, §4.2)."""


class FixupConv2d(nn.Conv2d):
    """Convolution with scalars around it: s·(W ∗ (x + b)) + c.

    Args:
        inputs: channels in.
        outputs: channels out.
        kernel: side of the kernel; padded to keep the size at stride 1.
        stride: of the convolution.
        before: whether there is a b.
        after: whether there is a c.
        scaled: whether there is an s.
    """

    bias_before: nn.Parameter | None
    scale: nn.Parameter | None
    bias_after: nn.Parameter | None

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        *,
        before: bool = True,
        after: bool = True,
        scaled: bool = False,
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False)
        self.register_parameter("bias_before", nn.Parameter(torch.zeros(1)) if before else None)
        self.register_parameter("scale", nn.Parameter(torch.ones(1)) if scaled else None)
        self.register_parameter("bias_after", nn.Parameter(torch.zeros(1)) if after else None)

    def forward(self, x: Tensor) -> Tensor:
        """Return s·(W ∗ (x + b)) + c."""
        if self.bias_before is not None:
            x = x + self.bias_before
        x = super().forward(x)
        if self.scale is not None:
            x = x * self.scale
        return x if self.bias_after is None else x + self.bias_after


class FixupLinear(nn.Linear):
    """Linear layer with a scalar before it: W(x + b) + c."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.bias_before = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return W(x + b) + c."""
        return super().forward(x + self.bias_before)


class _Basic(nn.Module):
    """Two 3×3 convolutions and a shortcut, which is a 1×1 convolution where ``project`` and the shape changes.

    Elsewhere it has no parameters: every ``stride``-th pixel, missing channels zero.
    """

    expansion = 1

    def __init__(self, inputs: int, width: int, stride: int, *, project: bool) -> None:
        super().__init__()
        self.conv1 = FixupConv2d(inputs, width, 3, stride)
        self.conv2 = FixupConv2d(width, width, 3, scaled=True)
        self.stride, self.padding = stride, width - inputs
        self.shortcut = _shortcut(inputs, width, stride) if project else None

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv2(functional.relu(self.conv1(x)))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.stride > 1 or self.padding:
            x = functional.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.padding))
        return functional.relu(branch + x)


class _Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolution and a shortcut, which is a 1×1 convolution where the shape changes."""

    expansion = 4

    def __init__(self, inputs: int, width: int, stride: int, *, project: bool) -> None:
        super().__init__()
        outputs = width * self.expansion
        self.conv1 = FixupConv2d(inputs, width, 1)
        self.conv2 = FixupConv2d(width, width, 3, stride)
        self.conv3 = FixupConv2d(width, outputs, 1, scaled=True)
        self.shortcut = _shortcut(inputs, outputs, stride) if project else None

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv3(functional.relu(self.conv2(functional.relu(self.conv1(x)))))
        return functional.relu(branch + (x if self.shortcut is None else self.shortcut(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> FixupConv2d | None:
    if stride == 1 and inputs == outputs:
        return None
    return FixupConv2d(inputs, outputs, 1, stride, after=False)


class FixupResNet(nn.Module):
    """A ResNet with Fixup initialisation and no normalisation.

    Args:
        depths: blocks in each stage; the width doubles and the resolution halves from stage to stage.
        width: channels of the first stage (before expansion).
        bottleneck: bottleneck instead of basic blocks.
        large: ImageNet style (7×7 stride 2, max-pool, projections) instead of CIFAR style (3×3, padded shortcuts).
        classes: number of outputs.
        channels: of the images.
    """

    def __init__(
        self, depths: tuple[int, ...], width: int, *, bottleneck: bool, large: bool, classes: int, channels: int = 3
    ) -> None:
        super().__init__()
        block = _Bottleneck if bottleneck else _Basic
        self.conv1 = FixupConv2d(channels, width, 7 if large else 3, 2 if large else 1, before=False)
        self.pool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        self.stages = tuple(f"layer{i + 1}" for i in range(len(depths)))
        inputs = width
        for i, (name, depth) in enumerate(zip(self.stages, depths, strict=True)):
            blocks = []
            for j in range(depth):
                blocks.append(block(inputs, width << i, 2 if i and not j else 1, project=large))
                inputs = (width << i) * block.expansion
            self.add_module(name, nn.Sequential(*blocks))
        self.fc = FixupLinear(inputs, classes)
        self.reset()

    def reset(self) -> None:
        """Draw fresh weights by the rules of the paper."""
        branches = [block for block in self.modules() if isinstance(block, (_Basic, _Bottleneck))]
        ends = {id(b.conv3 if isinstance(b, _Bottleneck) else b.conv2) for b in branches}
        inner = {id(c) for b in branches for c in (b.conv1, b.conv2)} - ends
        layers = 3 if any(isinstance(b, _Bottleneck) for b in branches) else 2
        for part in self.modules():
            if isinstance(part, FixupConv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                if id(part) in inner:
                    part.weight.data.mul_(len(branches) ** (-1 / (2 * layers - 2)))
                elif id(part) in ends:
                    nn.init.zeros_(part.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(b, classes)``."""
        x = self.pool(functional.relu(self.conv1(x)))
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        logits: Tensor = self.fc(x.mean((2, 3)))
        return logits


def fixup_resnet(depth: int, classes: int, channels: int = 3, width: int | None = None) -> FixupResNet:
    """Build a Fixup ResNet by its number of layers.

    Args:
        depth: a key of :data:`IMAGENET_DEPTHS` or one of :data:`CIFAR_DEPTHS`.
        classes: number of outputs.
        channels: of the images.
        width: channels of the first stage; by default 64 or 16 (He et al. 2016).

    Raises:
        ModelError: for another depth, or no width.

    >>> sum(p.numel() for p in fixup_resnet(20, 10).parameters())
    268393
    """
    if width is not None and width < 1:
        raise ModelError(f"a Fixup ResNet of width {width}; expected 1 channel or more")
    if depth in IMAGENET_DEPTHS:
        depths = IMAGENET_DEPTHS[depth]
        return FixupResNet(
            depths, width or 64, bottleneck=depth >= 50, large=True, classes=classes, channels=channels
        )
    if depth not in CIFAR_DEPTHS:
        known = ", ".join(map(str, sorted((*IMAGENET_DEPTHS, *CIFAR_DEPTHS))))
        raise ModelError(f"no Fixup ResNet of depth {depth}; known: {known}")
    n = (depth - 2) // 6
    return FixupResNet((n, n, n), width or 16, bottleneck=False, large=False, classes=classes, channels=channels)


def fixup_scalars(module: nn.Module) -> tuple[str, ...]:
    """Names of the scalar biases and multipliers, which train at a tenth of the learning rate.

    Returns:
        in the order of the state dict; empty for a network that has none.

    >>> fixup_scalars(FixupLinear(3, 2)), fixup_scalars(nn.Linear(3, 2))
    (('bias_before',), ())
    """
    names = []
    for path, part in module.named_modules():
        if isinstance(part, (FixupConv2d, FixupLinear)):
            own = [name for name, _ in part.named_parameters(recurse=False) if name not in ("weight", "bias")]
            names += [f"{path}.{name}" if path else name for name in own]
    return tuple(names)
