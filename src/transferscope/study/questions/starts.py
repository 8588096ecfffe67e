"""Questions about where runs started: what they keep of it, what it buys, and what else one could start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..strict import Name
from .base import Ends, Grid, NormPolicy, QuestionSettings

__all__ = ["SourceChoice", "Transfer", "Variants", "WeightMap"]


class Transfer(QuestionSettings):
    """What do a new final layer alone, fine-tuning, and training from scratch reach, and how far do they go?"""

    tells_apart: ClassVar[bool] = True

    question: Literal["transfer"]
    """The question's name."""
    source: bool = True
    """Measure how far networks from scratch end from the pre-trained weights, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0


class SourceChoice(QuestionSettings):
    """Which pre-training serves which target: must images be alike, or labels, or both?"""

    tells_apart: ClassVar[bool] = True

    question: Literal["source_choice"]
    """The question's name."""
    nearest_first: tuple[Name, ...] = ()
    """Pre-trainings with the same labels, the one with images most like the targets' first; no run can show that."""
    other_labels: tuple[Name, ...] = ()
    """Pre-trainings on the images of another one with other labels."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0


class Variants(QuestionSettings):
    """Can one start from less, or from noise within the basin, or average runs trained in parallel?"""

    least_runs: ClassVar[int] = 2
    tells_apart: ClassVar[bool] = True

    question: Literal["variants"]
    """The question's name."""
    reference: Name = "P-T"
    """The start of plain fine-tuning that the others are compared with."""
    scratch: Name | None = "RI-T"
    """The start from random weights; none, to leave it out."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    points: Grid = 11
    """Points on each line, both ends included."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Height of the error up to which there is no barrier to speak of."""
    images: PositiveInt | None = None
    """Use at most this many test images."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics between the ends: collected anew, interpolated, or kept."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines to the runs of the reference."""
        return self.seen(images) * (self.points * max(1.0, networks / 2) * 2 + networks)


class WeightMap(QuestionSettings):
    """Where do runs end up in weight space: with those of one start, or with those of one target?"""

    least_runs: ClassVar[int] = 2
    tells_apart: ClassVar[bool] = True

    question: Literal["weight_map"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    perplexity: Annotated[float, Field(gt=0)] | None = None
    """Of t-SNE: about how many neighbours a network has; default: as fits their number."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of t-SNE."""
    source: bool = True
    """Place the pre-trained weights, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0
