"""A training loop of somebody's own, with and without a recorder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from transferscope.data.imageset import ImageSplits
from transferscope.data.spec import load_images
from transferscope.models.build import build
from transferscope.models.network import Input, Network
from transferscope.train.recorder import Recorder, record

__all__ = ["DATA", "NETWORK", "batches", "bits", "loop", "network", "toy"]

DATA = "synthetic:clipart?train=64&test=48"
NETWORK = "lenet"


def network() -> tuple[Network, ImageSplits]:
    """LeNet on small pictures, as ``--model lenet --size 16`` has it."""
    images = load_images(DATA, size=16)
    return build(NETWORK, len(images.classes), input=Input((16, 16), 3, (0.1307,) * 3, (0.3081,) * 3)), images


class _Within(nn.Module):
    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.backbone(x)
        return logits


def loop(
    folder: Path, seed: int = 0, epochs: int = 3, lr: float = 0.05, within: bool = False, **options: Any
) -> nn.Module:
    """Train LeNet from random weights in a plain loop, recorded; ``within`` a module that has it as its backbone."""
    net, images = network()
    torch.manual_seed(seed)
    module = net.fresh().train()
    for part in module.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    module = _Within(module) if within else module
    x = net.input.prepare(torch.from_numpy(images.train.images))
    y = torch.from_numpy(images.train.labels)
    optimizer = torch.optim.SGD(module.parameters(), lr=lr, momentum=0.9)
    options = {"model": NETWORK, "data": DATA, "optimizer": optimizer, **options}
    with record(module, folder, **options) as recorder:
        for _ in range(epochs):
            for part in torch.randperm(len(x)).split(16):
                logits = module(x[part])
                loss = functional.cross_entropy(logits, y[part])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(loss, correct=logits.argmax(1) == y[part])
            with torch.no_grad():
                recorder.epoch(train_accuracy=(module(x).argmax(1) == y).float().mean())
    return module


def toy() -> nn.Sequential:
    """Convolution, batch norm, dropout, head: all that a mode or a random number would show in."""
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, 3)
    )


def batches(count: int = 12, seed: int = 3) -> list[tuple[Tensor, Tensor]]:
    """Noise, and labels."""
    drawn = torch.Generator().manual_seed(seed)
    return [
        (torch.randn(8, 1, 8, 8, generator=drawn), torch.randint(0, 3, (8,), generator=drawn)) for _ in range(count)
    ]


def train(module: nn.Module, recorder: Recorder | None, given: list[tuple[Tensor, Tensor]], epochs: int = 2) -> None:
    """Train with Adam in a plain loop."""
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    module.train()
    for _ in range(epochs):
        for x, y in given:
            loss = functional.cross_entropy(module(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if recorder is not None:
                recorder.step(loss, lr=0.01)
            loss.detach().zero_()  # what was given may be written to
        if recorder is not None:
            recorder.epoch(val_accuracy=0.5)


def bits(module: nn.Module) -> dict[str, Any]:
    """Weights and buffers, to be compared bit for bit."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
