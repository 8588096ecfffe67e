"""What each module of a network makes of images, one vector an image: all modules in one pass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data.feed import Feed
from ..data.imageset import ImageSet
from ..errors import ModelError
from ..models.network import Granularity, Network
from ..progress import Progress, silent
from ..runtime import pick_device
from .activations import Taps, pool, taps
from .forward import Forward

__all__ = ["MOST", "Reading", "readings"]

MOST = 2048
"""Numbers an image of features that are not averaged; of more, neighbours are averaged."""

_CLASS_TOKENS = ("cls_token", "class_token", "class_embedding")

_Read = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Reading:
    """Features of n images at one place.

    Attributes:
        module: whose output they are, or ``input of fc``.
        kind: how an output becomes one vector: ``mean of positions``, ``mean of tokens``, ``class token``,
            ``all values``, ``grid of 8×8``, ``mean of 32 groups of tokens``, or empty where it is one already.
        features: ``(n, d)``.
    """

    module: str
    kind: str
    features: np.ndarray

    @property
    def name(self) -> str:
        """Module and kind."""
        return f"{self.module} ({self.kind})" if self.kind else self.module


def readings(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSet,
    modules: Granularity | Sequence[str] = "block",
    *,
    pooled: bool = True,
    batch: int = 128,
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> list[Reading]:
    """Return features at every module but the head, and what the head is given, in forward order.

    Maps are averaged over positions, tokens over all of them; where the network has a class token, this is a reading
    of its own, of every module that returns it. Without pooling all values are taken; of more than 2,048, maps are
    averaged to the largest square grid that has no more, and tokens in groups of neighbours.

    Args:
        net: the network.
        params: its weights; without a final layer that of the network serves, which is not read.
        images: n images.
        modules: a granularity, or names, see :func:`~transferscope.probes.activations.taps`.
        pooled: average over positions or tokens.
        batch: images a forward pass.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done.

    Raises:
        ModelError: when a module does not exist or has no features.
        DataError: when the network cannot look at these images.

    >>> from ..models.build import build
    >>> net = build("lenet", 10)
    >>> images = ImageSet(
    ...     np.zeros((3, 28, 28, 1), np.uint8), np.zeros(3, np.int64), ("a",), np.arange(3).astype(str)
    ... )
    >>> [(r.name, r.features.shape) for r in readings(net, net.params(), images, device="cpu")][::3]
    [('conv1 (mean of positions)', (3, 6)), ('fc2', (3, 84))]
    """
    where = pick_device(device)
    head = set(net.head_tensors())
    given = params if head <= params.keys() else {**net.params(), **params}
    forward = Forward(net, given, where)
    forward.check(images)
    chosen = [tap for tap in taps(net, modules) if not tap.head]
    classed = any(name.rpartition(".")[2] in _CLASS_TOKENS for name in given)
    found: dict[str, dict[str, list[np.ndarray]]] = {}
    before: list[_Read] = []

    def take(output: Tensor) -> _Read:
        return _read(output, pooled, classed)

    def given_to_head(_: nn.Module, arguments: tuple[Any, ...]) -> None:
        before.append(_read(arguments[0].detach(), pooled, classed))

    handle = forward.module.get_submodule(net.head).register_forward_pre_hook(given_to_head) if net.head else None
    try:
        feed = Feed(images, where)
        with Taps(forward.module, chosen, take) as seen:
            for name, why in seen.look(forward, next(feed.batches(2))).items():
                raise ModelError(f"module {name!r} has no features: {why}; ask for a module inside or around it")
            for part in feed.batches(batch):
                before.clear()
                forward(part)
                places = seen.collect()
                if len(before) == 1:
                    places[f"input of {net.head}"] = before[0]
                for module, read in places.items():
                    for kind, values in read.items():
                        found.setdefault(module, {}).setdefault(kind, []).append(values)
                progress(part.start + len(part.images), len(images), "images")
    finally:
        if handle is not None:
            handle.remove()
    every = [
        Reading(module, kind, np.concatenate(parts))
        for module, kinds in found.items()
        for kind, parts in kinds.items()
        if len(parts) and sum(map(len, parts)) == len(images)
    ]
    return _without_first_patch(every, found)


def _read(output: Tensor, pooled: bool, classed: bool) -> _Read:
    """The vectors that an output is read as, by kind."""
    shape, x = tuple(output.shape[1:]), output.detach()
    if len(shape) == 3:
        if pooled:
            return {"mean of positions": _numbers(pool(x))}
        return _all_of_map(x)
    if len(shape) == 2:
        tokens = {f"class token of {shape[0]}": _numbers(x[:, 0])} if classed and shape[0] > 1 else {}
        if pooled:
            return {"mean of tokens": _numbers(pool(x)), **tokens}
        return {**_all_of_tokens(x), **tokens}
    return {"": _numbers(x.flatten(1))}


def _all_of_map(x: Tensor) -> _Read:
    _, first, second, third = x.shape
    if first == second != third:
        x = x.permute(0, 3, 1, 2)
    channels, height, width = x.shape[1:]
    if channels * height * width <= MOST:
        return {"all values": _numbers(x.flatten(1))}
    side = max(1, min(height, width, math.isqrt(MOST // channels)))
    return {f"grid of {side}×{side}": _numbers(nn.functional.adaptive_avg_pool2d(x, side).flatten(1))}


def _all_of_tokens(x: Tensor) -> _Read:
    tokens, width = x.shape[1:]
    if tokens * width <= MOST:
        return {"all values": _numbers(x.flatten(1))}
    groups = max(1, min(tokens, MOST // width))
    read = nn.functional.adaptive_avg_pool1d(x.transpose(1, 2), groups).flatten(1)
    return {f"mean of {groups} groups of tokens": _numbers(read)}


def _without_first_patch(every: list[Reading], found: Mapping[str, Mapping[str, object]]) -> list[Reading]:
    """Leave out the first token of modules that come before the class token is put in front of the patches."""
    counts = {int(kind.rpartition(" ")[2]) for kinds in found.values() for kind in kinds if kind.startswith("class")}
    most = max(counts, default=0)
    kept = []
    for r in every:
        if not r.kind.startswith("class token of"):
            kept.append(r)
        elif int(r.kind.rpartition(" ")[2]) == most:
            kept.append(Reading(r.module, "class token", r.features))
    return kept


def _numbers(x: Tensor) -> np.ndarray:
    return np.array(x.cpu().numpy())
