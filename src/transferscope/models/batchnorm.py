"""Running statistics of batch norm: which tensors they are, and how to collect them anew.

Running statistics belong to the weights they were collected with. Weights that were combined from others, or changed,
have none of their own until they are collected over training images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..rng import numpy_generator

__all__ = ["RECALIBRATION_BATCH", "norm_layers", "recalibrate", "recalibration_sample", "statistics"]

RECALIBRATION_BATCH = 128
"""Fixed, as the statistics depend on it a little."""


def norm_layers(module: nn.Module) -> tuple[_BatchNorm, ...]:
    """List the batch-norm layers that keep running statistics.

    >>> len(norm_layers(nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))))
    1
    """
    return tuple(m for m in module.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None)


def statistics(module: nn.Module) -> tuple[str, ...]:
    """Name the running means and variances of the batch-norm layers in the state dict."""
    layers = set(norm_layers(module))
    prefixed = ((f"{name}." if name else "", part) for name, part in module.named_modules(remove_duplicate=False))
    return tuple(f"{p}{leaf}" for p, part in prefixed if part in layers for leaf in ("running_mean", "running_var"))


def recalibration_sample(images: int, most: int = 2048) -> np.ndarray:
    """Choose over which of so many training images statistics are collected: always the same ones, in this order.

    Each batch has the same weight in the statistics, so all have the same size: a number of images over one batch is
    rounded down to whole batches.

    Args:
        images: how many there are, at least one.
        most: how many may be chosen.

    >>> len(recalibration_sample(300)), len(recalibration_sample(100)), len(recalibration_sample(5000))
    (256, 100, 2048)
    """
    count = min(images, max(1, most))
    if count > RECALIBRATION_BATCH:
        count -= count % RECALIBRATION_BATCH
    return numpy_generator("recalibrate", images).permutation(images)[:count]


def recalibrate(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Collect the running statistics anew: the mean over batches of each batch's mean and unbiased variance.

    What ``torch.optim.swa_utils.update_bn`` computes, but with the norm layers alone in training mode (dropout stays
    off). Source: Izmailov et al. 2018, "Averaging weights leads to wider optima and better generalization", §3.2.

    Args:
        module: in eval mode; its running statistics are overwritten in place.
        batches: inputs of equal size (each batch has the same weight), at least one.
    """
    layers = norm_layers(module)
    with _collecting(layers):
        for i, x in enumerate(batches):
            for layer in layers:
                layer.momentum = 1 / (i + 1)  # what None means, for which torch would ask a GPU how many there were
            module(x)


@contextmanager
def _collecting(layers: Iterable[_BatchNorm]) -> Iterator[None]:
    before = [(layer, layer.momentum, layer.training) for layer in layers]
    for layer, _, _ in before:
        layer.reset_running_stats()
        layer.train()
    try:
        yield
    finally:
        for layer, momentum, training in before:
            layer.momentum = momentum
            layer.train(training)
