"""Copies of tensors on the CPU that nobody waits for until they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..params import Params

__all__ = ["HostCopy", "host_copy"]


@dataclass(frozen=True, eq=False)
class HostCopy:
    """Copies under way; they share no memory with what was copied.

    Attributes:
        tensors: where the copies are, once they have arrived.
        arrivals: what tells of each GPU that its copies have arrived.
    """

    tensors: Params
    arrivals: tuple[Any, ...] = ()

    def wait(self) -> Params:
        """Return the copies, contiguous, when they have arrived."""
        for arrival in self.arrivals:
            arrival.synchronize()
        return {name: value.contiguous() for name, value in self.tensors.items()}


def host_copy(tensors: Mapping[str, Tensor]) -> HostCopy:
    """Begin to copy tensors to the CPU, as they are now.

    What a GPU still has to compute before is done before, and what is queued after this call changes nothing: the
    copies are queued in order, into memory of the CPU that the GPU can write by itself. Tensors on the CPU are
    copied at once.

    Args:
        tensors: of any device.

    >>> weights = {"w": torch.ones(2)}
    >>> copied = host_copy(weights)
    >>> _ = weights["w"].zero_()
    >>> copied.wait()["w"].tolist()
    [1.0, 1.0]
    """
    copies: Params = {}
    gpus = set()
    for name, value in tensors.items():
        value = value.detach()
        if value.device.type == "cuda":
            there = torch.empty(value.shape, dtype=value.dtype, pin_memory=True)
            there.copy_(value, non_blocking=True)
            gpus.add(value.device)
        elif value.device.type == "cpu":
            there = value.clone()
        else:
            there = value.to("cpu", copy=True)
        copies[name] = there
    return HostCopy(copies, tuple(_arrival(device) for device in sorted(gpus, key=str)))


def _arrival(device: torch.device) -> Any:
    with torch.cuda.device(device):
        event: Any = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
    return event
