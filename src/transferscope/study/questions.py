"""The questions a study can ask, each with its settings; a new one is a class here and a line in ``QUESTIONS``."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, PositiveInt

from .strict import Name, Strict

__all__ = ["QUESTIONS", "AnySettings", "QuestionSettings"]

Ends = Literal["best", "final"]
Granularity = Literal["layer", "block", "stage"]
Metric = Literal["loss", "error", "accuracy", "auc"]
NormPolicy = Literal["recalibrated", "interpolated", "kept"]
Grid = Annotated[int, Field(ge=3, le=1001)]


class QuestionSettings(Strict):
    """What every question can be told."""

    targets: tuple[Name, ...] | None = None
    """Ask only about these targets; default: all."""
    starts: tuple[Name, ...] | None = None
    """Ask only about runs from these starts; default: all."""


class LearningCurves(QuestionSettings):
    """What starting from pre-trained weights buys: final metric, optimisation speed, epochs to a given accuracy."""

    question: Literal["learning_curves"]
    """The question's name."""
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Values of the test metric for which to give the epochs needed; default: 50, 75 and 90 % of the best."""


class Mistakes(QuestionSettings):
    """Do two networks get the same images wrong?"""

    question: Literal["mistakes"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    gallery: Annotated[int, Field(ge=0, le=100)] = 8
    """How many images that only one of two networks gets wrong are shown, for each of the two."""


class Similarity(QuestionSettings):
    """Do two networks compute the same features?"""

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


class Distance(QuestionSettings):
    """How far did the weights move, and how far apart did two runs end?"""

    question: Literal["distance"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    modules: Granularity = "stage"
    """How the weights are divided into modules."""
    trajectories: bool = True
    """Follow each run through its recorded epochs, too."""


class Barrier(QuestionSettings):
    """Do two solutions lie in one basin?"""

    question: Literal["barrier"]
    """The question's name."""
    ends: Annotated[tuple[Ends, ...], Field(min_length=1)] = ("final",)
    """Which weights of the runs the lines join; with both, also the best with the final ones of each run."""
    points: Grid = 21
    """Points on each line, both ends included."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    parts: Annotated[tuple[Literal["train", "test"], ...], Field(min_length=1)] = ("test",)
    """Parts of the images on which it is measured."""
    images: PositiveInt | None = None
    """Use at most this many images of each part."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics between the ends: collected anew, interpolated, or kept."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Height of the error up to which there is no barrier to speak of."""
    source: bool = True
    """Join the pre-trained weights with what was trained from them, too."""


class Extrapolation(QuestionSettings):
    """Where does the basin end beyond the solutions?"""

    question: Literal["extrapolation"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    points: Grid = 31
    """Points on each line."""
    reach: Annotated[float, Field(gt=0, le=20)] = 1.0
    """How far beyond the solutions, in distances between them: 1 is λ from −1 to 2."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Rise of the error at which the basin ends."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    images: PositiveInt | None = None
    """Use at most this many test images."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics off the solutions: collected anew, interpolated, or kept."""


class CrossDomain(QuestionSettings):
    """What lies between networks trained on different domains of the same classes?"""

    question: Literal["cross_domain"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    points: Grid = 21
    """Points on each line, both ends included."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    images: PositiveInt | None = None
    """Use at most this many test images of each domain."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics between the ends: collected anew, interpolated, or kept."""


class CombinedDomains(QuestionSettings):
    """And between networks of which one was trained on a union of domains? Trains the runs on the unions."""

    question: Literal["combined_domains"]
    """The question's name."""
    unions: Annotated[tuple[Annotated[tuple[Name, ...], Field(min_length=2)], ...], Field(min_length=1)]
    """Which targets are joined, e.g. ``[[photo, clipart]]``."""
    seeds: PositiveInt | None = None
    """Train only so many runs of each start on a union; default: one a seed."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    points: Grid = 21
    """Points on each line, both ends included."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    images: PositiveInt | None = None
    """Use at most this many test images of each domain."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics between the ends: collected anew, interpolated, or kept."""


AnySettings: TypeAlias = Annotated[
    LearningCurves | Mistakes | Similarity | Distance | Barrier | Extrapolation | CrossDomain | CombinedDomains,
    Field(discriminator="question"),
]

QUESTIONS: dict[str, type[QuestionSettings]] = {
    "learning_curves": LearningCurves,
    "mistakes": Mistakes,
    "similarity": Similarity,
    "distance": Distance,
    "barrier": Barrier,
    "extrapolation": Extrapolation,
    "cross_domain": CrossDomain,
    "combined_domains": CombinedDomains,
}
"""Their names, in the order in which a report answers them."""
