"""A network's metrics as a loss field: at coordinates in solutions, and with noise on the parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...data.imageset import ImageSet
from ...models.network import Network
from ...params import Params, norm
from ...probes.evaluate import Engine, Evaluation
from ...probes.metrics import as_error
from ...probes.points import Points
from ...progress import Progress
from ...rng import generator

__all__ = ["WORST", "Counter", "NetworkField", "counted", "edge_gram"]

WORST = {"error": 1.0, "accuracy": 1.0, "auc": 1.0}
"""The worst that a metric can be, as an error: every image wrong, every pair in the wrong order."""


def edge_gram(net: Network, solutions: Sequence[Mapping[str, Tensor]]) -> np.ndarray:
    """Return the inner products of the edges from the first solution to the others, over the parameters."""
    k = len(solutions) - 1
    gram = torch.zeros((k, k), dtype=torch.float64)
    for name, _ in net.module.named_parameters():
        first = solutions[0][name].to(torch.float64)
        edges = torch.stack([(s[name].to(torch.float64) - first).flatten() for s in solutions[1:]])
        gram += edges @ edges.T
    return gram.numpy()


class Counter:
    """Progress of many calls of an engine as one; the total is the most there can be.

    Args:
        progress: who is told.
        total: points of all calls, at most.
    """

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress, self._total, self._before, self._done = progress, total, 0, 0

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Take note of a call that is under way."""
        self._done = self._before + done
        self._progress(min(self._done, self._total), self._total, unit)
        if done == total:
            self._before = self._done

    def close(self, total: int) -> None:
        """Say that a part which ends at this total is complete, with fewer points than it might have taken."""
        if self._before < total:
            self._before = total
            self._progress(total, self._total, "points")


class NetworkField:
    """The metrics of a network, all so that less is better, around k solutions (a ``numerics.basin.LossField``).

    Noise moves parameters only, not the statistics of batch norm. The noise of a draw comes from a stream of its own,
    so it is the same for every δ, every S and every group of solutions, and only one is in memory at a time.

    Args:
        net: the network.
        engine: made ready for one image set.
        images: that set.
        solutions: k weights of the network.
        seed: of the noise.
        progress: told after every point.

    Attributes:
        gram: see :func:`edge_gram`.
        farthest: of each condition, the numbers of every image at the largest δ, by metric, the mean over draws,
            ``(images,)``; what is not finite is counted as :data:`WORST`, infinite where a metric has no worst.
    """

    def __init__(
        self,
        net: Network,
        engine: Engine,
        images: ImageSet,
        solutions: Sequence[Mapping[str, Tensor]],
        seed: int,
        progress: Progress,
    ) -> None:
        self._engine, self._name, self._seed, self._progress = engine, images.name, seed, progress
        self._basis = tuple(dict(s) for s in solutions)
        self.gram = edge_gram(net, solutions)
        self._largest: dict[str, float] = {}
        self.farthest: dict[Literal["shaken", "beyond"], dict[str, np.ndarray]] = {}
        self._shapes = {name: p.shape for name, p in net.module.named_parameters()}

    @property
    def size(self) -> int:
        """How many parameters the noise moves: n."""
        return sum(shape.numel() for shape in self._shapes.values())

    @property
    def norm(self) -> float:
        """Mean norm of the solutions."""
        return math.fsum(norm(s, self._shapes) for s in self._basis) / len(self._basis)

    def evaluate(self, places: np.ndarray) -> Evaluation:
        """Return the engine's answer at places given by coordinates in the solutions."""
        return self._engine.run(Points(self._basis, places), self._progress)[self._name]

    def at(self, places: np.ndarray) -> np.ndarray:
        """Return every metric at every place, ``(q, m)``."""
        return _stacked(self.evaluate(places))

    def shaken(self, places: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        """Return every metric at place_r + δ_d·z_r, ``(q, d, r)``; ‖z_r‖ ≈ 1."""
        found, last = [], []
        for r, place in enumerate(places):
            rows = np.column_stack([np.tile(place, (len(deltas), 1)), deltas])
            points = Points((*self._basis, self._noise(r)), rows)
            there = self._engine.run(points, self._progress)[self._name]
            found.append(_stacked(there))
            last.append({metric: each[-1:] for metric, each in _each(there).items()})
        self._keep("shaken", deltas, {metric: np.concatenate([x[metric] for x in last]) for metric in last[0]})
        return np.stack(found, -1)

    def moved(self, places: np.ndarray, moves: np.ndarray, deltas: np.ndarray) -> np.ndarray:
        """Return every metric at place_r + δ_d·move_r, ``(q, d, r)``."""
        there = self.evaluate((places + deltas[:, None, None] * moves).reshape(-1, places.shape[1]))
        self._keep("beyond", deltas, {metric: each[-len(places) :] for metric, each in _each(there).items()})
        found = _stacked(there)
        return found.reshape(len(found), len(deltas), -1)

    def _keep(
        self, condition: Literal["shaken", "beyond"], deltas: np.ndarray, each: Mapping[str, np.ndarray]
    ) -> None:
        """Keep the mean over draws, ``(draws, images)``, where no larger δ was tried."""
        if deltas[-1] >= self._largest.get(condition, 0.0):
            self._largest[condition] = float(deltas[-1])
            self.farthest[condition] = {metric: counted(metric, x).mean(0) for metric, x in each.items()}

    def _noise(self, draw: int) -> Params:
        flat = torch.randn(self.size, generator=generator("basin", self._seed, "noise", draw)) / math.sqrt(self.size)
        parts = torch.split(flat, [shape.numel() for shape in self._shapes.values()])
        return {name: p.view(shape) for (name, shape), p in zip(self._shapes.items(), parts, strict=True)}


def counted(metric: str, values: np.ndarray) -> np.ndarray:
    """Return errors in which what is not finite counts as wrong; infinite where a metric has no worst.

    >>> counted("error", np.array([0.5, np.nan])).tolist(), counted("loss", np.array([np.nan])).tolist()
    ([0.5, 1.0], [inf])
    """
    return np.asarray(np.where(np.isfinite(values), values, WORST.get(metric, math.inf)), dtype=np.float64)


def _each(found: Evaluation) -> dict[str, np.ndarray]:
    return {metric: as_error(metric, examples) for metric, examples in found.examples.items()}


def _stacked(found: Evaluation) -> np.ndarray:
    return np.stack([as_error(metric, values) for metric, values in found.values.items()])
