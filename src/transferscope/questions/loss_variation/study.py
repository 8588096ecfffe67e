"""How a study asks about loss variation: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    OfSomeRuns,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["LossVariationQuestion"]


class LossVariationQuestion(OfSomeRuns):
    """How much does the loss change along the gradient, over the steps of training?"""

    files: ClassVar[int | None] = 1
    among: ClassVar[frozenset[str]] = frozenset({"epochs", "steps"})

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Variation along the gradient",
        asks="How much does the loss change along the gradient, over the steps of training?",
        rows="Liu et al. 2019, §4, Fig. 6 and 11; Santurkar et al. 2018",
        how=(
            "From weights recorded during training a walk is taken against the gradient, in even steps out to "
            "the gradient's own size or to one fixed distance; the variation is the largest less the smallest "
            "loss on the way. Gradient and losses are of the same fixed training images, without augmentation. "
            "The interval of one run resamples these images, with the gradient held fixed.",
            "The steps of a run are not independent. To compare kinds, a run is one number, the median of the "
            "logarithm over the steps that all recorded, and runs are the sample; a verdict needs three of each kind "
            "that learned something.",
        ),
        caption="Range of the loss along the gradient over the step of training at which it was taken.",
    )

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

    def answer(self, inputs: Inputs) -> Result:
        """Follow the gradient from the recorded weights of all runs, or from the weights of files."""
        from .measure import loss_variation

        return loss_variation(
            inputs.net,
            inputs.runs or {s.label: {0: s.params} for s in inputs.given()},
            inputs.splits.train,
            protocol=self.protocol,
            size=self.size,
            points=self.points,
            tags=self.tags,
            examples=self.images,
            statistics=self.statistics,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )
