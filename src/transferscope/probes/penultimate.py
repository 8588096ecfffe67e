"""Features of the penultimate layer, what the final one is given, and the logits: both in one pass."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..errors import ModelError
from ..models.network import Network
from ..progress import Progress, silent
from ..runtime import pick_device
from .activations import pool
from .forward import Forward

__all__ = ["Penultimate", "penultimate"]


@dataclass(frozen=True, eq=False)
class Penultimate:
    """What a network makes of n images just before and after its final layer.

    Attributes:
        name: what the features are: ``input of fc``.
        features: ``(n, d)``, averaged over positions where the final layer takes several.
        logits: ``(n, k)``.
        seconds: of the pass, normalisation included.
    """

    name: str
    features: np.ndarray
    logits: np.ndarray
    seconds: float


def penultimate(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    *,
    batch: int = 128,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Penultimate:
    """Pass images forward once, normalised as the network wants them, in eval mode.

    Args:
        net: the network.
        params: its weights.
        images: n images.
        batch: images a forward pass.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Raises:
        ModelError: when the network has no final layer that can be told apart, or does not call it once a pass.
        DataError: when the network cannot look at these images.

    >>> from ..models.build import build
    >>> net = build("lenet", 10)
    >>> images = ImageSet(
    ...     np.zeros((3, 28, 28, 1), np.uint8), np.zeros(3, np.int64), ("a",), np.arange(3).astype(str)
    ... )
    >>> found = penultimate(net, net.params(), images, device="cpu")
    >>> found.name, found.features.shape, found.logits.shape
    ('input of fc3', (3, 84), (3, 10))
    """
    if not net.head:
        raise ModelError(f"{net.name}: no final layer can be told apart, so there are no features before it")
    where = pick_device(device)
    forward = Forward(net, params, where)
    forward.check(images)
    given: list[Tensor] = []

    def take(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        given.append(pool(arguments[0].detach()))

    features, logits, seconds = [], [], 0.0
    handle = forward.module.get_submodule(net.head).register_forward_pre_hook(take)
    try:
        for part in Feed(images, where).batches(batch):
            given.clear()
            begun = time.perf_counter()
            out = forward(part)
            if len(given) != 1 or len(given[0]) != len(part.images):
                raise ModelError(
                    f"{net.name}: its final layer {net.head!r} is not called once for each image, so there are no "
                    "features before it"
                )
            features.append(np.array(given[0].cpu().numpy()))
            logits.append(np.array(out.cpu().numpy()))
            seconds += time.perf_counter() - begun
            progress(part.start + len(part.images), len(images), "images")
    finally:
        handle.remove()
    return Penultimate(f"input of {net.head}", np.concatenate(features), np.concatenate(logits), seconds)
