"""How a study asks about extrapolation: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    Ends,
    Grid,
    Metric,
    NormPolicy,
    OfPairs,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["ExtrapolationQuestion"]


class ExtrapolationQuestion(OfPairs):
    """Where does the basin end beyond the solutions?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Extrapolation",
        asks="Where does the basin end beyond the solutions?",
        rows="Neyshabur et al. 2020, B.6, Fig. 18",
        how=(
            "As for the barrier, with λ from −1 to 2. The edge on each side is the first λ beyond the solution "
            "at which the error has risen by the stated threshold over that of the solution.",
            "Of a kind of pair one number a pair is taken: how far beyond the solutions the error has risen by 2 "
            "points, both sides averaged; what is not within reach counts as the reach, and where nothing is finite "
            "beyond a pair, the edge as the first step of the grid. Judged is the geometric mean over pairs, as "
            "such distances are skewed. Its interval is over networks, each of which is left out in turn, as it is "
            "in several pairs, and over images. A verdict needs three networks that learned something, and a line "
            "that goes further than half the distance.",
        ),
        caption=(
            "Metric along the line through both solutions, which sit at λ = 0 and λ = 1. Bands and bars are 95 % "
            "bootstrap intervals over images."
        ),
    )

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
        return self.seen(images) * self.points * self.lines(networks)

    def answer(self, inputs: Inputs) -> Result:
        """Follow the lines through all pairs of networks, beyond both."""
        import numpy as np

        from .._run_pairs import pairs_among
        from .measure import extrapolation

        reach = self.reach
        return extrapolation(
            inputs.net,
            pairs_among(inputs.solutions(self.weights), self.partners),
            inputs.sets(("test",), self.images),
            witnesses=inputs.witnesses(),
            lambdas=np.round(np.linspace(-reach, 1 + reach, self.points), 12),
            metrics=self.metrics,
            threshold=self.threshold,
            progress=inputs.progress,
            **self.engine(inputs, inputs.splits.train, shared=True),
        )
