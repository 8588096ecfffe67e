"""The points of a landscape, evaluated: a plane that is shown, and rays in further random directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...data.imageset import ImageSet
from ...models.network import Network
from ...numerics.directions import cosine, filter_normalise, filter_norms, random_pair
from ...params import Params
from ...probes.evaluate import Engine, EngineOptions, Evaluation, How
from ...probes.points import Points
from ...progress import Progress, shifted, silent

__all__ = ["Measured", "Survey"]

_WAYS = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
"""(p, q) of +a, −a, +b, −b; on these, and not between them, every filter moves by exactly its share of its norm."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What is measured of one network and module, as ``Landscape`` has it."""

    loss: np.ndarray
    rises: np.ndarray
    cosine: float
    filters: int
    zeros: int
    plan: str


class Survey:
    """Evaluates planes and rays; images are made ready once for all networks and modules.

    Args:
        net: the network of all.
        images: the examples.
        axis: p, and q, of the plane.
        radii: of the rays.
        planes: whose four directions are the rays.
        seed: of directions.
        options: of the engine.
    """

    def __init__(
        self,
        net: Network,
        images: ImageSet,
        axis: np.ndarray,
        radii: np.ndarray,
        planes: int,
        seed: int,
        options: EngineOptions,
    ) -> None:
        # Rays are means of one number an example, in float64: a rise is a small difference of two losses. Of 200×200
        # points these numbers would be as large as the images.
        self._grid = Engine(net, {images.name: images}, metrics=["loss"], **options)
        self._rays = Engine(net, {images.name: images}, metrics=["loss"], per_example=True, **options)
        self._side = len(axis)
        self._plane = np.stack([x.ravel() for x in np.meshgrid(axis, axis, indexing="ij")], axis=1)
        self._radii, self._planes, self._seed = radii, planes, seed
        self._progress: Progress = silent
        self._done = self._total = 0

    @property
    def how(self) -> How:
        """How the planes were evaluated, as of the last."""
        return self._grid.how

    def report(self, progress: Progress, times: int, *, whole: bool) -> None:
        """Tell progress of so many networks and modules together."""
        rays = self._planes * len(self._radii) * len(_WAYS) + (self._planes if whole else 1)
        self._progress, self._total = progress, times * (len(self._plane) + rays)

    def of(self, theta: Params, scale: Params, names: Sequence[str], *, whole: bool) -> Measured:
        """Measure around θ in directions of the named tensors.

        Args:
            theta: the network.
            scale: weights whose filters give the directions their norms.
            names: of tensors with filters.
            whole: whether the directions are as large as the network: then only one pair is in memory at a time.
        """
        shapes = {name: theta[name].shape for name in names}

        def pair(plane: int) -> list[Params]:
            return [filter_normalise(d, scale) for d in random_pair(shapes, self._seed, plane)]

        shown = pair(0)
        plane = self._run(self._grid, Points.moved(theta, shown, self._plane))
        parts = [[k] for k in range(self._planes)] if whole else [list(range(self._planes))]
        rays: list[np.ndarray] = []
        for part in parts:
            directions = [d for k in part for d in pair(k)]
            steps = self._radii[:, None, None] * np.kron(np.eye(len(part)), _WAYS)
            points = Points.moved(theta, directions, np.concatenate([np.zeros((1, 2 * len(part))), *steps]))
            losses = self._run(self._rays, points).examples["loss"]
            centre = losses[0]
            rays.append(losses[1:].reshape(len(self._radii), len(part), len(_WAYS), -1))
        losses = np.concatenate(rays, axis=1)
        with np.errstate(invalid="ignore"):
            rises = losses.mean(-1, dtype=np.float64) - centre.mean(dtype=np.float64)
        norms = [filter_norms(scale[name]) for name in names]
        return Measured(
            loss=plane.values["loss"].reshape(self._side, self._side),
            rises=rises,
            cosine=cosine(*shown),
            filters=sum(len(x) for x in norms),
            zeros=sum(int((x == 0).sum()) for x in norms),
            plan=plane.how.plan,
        )

    def _run(self, engine: Engine, points: Points) -> Evaluation:
        (found,) = engine.run(points, shifted(self._progress, self._done, self._total)).values()
        self._done += len(points)
        return found
