"""Questions about what lies between and beyond solutions: barriers, edges, domains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..strict import Name
from .base import AtPoints, Ends, Grid, Metric, NormPolicy

__all__ = ["Barrier", "Basin", "CombinedDomains", "CrossDomain", "Extrapolation"]


class Barrier(AtPoints):
    """Do two solutions lie in one basin?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

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

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines between all pairs, for each of the ends."""
        return self.seen(images) * self.points * _pairs(networks) * len(self.ends)


class Extrapolation(AtPoints):
    """Where does the basin end beyond the solutions?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

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

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines between all pairs."""
        return self.seen(images) * self.points * _pairs(networks)


class Basin(AtPoints):
    """Do solutions live in one (ε, δ)-basin, and how large are ε and δ?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

    question: Literal["basin"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    groups: Annotated[tuple[Literal["pairs", "all", "mixed"], ...], Field(min_length=1)] = ("pairs", "all")
    """What spans a basin: ``pairs`` of runs that both start from pre-trained, or both from random weights, ``all``
    such runs together where there are more than two, ``mixed`` pairs of one of each."""
    samples: Annotated[int, Field(ge=2, le=10_000)] = 64
    """Points drawn from what they span."""
    draws: Annotated[int, Field(ge=2, le=10_000)] = 32
    """Draws of the noise for each δ that is tried."""
    limit: Annotated[float, Field(gt=0)] | None = None
    """The largest δ that is tried; default: the mean norm of the solutions."""
    extend: bool = True
    """Extend what they span to where the basin ends, too, as extrapolation finds it."""
    rise: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Rise of the error at which it ends; where only the loss is measured 0.1 nats."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """ε of the error up to which it is one basin; for the loss 0.05 nats."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: error and loss, for several labels an image AUC and loss."""
    images: PositiveInt | None = 1000
    """Use at most this many test images."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics off the solutions: collected anew, interpolated, or kept."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of what pairs span, and of some fourteen δ in two conditions."""
        points = (self.samples + 28 * self.draws) * (2 if self.extend else 1)
        return self.seen(images) * points * _pairs(networks) / (1 if "mixed" in self.groups else 2)


class CrossDomain(AtPoints):
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

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines between networks of different domains."""
        return self.seen(images) * self.points * float(max(1, networks // 2))


class CombinedDomains(AtPoints):
    """And between networks of which one was trained on a union of domains? Trains the runs on the unions."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "unions", "seeds"})

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

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines between networks of different domains."""
        return self.seen(images) * self.points * float(max(1, networks // 2))


def _pairs(networks: int) -> float:
    return networks * max(1.0, (networks - 1) / 2)
