"""Weights whose batch-norm statistics are those of given images, as training sees them."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..models.batchnorm import norm_layers, recalibrate, statistics
from ..models.network import Network
from ..params import Params
from ..runtime import full_float32, pick_device
from .forward import Forward
from .gradients import Precision, in_precision

__all__ = ["with_statistics_of"]


def with_statistics_of(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    *,
    precision: Precision = "float32",
    batch: int = 128,
    device: torch.device | str = "cpu",
) -> Params:
    """Return the same weights with batch-norm statistics collected anew over images.

    In training, batch norm uses the statistics of the batch; the running ones of weights that were never trained say
    nothing (means 0, variances 1). Weights of a network without batch norm are returned as they are.

    Args:
        net: the network.
        params: its weights.
        images: over which statistics are collected; a last batch that is not full is left out.
        precision: number format of the computation and of the statistics.
        batch: images a batch.
        device: where to compute.

    Returns:
        The given tensors, but for the running means and variances.

    >>> from torch import nn
    >>> from transferscope.models.build import wrap
    >>> from transferscope.models.network import Input
    >>> import numpy as np
    >>> layers = nn.Sequential(nn.BatchNorm2d(1), nn.Flatten(), nn.Linear(4, 2))
    >>> net = wrap(layers, name="normed", classes=2, input=Input((2, 2), 1, (0.0,), (1 / 255,)))
    >>> pixels = np.array([1, 3], np.uint8).repeat(4).reshape(2, 2, 2, 1)
    >>> images = ImageSet(pixels, np.array([0, 1]), ("a", "b"), np.array(["x", "y"]))
    >>> with_statistics_of(net, net.params(), images)["0.running_mean"].item()
    2.0
    """
    if not norm_layers(net.module):
        return dict(params)
    where = pick_device(device)
    forward = Forward(net, in_precision(params, precision), where)
    forward.check(images)
    size = min(batch, len(images))
    parts = (part for part in Feed(images, where).batches(size) if len(part.images) == size)
    with torch.inference_mode(), full_float32(where):
        recalibrate(forward.module, (net.input.prepare(part.images).to(forward.dtype) for part in parts))
    state = forward.module.state_dict()
    return dict(params) | {name: state[name].clone().to(params[name].device) for name in statistics(forward.module)}
