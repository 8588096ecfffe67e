"""Fully connected ReLU networks, described by a line such as ``400-200-100,bias=false``."""

from __future__ import annotations

import math
import re

from torch import Tensor, nn
from torch.nn import functional

from ..errors import ModelError

__all__ = ["MLP", "mlp"]

_LAYERS = r"[1-9]\d*(?:x[1-9]\d?)?"


class MLP(nn.Module):
    """Linear layers fc1 … fcN with ReLU between them, on flattened images.

    Args:
        inputs: numbers in an image.
        hidden: width of each hidden layer.
        classes: number of outputs.
        bias: whether the layers have biases.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], classes: int, *, bias: bool = True) -> None:
        super().__init__()
        widths = (inputs, *hidden, classes)
        self.depth = len(hidden) + 1
        for i in range(self.depth):
            self.add_module(f"fc{i + 1}", nn.Linear(widths[i], widths[i + 1], bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(b, classes)``."""
        x = x.flatten(1)
        for i in range(1, self.depth):
            x = functional.relu(self.get_submodule(f"fc{i}")(x))
        logits: Tensor = self.get_submodule(f"fc{self.depth}")(x)
        return logits


def mlp(text: str, classes: int, size: tuple[int, int], channels: int) -> MLP:
    """Build an MLP from its description.

    Args:
        text: hidden widths joined by ``-``, several layers of one width as ``64x3``, and ``,bias=false`` or
            ``,bias=true`` (default) behind them.
        classes: number of outputs.
        size: height and width of the images.
        channels: of the images.

    Raises:
        ModelError: when the description cannot be read.

    >>> [tuple(w.shape) for w in mlp("400-100,bias=false", 10, (28, 28), 1).parameters()]
    [(400, 784), (100, 400), (10, 100)]
    >>> mlp("64x2-8", 10, (28, 28), 1).depth  # 64-64-8
    4
    """
    found = re.fullmatch(rf"({_LAYERS}(?:-{_LAYERS})*)(?:,bias=(true|false))?", text)
    if not found:
        raise ModelError(f"mlp:{text}: expected hidden widths, e.g. mlp:400-200-100 or mlp:400-200,bias=false")
    layers = [part.partition("x")[::2] for part in found[1].split("-")]
    hidden = tuple(int(width) for width, times in layers for _ in range(int(times or 1)))
    return MLP(math.prod((channels, *size)), hidden, classes, bias=found[2] != "false")
