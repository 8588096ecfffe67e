"""What a step asks of the machine that computes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .graph import Step

__all__ = ["PROCESS_BYTES", "WITHOUT_GPU", "Needs", "needs_of"]

PROCESS_BYTES = 3 * 2**29
"""What a process of its own takes: libraries, images of usual size held in memory, activations."""

_ACTIVATIONS = 170
"""Bytes that a training step holds for each byte of its images as float32: of ResNets, whatever the size of images.

ResNet-50 takes about 100 MB an image of 224 pixels (0.6 MB), ResNet-20 about 2 MB one of 32 (12 kB)."""

WITHOUT_GPU = frozenset({"data", "checkpoint"})
"""Steps that only read."""


@dataclass(frozen=True)
class Needs:
    """What a step asks for.

    Attributes:
        cpus: processors; the threads of torch.
        gpus: GPUs, 0 or 1.
        memory: bytes of the machine's memory, beside that of the GPU.
    """

    cpus: int
    gpus: int
    memory: int

    def text(self) -> str:
        """Say it in words.

        >>> Needs(8, 1, 2**31).text()
        '8 CPUs, 1 GPU and 2.0 GiB of memory'
        """
        gpus = ", 1 GPU" if self.gpus else ""
        return f"{self.cpus} CPU{'s' * (self.cpus != 1)}{gpus} and {self.memory / 2**30:.1f} GiB of memory"

    def fitting(self, node: Mapping[str, float]) -> int:
        """Return how many such steps a node has room for, whatever runs there.

        Args:
            node: its ``CPU``, ``GPU`` and ``memory``; what it does not name it has not, memory excepted.

        >>> Needs(2, 1, 2**31).fitting({"CPU": 16.0, "GPU": 4.0, "memory": 2.0**36})
        4
        """
        counts = [node.get("CPU", 0.0) // self.cpus]
        if self.gpus:
            counts.append(node.get("GPU", 0.0) // self.gpus)
        if "memory" in node:
            counts.append(node["memory"] // self.memory)
        return int(min(counts))


def needs_of(step: Step, *, threads: int, gpu: bool) -> Needs:
    """Return what a step asks for.

    Args:
        step: the step.
        threads: threads of torch.
        gpu: whether steps compute on a GPU; those that only read do without.

    >>> recipe = {"recipe": {"batch": 256}, "network": {"size": 32, "channels": 3}}
    >>> needs_of(Step("train", "run", recipe), threads=1, gpu=False).text()
    '1 CPU and 2.0 GiB of memory'
    """
    if gpu and step.kind not in WITHOUT_GPU:
        return Needs(threads, 1, PROCESS_BYTES)  # activations are in the memory of the GPU
    return Needs(threads, 0, PROCESS_BYTES + _activations(step.spec))


def _activations(spec: Mapping[str, Any]) -> int:
    if "recipe" not in spec or "network" not in spec:
        return 0
    network = spec["network"]
    return int(spec["recipe"]["batch"] * network["size"] ** 2 * network["channels"] * 4 * _ACTIVATIONS)
