"""Batch norm away from the trained weights: whose statistics a point of weight space uses.

Running statistics belong to the weights they were collected with. Between two networks there are three honest
choices, and the choice changes the numbers (interpolated statistics inflate barriers), so every result says which was
made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["NormPolicy", "norm_layers", "recalibrate", "statistics"]

NormPolicy: TypeAlias = Literal["interpolated", "recalibrated", "kept"]
"""``interpolated``: combined like all floating tensors; ``recalibrated``: collected anew at each point over training
data; ``kept``: those of the first set of weights at every point."""


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
        for x in batches:
            module(x)


@contextmanager
def _collecting(layers: Iterable[_BatchNorm]) -> Iterator[None]:
    before = [(layer, layer.momentum, layer.training) for layer in layers]
    for layer, _, _ in before:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    try:
        yield
    finally:
        for layer, momentum, training in before:
            layer.momentum = momentum
            layer.train(training)
