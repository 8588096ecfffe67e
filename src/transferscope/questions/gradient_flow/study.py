"""How a study asks about gradient flow: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    Granularity,
    OfSomeRuns,
    Weights,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["GradientFlowQuestion"]


class GradientFlowQuestion(OfSomeRuns):
    """How does the gradient change on its way back through the layers?"""

    files: ClassVar[int | None] = 1

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Gradient flow",
        asks="How does the gradient change on its way back through the layers?",
        rows="Liu et al. 2019, §4, Fig. 7",
        how=(
            "The gradient of each image's loss with respect to what each module passes on: how its size is "
            "distributed over the images, and how its mean grows or shrinks through the modules, from the last "
            "one before the head. Training images without augmentation, the same for all networks, others than "
            "under other questions.",
            "The gradient of the mean loss with respect to each weight matrix W is decomposed into singular "
            "vectors u, v; |uᵀWv| says how much W passes along each of them, against what directions that have "
            "nothing to do with W would give.",
            "The paper's claims set random weights against pre-trained ones: random starts are the sample, one "
            "number each, and a verdict needs three. The pre-trained weights are taken as given: they are one "
            "network, whichever heads they got, so what is said holds for this checkpoint.",
        ),
        caption=(
            "Size of the gradient over images in one module; its mean through the modules; weights along the "
            "gradient."
        ),
    )

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

    def answer(self, inputs: Inputs) -> Result:
        """Take the gradients of all networks, at their start and at their end."""
        from .measure import gradient_flow

        return gradient_flow(
            inputs.net,
            inputs.solutions(self.weights),
            inputs.splits.train,
            modules=self.only or self.modules,
            side=self.side,
            projections=self.projections,
            examples=self.images,
            statistics=self.statistics,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )
