"""Questions about what runs have become: curves, mistakes, features, distances."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from .base import Ends, Granularity, QuestionSettings

__all__ = ["Distance", "LearningCurves", "Mistakes", "Similarity"]


class LearningCurves(QuestionSettings):
    """What starting from pre-trained weights buys: final metric, optimisation speed, epochs to a given accuracy."""

    question: Literal["learning_curves"]
    """The question's name."""
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Values of the test metric for which to give the epochs needed; default: 50, 75 and 90 % of the best."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads."""
        return 200.0


class Mistakes(QuestionSettings):
    """Do two networks get the same images wrong?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

    question: Literal["mistakes"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    gallery: Annotated[int, Field(ge=0, le=100)] = 8
    """How many images that only one of two networks gets wrong are shown, for each of the two."""


class Similarity(QuestionSettings):
    """Do two networks compute the same features?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    headless: ClassVar[bool] = True

    question: Literal["similarity"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    modules: Granularity = "stage"
    """Which modules are compared."""
    only: tuple[str, ...] = ()
    """Compare only these modules, by name; default: all."""
    pooled: bool = False
    """Average features over positions instead of flattening them."""
    batch: Annotated[int, Field(ge=4)] = 64
    """Images a batch of the estimator."""
    images: Annotated[int, Field(ge=4)] | None = 2000
    """Use at most this many test images."""
    source: bool = True
    """Compare with the pre-trained weights, too."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are compared."""
        return {"only": self.only}


class Distance(QuestionSettings):
    """How far did the weights move, and how far apart did two runs end?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    headless: ClassVar[bool] = True

    question: Literal["distance"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    modules: Granularity = "stage"
    """How the weights are divided into modules."""
    trajectories: bool = True
    """Follow each run through its recorded epochs, too."""

    @property
    def takes_source(self) -> bool:
        """Say that distances to the start are wanted."""
        return True

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0
