"""Questions about the loss around weights: its curvature, its landscape, its gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from .base import AtPoints, Granularity, Grid, OfSomeRuns, Weights

__all__ = ["GradientFlow", "Hessian", "Landscape", "LossVariation"]

_PRODUCT = 4.0
"""A product with the Hessian in forward passes."""


class Hessian(OfSomeRuns):
    """How sharp is the minimum: the largest eigenvalues of the loss's Hessian, and their density?"""

    files: ClassVar[int | None] = 1

    question: Literal["hessian"]
    """The question's name."""
    weights: Weights = "final"
    """Which weights of each run: where it started, those best on validation images, or the final ones."""
    k: Annotated[int, Field(ge=1, le=1000)] = 20
    """How many eigenvalues."""
    which: Literal["magnitude", "algebraic"] = "magnitude"
    """The largest in magnitude, or the largest."""
    module: str | None = None
    """Only of the parameters of this module, by name; default: of all."""
    part: Literal["train", "test"] = "train"
    """Images of which part the loss is that of."""
    images: PositiveInt | None = 256
    """How many of them, the same for all networks."""
    tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-3
    """Relative error of an eigenvalue at which it is taken as found."""
    probes: Annotated[int, Field(ge=0, le=100)] = 0
    """Random vectors for the density of all eigenvalues; 0 leaves it out, 4 are usual."""
    steps: Annotated[int, Field(ge=1, le=1000)] = 60
    """Lanczos steps of each of these vectors."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return the one it is about."""
        return {} if self.module is None else {"module": (self.module,)}

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the products it usually takes."""
        products = 6 * self.k + self.probes * self.steps
        return _PRODUCT * products * networks * self.seen(images)


class Landscape(AtPoints, OfSomeRuns):
    """What does the loss look like around the weights, in a plane of random directions?"""

    files: ClassVar[int | None] = 1

    question: Literal["landscape"]
    """The question's name."""
    weights: Weights = "final"
    """Which weights of each run: where it started, those best on validation images, or the final ones."""
    modules: Granularity | None = None
    """Move the modules of this granularity, one at a time; default: the whole network."""
    only: tuple[str, ...] = ()
    """Move only these modules, by name, one at a time."""
    span: Annotated[float, Field(gt=0, le=100)] = 0.1
    """How far to each side, in norms of the filters (the paper: 0.1)."""
    points: Grid = 25
    """Points of a side of the plane (the paper: 200)."""
    part: Literal["train", "test"] = "train"
    """Images of which part the loss is that of."""
    images: PositiveInt | None = 256
    """How many of them, the same for all networks (the paper: 256)."""
    planes: PositiveInt = 8
    """Pairs of random directions in which flatness is measured; the first is the plane that is shown."""
    radii: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)] | None = None
    """Distances at which flatness is measured, in norms of the filters; default: ¼, ½ and all of the span."""
    scale: Literal["own", "first"] = "own"
    """Whose filters a step is measured in: each network's own (the paper), or those of the first of them."""
    norm: Literal["interpolated", "recalibrated"] = "interpolated"
    """Batch-norm statistics off the centre: those of the centre, or collected anew."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are moved."""
        return {"only": self.only}

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the plane and of the further directions."""
        points = self.points**2 + 4 * self.planes * len(self.radii or (1, 2, 3))
        return float(points * networks * self.seen(images) * max(1, len(self.only)))


class LossVariation(OfSomeRuns):
    """How much does the loss change along the gradient, over the steps of training?"""

    files: ClassVar[int | None] = 1
    among: ClassVar[frozenset[str]] = frozenset({"epochs", "steps"})

    question: Literal["loss_variation"]
    """The question's name."""
    epochs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Look at the weights after these epochs, 0 being the start; default: all epochs and steps that are recorded."""
    steps: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] | None = None
    """Look at the weights after these steps; default: all epochs and steps that are recorded."""
    protocol: Literal["own", "fixed"] = "own"
    """How far to go: to the gradient's own size, or to one distance for all."""
    size: Annotated[float, Field(gt=0)] = 1.0
    """In gradients (``own``), or as the length of the way (``fixed``)."""
    points: Annotated[int, Field(ge=1, le=1000)] = 100
    """Steps on the way (the paper: 100)."""
    images: PositiveInt | None = 256
    """How many training images gradient and loss are those of, the same for all runs."""
    statistics: Literal["recalibrated", "kept"] = "recalibrated"
    """Batch-norm statistics: collected over these images at the recorded weights, or as recorded."""

    @property
    def tags(self) -> tuple[str, ...] | None:
        """The recorded weights that are named, ``None`` for all there are."""
        named = tuple(tag for tags in self.named_weights().values() for tag in tags)
        return named or None

    def named_weights(self) -> dict[str, tuple[str, ...]]:
        """Return the epochs and steps."""
        return {
            "epochs": tuple(f"epoch {e}" for e in self.epochs or ()),
            "steps": tuple(f"step {s}" for s in self.steps or ()),
        }

    def wants_recorded(self) -> str | None:
        """Say that there is no answer without any."""
        return None if self.tags else ""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points along the gradient, at some eight recorded weights a run."""
        return float((self.points + 4) * len(self.tags or range(8)) * networks * self.seen(images))


class GradientFlow(OfSomeRuns):
    """How does the gradient change on its way back through the layers?"""

    files: ClassVar[int | None] = 1

    question: Literal["gradient_flow"]
    """The question's name."""
    weights: Annotated[tuple[Weights, ...], Field(min_length=1)] = ("start", "final")
    """Which weights of each run: where it started, those best on validation images, the final ones."""
    modules: Granularity = "block"
    """Where gradients are taken; inside the blocks of a Fixup network there are none at a random start."""
    only: tuple[str, ...] = ()
    """Take them only at these modules, by name; default: at all."""
    side: Literal["output", "input"] = "output"
    """At what a module passes on, or at what it receives."""
    projections: bool = True
    """Decompose the gradients of the weights, too, and look at the weights along their directions."""
    images: PositiveInt | None = 256
    """How many training images, the same for all networks."""
    statistics: Literal["recalibrated", "kept"] = "recalibrated"
    """Batch-norm statistics: collected over these images, or as they are."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that gradients are taken at."""
        return {"only": self.only}

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a gradient of each image and one of the weights, for each of the weights."""
        return 6.0 * len(self.weights) * networks * self.seen(images)
