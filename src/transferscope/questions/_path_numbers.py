"""What is read off a path: the height of its barrier, and whether its middle is better than both ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from ..numerics.barrier_height import BarrierHeight, entezari_height, frankle_height
from ..numerics.bootstrap import bootstrap_mean, percentile_interval
from ..probes.metrics import as_error
from ..rng import numpy_generator
from ._path_evidence import MIDDLE
from ._paths import LEVEL, Path, Traced, principal

__all__ = ["Gain", "Height", "gains_of", "heights_of"]

Definition: TypeAlias = Literal["entezari", "frankle"]

_DEFINITIONS: tuple[tuple[Definition, Callable[[Tensor, Tensor], BarrierHeight]], ...] = (
    ("entezari", entezari_height),
    ("frankle", frankle_height),
)


@dataclass(frozen=True)
class Height:
    """How high the barrier on a path is.

    Attributes:
        images: name of the set.
        metric: of what; accuracy and AUC as 1 − it, so that up is worse.
        definition: ``entezari`` (over the straight line between the ends) or ``frankle`` (over the mean of the ends).
        height: in units of the metric; nan when not finite.
        low: lower end of a 95 % bootstrap band over images; a height is the largest of many numbers, so that it and
            its band come out too high on a flat path. Claims are judged by heights at a λ chosen on other images.
        high: upper end.
        at: λ of the highest rise.
        n: number of images.
    """

    images: str
    metric: str
    definition: Definition
    height: float
    low: float
    high: float
    at: float
    n: int


@dataclass(frozen=True)
class Gain:
    """How much better the middle of a path is than the better of its two ends.

    Attributes:
        images: name of the set.
        metric: of what; accuracy and AUC as 1 − it.
        gain: error of the better end minus error in the middle; positive when the middle beats both ends.
        low: lower end of its 95 % bootstrap band over images, of these two networks, the better end as given.
        high: upper end.
        at: the λ chosen on all images.
        n: number of images.
    """

    images: str
    metric: str
    gain: float
    low: float
    high: float
    at: float
    n: int


def heights_of(traced: Traced) -> tuple[Height, ...]:
    """Return both heights of every curve (F7); accuracies are left out where errors are measured too."""
    path = traced.path
    places = torch.from_numpy(path.lambdas)
    found = []
    for curve in path.curves:
        if curve.metric == "accuracy" and (curve.images, "error") in traced.draws:
            continue
        values = torch.from_numpy(as_error(curve.metric, curve.values))
        draws = torch.from_numpy(as_error(curve.metric, traced.draws[curve.images, curve.metric].numpy()))
        for definition, height_of in _DEFINITIONS:
            height = height_of(places, values)
            interval = percentile_interval(height_of(places, draws).height, LEVEL)
            found.append(
                Height(
                    curve.images,
                    curve.metric,
                    definition,
                    float(height.height),
                    interval.low,
                    interval.high,
                    float(height.at),
                    curve.n,
                )
            )
    return tuple(found)


def gains_of(traced: Traced, *, seed: int, resamples: int) -> tuple[Gain, ...]:
    """Return for every set by how much the middle beats the better end, in the metric that claims are judged by.

    The best λ in the middle is chosen on one half of the images and measured on the other, and the other way round: a
    best of many measured on the images it was chosen on would look better than it is. Grids without a λ from 0.25 to
    0.75 have no middle and no gain.
    """
    path = traced.path
    middle = np.flatnonzero((path.lambdas >= MIDDLE[0]) & (path.lambdas <= MIDDLE[1]))
    if not len(middle):
        return ()
    return tuple(_gain(traced, images, middle, seed, resamples) for images in path.sets)


def _gain(traced: Traced, images: str, middle: np.ndarray, seed: int, resamples: int) -> Gain:
    path: Path = traced.path
    metric = principal(path, images)
    each = as_error(metric, traced.examples[images, metric])
    n = each.shape[1]
    ends = [int(np.flatnonzero(path.lambdas == t)[0]) for t in (0.0, 1.0)]
    better = min(ends, key=lambda i: float(each[i].mean()))
    halves = np.zeros(n, dtype=bool)
    halves[numpy_generator("halves", seed, n).permutation(n)[: n // 2]] = True
    gain = np.empty(n)
    for half in (halves, ~halves):
        chosen = _best(each[:, ~half] if (~half).any() else each, middle)
        gain[half] = each[better, half] - each[chosen, half]
    interval = bootstrap_mean(torch.from_numpy(gain), seed=seed, resamples=resamples, level=LEVEL)
    at = float(path.lambdas[_best(each, middle)])
    return Gain(images, metric, float(gain.mean()), interval.low, interval.high, at, n)


def _best(each: np.ndarray, middle: np.ndarray) -> int:
    """The point of the middle with the lowest mean; of equals the one in the middle of the list."""
    means = each[middle].astype(np.float64).mean(1)
    means = np.where(np.isnan(means), np.inf, means)
    distance = np.abs(np.arange(len(middle)) - (len(middle) - 1) / 2)
    return int(middle[np.lexsort((distance, means))[0]])
