"""The study's network for a number of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...models.build import build
from ...models.network import Input, Network

__all__ = ["network_of"]


def network_of(spec: Mapping[str, Any], classes: int) -> Network:
    """Build the network of a step's specification.

    Args:
        spec: name, size, channels, mean and std, resolved.
        classes: number of outputs.
    """
    size = (int(spec["size"]), int(spec["size"]))
    return build(spec["name"], classes, input=Input(size, spec["channels"], tuple(spec["mean"]), tuple(spec["std"])))
