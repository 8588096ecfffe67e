"""How much memory a network needs to look at one image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..models.network import Network

__all__ = ["footprint"]


def footprint(net: Network, params: Mapping[str, Tensor]) -> int:
    """Return the bytes of the weights and of the largest step: what one submodule is given and returns.

    It is that of one image. Only submodules without submodules of their own count, so that it is what has to be there
    at once and not the sum of all features; what a shortcut holds meanwhile, and a library's own working space, come
    on top.

    Args:
        net: the network.
        params: its weights.

    >>> from ..models.build import wrap
    >>> from ..models.network import Input
    >>> layers = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> net = wrap(layers, name="tiny", classes=2, input=Input((2, 2), 1, (0.0,), (1.0,)))
    >>> footprint(net, net.params())  # 8 weights; the first step has 4 numbers in and out, four bytes each
    64
    """
    module, most = net.fresh(params), 0

    def seen(_: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
        nonlocal most
        most = max(most, sum(map(_bytes, given)) + _bytes(returned))

    for part in module.modules():
        if not any(True for _ in part.children()):
            part.register_forward_hook(seen)
    height, width = net.input.size
    with torch.inference_mode():
        module(torch.zeros(1, net.input.channels, height, width))
    return int(most + sum(value.numel() * value.element_size() for value in module.state_dict().values()))


def _bytes(value: Any) -> int:
    if isinstance(value, Tensor):
        return int(value.numel() * value.element_size())
    return sum(map(_bytes, value)) if isinstance(value, (tuple, list)) else 0
