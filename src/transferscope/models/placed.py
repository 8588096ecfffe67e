"""A module on a device, its convolutions laid out as they are fastest, and as their gradients are right."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["placed"]

_NARROW = 16
"""Channels of a vector register at most: with fewer, the library's scratch memory is too small."""


def placed(module: nn.Module, device: torch.device) -> nn.Module:
    """Move a module to a device, its weights channels-last: convolutions are faster so, forward and backward.

    On a processor those of one pixel that skip others and see few channels are left as they were, and are given their
    input so: channels-last, oneDNN's gradient of their weights writes past its memory, which ends the process, or is
    wrong (github.com/uxlfoundation/oneDNN, issue 6035; up to its version 3.14 at least).

    Args:
        module: changed in place.
        device: where to.

    Returns:
        The module.
    """
    there: nn.Module = module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if device.type == "cpu":
        for part in there.modules():
            if isinstance(part, nn.Conv2d) and _overruns(part):
                # Of one pixel both layouts are alike to ``contiguous``, which would leave the strides.
                part.weight.data = part.weight.data.clone(memory_format=torch.contiguous_format)
                part.register_forward_pre_hook(_plain)
    return there


def _overruns(part: nn.Conv2d) -> bool:
    return part.kernel_size == (1, 1) and max(part.stride) > 1 and part.in_channels // part.groups < _NARROW


def _plain(_: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
    x: Tensor = given[0]
    return (x.clone(memory_format=torch.contiguous_format), *given[1:])
