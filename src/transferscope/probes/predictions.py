"""What a network says about every image of a set."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..errors import ModelError
from ..models.network import Network
from ..progress import Progress, silent
from ..runtime import pick_device
from .forward import Forward

__all__ = ["predictions"]


def predictions(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    *,
    batch: int = 256,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> np.ndarray:
    """Return the logits of every image, in the order of the set.

    Args:
        net: the network.
        params: its weights.
        images: n images; their labels are not looked at.
        batch: images a forward pass.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Returns:
        float32 ``(n, classes)``; batch norm uses its stored statistics, dropout is off.

    Raises:
        DataError: when the network cannot look at these images.
        ModelError: when the network has another number of outputs than the set has classes.
    """
    where = pick_device(device)
    forward = Forward(net, params, where)
    forward.check(images)
    out = np.empty((len(images), len(images.classes)), np.float32)
    for part in Feed(images, where).batches(batch):
        logits = forward(part)
        if logits.ndim != 2 or logits.shape[1] != len(images.classes):
            raise ModelError(
                f"{net.name} gives outputs of shape {tuple(logits.shape[1:])} for the {len(images.classes)} classes "
                f"of {images.name}; give weights whose head was trained on these classes"
            )
        stop = part.start + len(logits)
        out[part.start : stop] = logits.to(torch.float32).cpu().numpy()
        progress(stop, len(images), "images")
    return out
