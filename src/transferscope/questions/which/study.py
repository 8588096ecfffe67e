"""How files and runs are asked which of them to take: settings, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import AtPoints, Ends
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["WhichQuestion"]


class WhichQuestion(AtPoints):
    """Which of these networks should one take, or their average, or their ensemble?"""

    least_runs: ClassVar[int] = 1
    files: ClassVar[int | None] = 1
    revision: ClassVar[int] = 1
    words: ClassVar[Words] = Words(
        title="Which one?",
        asks="Which of these networks should one take, or their average, or their ensemble?",
        rows="of no paper here",
        how=(
            "Each network is evaluated on the test images as it was saved: accuracy, for several labels an image the "
            "AUC. The average has the mean of all weights and statistics of batch norm that are collected anew over "
            "training images; the ensemble answers with the mean of all logits.",
            "All pairs of networks are compared, paired image by image; the average and the ensemble each with the "
            "best network as saved, which is chosen on one half of the images and measured on the other, both ways. "
            "The p-values of all comparisons are corrected together (Holm 1979). What costs one network an answer "
            "goes before what costs several: the average is taken when its gain is clear, else the ensemble, else "
            "the network that is clearly better than every other; else it cannot be told, and it is said how many "
            "images would. It speaks of these networks; the table's own intervals and p-values are not corrected.",
        ),
        caption=(
            "Each network as saved, their average and their ensemble, with 95 % intervals over images; the dotted "
            "line is the best network, hollow points have statistics of batch norm collected anew."
        ),
    )

    question: Literal["which"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    images: PositiveInt | None = None
    """Use at most this many test images."""
    norm: Literal["recalibrated", "interpolated"] = "recalibrated"
    """Statistics of batch norm of the average: collected anew, or averaged like weights."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Change of the metric by statistics collected anew from which on both numbers are said."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the passes: each network once or twice, and the average."""
        return self.seen(images) * (2.0 * networks + 1)

    def answer(self, inputs: Inputs) -> Result:
        """Evaluate the networks, their average and their ensemble."""
        from .measure import which

        engine = self.engine(inputs, inputs.part("train"), shared=True)
        engine.pop("kept")  # no points of a grid
        return which(
            inputs.net,
            inputs.solutions(self.weights),
            inputs.sets(("test",), self.images)["test"],
            threshold=self.threshold,
            progress=inputs.progress,
            **engine,
        )
