"""What is read off a path: the height of its barrier."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..numerics.barrier_height import BarrierHeight, entezari_height, frankle_height
from ..numerics.bootstrap import percentile_interval
from ..probes.metrics import as_error
from ._paths import LEVEL, Traced

__all__ = ["Height", "Heights", "heights_of"]

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


class Heights:
    """What holds the heights of one pair's barrier."""

    heights: tuple[Height, ...]

    def height(self, images: str, metric: str, definition: str = "entezari") -> Height:
        """Return one height of this pair."""
        return next(h for h in self.heights if (h.images, h.metric, h.definition) == (images, metric, definition))


def heights_of(traced: Traced) -> tuple[Height, ...]:
    """Return both heights of every curve; accuracies are left out where errors are measured too."""
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
