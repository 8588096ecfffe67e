"""How a study asks about variants: settings, steps, answer and words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ...strict import Name
from ..base import (
    Ends,
    Grid,
    NormPolicy,
    Question,
    unknown,
)
from ..words import Words

if TYPE_CHECKING:
    from ...train.run import Run
    from ..protocols import Inputs, StudyView
    from ..result import Result

__all__ = ["VariantsQuestion"]


class VariantsQuestion(Question):
    """Can one start from less, or from noise within the basin, or average runs trained in parallel?"""

    least_runs: ClassVar[int] = 2
    tells_apart: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Other starts",
        asks=(
            "Can one start from less than the pre-trained weights, or from noise around them, or average runs "
            "trained in parallel?"
        ),
        rows="Neyshabur et al. 2020, §5",
        how=(
            "What the paper proposes to try next, each against plain fine-tuning. Top singular values: each "
            "weight matrix of the body (kernels as outputs × the rest) keeps only its leading singular "
            "directions. Noise: every tensor of the body gets Gaussian noise in proportion to its own root "
            "mean square. Average: copies of one start are trained on the same images in orders of their own, "
            "and their weights are averaged at the end or every few epochs; batch-norm statistics are then "
            "collected anew.",
            "By start: the test metric and optimisation speed; the barrier on straight lines to plain "
            "fine-tuned runs of other seeds; how many of the mistakes of two runs only one of them makes; and "
            "the metric of the mean of the logits of all its runs. From three runs on, intervals of metric, "
            "barriers and mistakes are over networks and test images, those of speed over networks; with fewer "
            "they are over these test images, as those of ensembles always are. How far the error rises on a line "
            "is measured at a λ chosen on other images. A run that diverged counts as chance in metric and speed; "
            "one that learned nothing has no part in barriers and mistakes. A difference to plain fine-tuning "
            "within the threshold is described as none.",
        ),
        caption="Each start against plain fine-tuning: metric at the end, barrier, mistakes, ensemble.",
    )

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

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, those of the starts that others are compared with included."""
        yield from super().names(where, study)
        named = [name for name in (self.reference, self.scratch) if name is not None]
        yield from unknown(named, study.starts, where, "start")

    def answer(self, inputs: Inputs) -> Result:
        """Hold other starts and averaged runs against plain fine-tuning."""
        from .measure import variants

        groups: dict[str, list[Run]] = {}
        for run in inputs.runs:
            groups.setdefault(run.start_name, []).append(run)
        return variants(
            inputs.net,
            groups,
            dataclasses.replace(inputs.splits, test=inputs.sets(("test",), self.images)["test"]),
            reference=self.reference,
            scratch=self.scratch,
            kinds=inputs.altered(),
            weights=self.weights,
            points=self.points,
            threshold=self.threshold,
            norm=self.norm,
            progress=inputs.progress,
            device=inputs.device,
            kept=inputs.kept,
            witnesses=inputs.witnesses(),
        )
