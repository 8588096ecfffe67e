"""How a study asks about learning curves: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base import (
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["LearningCurvesQuestion"]


class LearningCurvesQuestion(Question):
    """What starting from pre-trained weights buys: final metric, optimisation speed, epochs to a given accuracy."""

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Learning curves",
        asks="What does starting from pre-trained weights buy: a better end, or a faster way there?",
        rows="F2 · Neyshabur et al. 2020, Fig. 2 and B.1",
        how=(
            "After every epoch each run is evaluated in eval mode on the train and test images. Optimisation "
            "speed is the mean over epochs of the accuracy on the training images. Differences between starts "
            "are means over seeds with a t interval; with one seed there is no interval.",
        ),
        caption="Accuracy (or AUC) after each epoch; one colour and dash per start, band: spread over seeds.",
    )

    question: Literal["learning_curves"]
    """The question's name."""
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Values of the test metric for which to give the epochs needed; default: 50, 75 and 90 % of the best."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads."""
        return 200.0

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets."""
        return {"": plan.ask(self, "", targets, plan.runs(self, targets))}

    def answer(self, inputs: Inputs) -> Result:
        """Lay the curves of all runs side by side."""
        from .measure import learning_curves

        return learning_curves(inputs.runs, levels=tuple(self.levels))
