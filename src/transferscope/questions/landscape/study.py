"""How a study asks about landscape: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    AtPoints,
    Granularity,
    Grid,
    OfSomeRuns,
    Weights,
)
from ..words import View, Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["LandscapeQuestion"]


class LandscapeQuestion(AtPoints, OfSomeRuns):
    """What does the loss look like around the weights, in a plane of random directions?"""

    files: ClassVar[int | None] = 1
    # An eighth of the work: the picture is coarser, flatness has half the planes, and the distances are the same.
    quick: ClassVar[Mapping[str, Any]] = {"points": 11, "planes": 4, "images": 128}

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Loss landscape",
        asks="What does the loss look like around a network, in directions nobody chose?",
        rows="Liu et al. 2019, §3, §4, A and B.4, Fig. 3, 5, 10, 12, 13; Li et al. 2018",
        how=(
            "The loss L(θ + p·a + q·b) on a grid of p and q, around a minimum or a start, on the same images "
            "for all networks (others than under other questions). The directions a and b are drawn from a "
            "Gaussian, made orthogonal as whole vectors, and then filter-normalised: each filter gets the norm "
            "of the filter it moves, so that p = 0.1 moves every filter by a tenth of its norm. That order is "
            "the paper's: afterwards the norms are exact, and the right angle is very nearly one. Biases, "
            "norms and scales (parameters of one dimension) and the running statistics of batch norm stay "
            "where they are. With 200 points a side and a span of 0.1 the grid is the paper's: p, q = −100 … "
            "99 times η = 0.001.",
            "Networks that are compared have the same images, Gaussian draw, p and q, and are drawn on one "
            "scale. As in the paper each network's directions are scaled to its own filters, unless the study "
            "asks for those of the first network for all.",
            "A plane is one draw of many, so flatness is measured in several: in each plane at +a, −a, +b and "
            "−b, at three distances. From these come the mean rise of the loss and the mean size of its "
            "change; the interval of one network is Student's, over planes. To compare kinds, planes are averaged "
            "within each network, and networks are the sample: three of each kind that learned something, or three "
            "random starts beside the pre-trained weights as given, which are one network whichever heads they have.",
        ),
        caption=(
            "The loss around each network in one plane, less its own loss, on one scale for all; of several modules "
            "around the first network of each kind."
        ),
    )

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

    def figures(self) -> int:
        """Count planes, surfaces and flatness."""
        return 3

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the surface, and how much the loss changes by distance or module."""
        surface = "The same as a surface, on one scale for all networks."
        flatness = "How much the loss changes in random directions, by distance or by module."
        return View("surface", surface, {"kind": "surface"}), View("flatness", flatness, {"kind": "flatness"})

    def answer(self, inputs: Inputs) -> Result:
        """Evaluate the loss on the same plane around all networks."""
        from .measure import landscape

        return landscape(
            inputs.net,
            inputs.solutions(self.weights),
            inputs.part(self.part),
            span=self.span,
            points=self.points,
            modules=self.only or self.modules,
            examples=self.images,
            planes=self.planes,
            radii=self.radii,
            scale=self.scale,
            witnesses=inputs.witnesses(),
            progress=inputs.progress,
            **self.engine(inputs, inputs.splits.train),
        )
