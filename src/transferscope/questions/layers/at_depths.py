"""Few-shot accuracy of a pre-training at places evenly through its network: the head moved to other layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet, ImageSplits
from ...models.network import Granularity, Network
from ...numerics.frozen import draw_supports, few_shot
from ...probes.partial_results import Kept
from ...probes.readings import readings

__all__ = ["DEPTHS", "HALF_WAY", "AtDepths", "at_depths", "places_at"]

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""From the first module, 0, to what the final layer is given, 1, evenly by the count of modules."""

HALF_WAY = DEPTHS.index(0.5)


@dataclass(frozen=True, eq=False)
class AtDepths:
    """Of each test image, in which share of the draws it is right.

    Attributes:
        places: the module at each depth.
        right: ``(depths, images)`` shares of draws.
        draws: ``(depths, draws)`` accuracies.
    """

    places: tuple[str, ...]
    right: np.ndarray
    draws: np.ndarray


def places_at(modules: Sequence[str], depths: Sequence[float] = DEPTHS) -> list[str]:
    """Return the module at each depth, the last one that lies no deeper.

    >>> places_at(["conv1", "conv2", "fc1", "fc2", "input of fc3"])
    ['conv1', 'conv2', 'fc1', 'fc2', 'input of fc3']
    >>> places_at(["fc1", "input of fc2"])
    ['fc1', 'fc1', 'fc1', 'fc1', 'input of fc2']
    """
    last = len(modules) - 1
    return [modules[int(depth * last + 1e-9)] for depth in depths]


def at_depths(
    net: Network,
    params: Mapping[str, Tensor],
    images: ImageSplits,
    *,
    shots: int,
    draws: int,
    modules: Granularity,
    seed: int,
    device: str,
    kept: Kept | None = None,
    key: str = "",
) -> AtDepths:
    """Fit ridge regression on features of each depth to a few images a class, λ by leave-one-out on these.

    Features are averaged over positions or tokens; what the final layer is given is taken as it is. The draws are the
    same for all depths, and for all networks that see the same images.

    Args:
        net: the network.
        params: its weights.
        images: of the target, one label an image.
        shots: training images a class, at least 2.
        draws: how often these are drawn.
        modules: between which places the depth counts.
        seed: of the draws.
        device: where features are computed.
        kept: where what was computed is kept.
        key: what it is kept under.

    Raises:
        ModelError: when a module has no features.
        DataError: when the network cannot look at these images.
    """
    if kept is not None and (before := kept.load(key)) is not None:
        return AtDepths(tuple(map(str, before["places"])), before["right"], before["draws"])
    classes, labels = len(images.train.classes), np.asarray(images.train.labels)
    drawn = draw_supports(labels, classes, shots, draws, seed).reshape(draws, -1)
    needed = np.unique(drawn)
    supports = [torch.from_numpy(np.searchsorted(needed, of)) for of in drawn]
    some = images.train.subset(needed)
    train, test = (_by_module(net, params, part, modules, device) for part in (some, images.test))
    places = places_at(list(test))
    truth, known = np.asarray(images.test.labels), dict[str, np.ndarray]()
    y = torch.from_numpy(np.asarray(some.labels).astype(np.int64))
    for place in dict.fromkeys(places):
        x, seen = torch.from_numpy(train[place]), torch.from_numpy(test[place])
        (ridge,) = few_shot(x, y, seen, supports, classes, penalties=(None,))
        known[place] = ridge.predicted.numpy() == truth
    right = np.stack([known[place] for place in places])
    found = AtDepths(tuple(places), right.mean(1), right.mean(2))
    if kept is not None:
        kept.save(key, {"places": np.array(places), "right": found.right, "draws": found.draws})
    return found


def _by_module(
    net: Network, params: Mapping[str, Tensor], images: ImageSet, modules: Granularity, device: str
) -> dict[str, np.ndarray]:
    """Features of each module, in forward order; of several readings the mean, which comes first."""
    found: dict[str, np.ndarray] = {}
    for reading in readings(net, params, images, modules, device=device):
        found.setdefault(reading.module, np.ascontiguousarray(reading.features))
    return found
