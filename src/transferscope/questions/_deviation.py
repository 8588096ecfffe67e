"""Liu et al.'s deviation of trained weights from given ones, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor

from ..errors import UsageError
from ..models.network import Network

__all__ = ["deviation_by_layer"]


def deviation_by_layer(
    net: Network, trained: Mapping[str, Tensor], start: Mapping[str, Tensor], examples: int, *, head: bool = True
) -> dict[str, float]:
    """Return (1/√n)·‖W_l − W⁰_l‖_F of each layer in float64; their sum is the deviation (Liu et al. 2019, §3).

    Weight matrices and kernels count, biases and norms do not, as in Liu et al. 2019 and in ``distance``; of a layer
    of several matrices it is the sum of theirs.

    Args:
        net: the network; its layers are those of granularity ``layer``, in forward order.
        trained: W.
        start: W⁰.
        examples: n, the training images of the target.
        head: whether the final classifier counts; it is another one in pre-training.

    Raises:
        UsageError: for no examples, or weights of another network.

    >>> import torch
    >>> from transferscope.models.build import build
    >>> net = build("lenet", 10)
    >>> start = net.params()
    >>> trained = {k: v + (k == "conv1.weight") for k, v in start.items()}  # 1 more in each of 6 · 25 weights
    >>> found = deviation_by_layer(net, trained, start, examples=6)
    >>> round(found["conv1"], 6), found["fc3"]
    (5.0, 0.0)
    """
    if examples < 1:
        raise UsageError(f"deviation with {examples} training images; give how many there are, at least 1")
    parameters = {name for name, _ in net.module.named_parameters()}
    left_out = set() if head else set(net.head_tensors())
    found: dict[str, float] = {}
    for layer in net.modules("layer"):
        names = [t for t in layer.tensors if t in parameters and t not in left_out]
        norms = [_norm(net, t, trained, start) for t in names]
        kept = [x for x in norms if x is not None]
        if kept:
            found[layer.name] = math.fsum(kept) / math.sqrt(examples)
    return found


def _norm(net: Network, name: str, trained: Mapping[str, Tensor], start: Mapping[str, Tensor]) -> float | None:
    """‖W − W⁰‖_F; ``None`` for what is no matrix."""
    a, b = trained.get(name), start.get(name)
    if a is None or b is None or a.shape != b.shape:
        told = ["none" if x is None else str(tuple(x.shape)) for x in (a, b)]
        raise UsageError(
            f"{name!r} of {net.name} differs: trained {told[0]}, start {told[1]}; give weights of one architecture"
        )
    return math.sqrt(float((a.double() - b.to(a.device).double()).square().sum())) if a.ndim >= 2 else None
