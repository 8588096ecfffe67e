"""How a study asks about barrier: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ..base import (
    Ends,
    Grid,
    Metric,
    NormPolicy,
    OfPairs,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, StudyView
    from ..result import Result

__all__ = ["BarrierQuestion"]


class BarrierQuestion(OfPairs):
    """Do two solutions lie in one basin?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    takes_probed: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Performance barrier",
        asks="Do two solutions lie in one basin, so that their weights can be averaged?",
        rows="Neyshabur et al. 2020, §3.3, Fig. 4, 12–17; Entezari et al. 2021",
        how=(
            "The network is evaluated at (1 − λ)θ_a + λθ_b for λ from 0 to 1. Barrier height after Entezari et "
            "al.: the largest excess of the error over the straight line between the ends; after Frankle et "
            "al.: over the mean of the ends.",
            "Only floating tensors are interpolated. With batch norm the statistics are, unless the study says "
            "otherwise, recalibrated: averaged anew over training images at every λ, the ends included; `kept` "
            "are those of the first solution everywhere, so that λ = 1 is not the second one as it was saved.",
            "A height is the largest of many numbers that were measured on a sample, so it comes out too large on a "
            "flat line. What is said of it rests on other numbers: λ is chosen on one half of the images and the "
            "rise there measured on the other half, and the other way round. A barrier is one whose interval "
            "there lies above the margin; none is a line whose one-sided 95 % upper limit lies under it at every λ. "
            "The middle is compared with both ends in the same way.",
            "Of two networks the interval is over images and decides no claim. Of a kind of pair it is over networks "
            "and images: each network is left out in turn, as it is in several pairs. A verdict needs three networks "
            "of each kind that learned something. Best and final weights of one run make one number a run.",
        ),
        caption=(
            "Metric along the straight line between two solutions; λ = 0 and λ = 1 have the weights of the "
            "solutions. Bands, where there are any, are 95 % bootstrap intervals over images; of many pairs of a "
            "kind the mean is drawn over thin lines."
        ),
    )

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
        return self.seen(images) * self.points * self.lines(networks) * len(self.ends)

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield that there are too few runs; the best and the final weights of one run make a pair."""
        if set(self.ends) == {"best", "final"}:
            for target in images:
                if not sum(self.run_counts(study, target).values()):
                    yield SpecError(where, f"needs 1 run on {target}, there are 0; add a start or a seed")
            return
        yield from super().lacks(where, study, images)

    def answer(self, inputs: Inputs) -> Result:
        """Follow the lines between the runs' ends, and from the pre-trained weights to them."""
        from .._run_pairs import pairs_among
        from .measure import barrier, run_pairs

        source, ends = inputs.source(), self.ends
        start = source[0] if source is not None else None
        given = inputs.given()
        pairs = pairs_among(given) + [(start, s) for s in given if start is not None]
        # What does not depend on the end is asked for with the first of them only.
        of_runs = [
            run_pairs(
                inputs.runs,
                end=end,
                partners=self.partners,
                best_and_final=end == ends[0] and set(ends) == {"best", "final"},
                start=start if end == ends[0] else None,
            )
            for end in ends
        ]
        pairs += [pair for found, _ in of_runs for pair in found]
        return barrier(
            inputs.net,
            pairs,
            inputs.sets(self.parts, self.images),
            left_out=tuple(dict.fromkeys(left for _, missing in of_runs for left in missing)),
            witnesses=inputs.witnesses(),
            lambdas=self.points,
            metrics=self.metrics,
            threshold=self.threshold,
            progress=inputs.progress,
            **self.engine(inputs, inputs.splits.train, shared=True),
        )
