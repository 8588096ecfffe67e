"""How a study asks about learning curves: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base import Question
from ..words import Words

if TYPE_CHECKING:
    import numpy as np

    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["LearningCurvesQuestion"]


class LearningCurvesQuestion(Question):
    """What starting from pre-trained weights buys: final metric, optimisation speed, epochs to a given accuracy."""

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Learning curves",
        asks="What does starting from pre-trained weights buy: a better end, or a faster way there?",
        rows="Neyshabur et al. 2020, Fig. 2 and B.1",
        how=(
            "After every epoch each run is evaluated in eval mode on the train and test images. Optimisation "
            "speed is the mean over epochs of the accuracy on the training images.",
            "A difference of the final test metric between starts varies with the networks and with the test "
            "images: its interval is over both, paired image by image. Optimisation speed is measured on the "
            "training images themselves, so its interval is over networks only. A verdict takes three networks "
            "of each start. Where a start has several learning rates, the one that is best on validation images "
            "is compared; a run that diverged counts as chance: what always giving the most frequent answer "
            "reaches, 0.5 for AUC. Which target stands for chest X-rays is taken from its metric, the AUC.",
        ),
        caption=(
            "Accuracy (or AUC) after each epoch; one colour and dash per start, band: one standard deviation over "
            "networks to either side."
        ),
    )

    question: Literal["learning_curves"]
    """The question's name."""
    levels: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()
    """Values of the test metric for which to give the epochs needed; default: 50, 75 and 90 % of the best."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a pass over the test images with the final and one with the best weights."""
        return 2.0 * self.seen(images) * networks / max(1, len(images))

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets."""
        return {"": plan.ask(self, "", targets, plan.runs(self, targets))}

    def answer(self, inputs: Inputs) -> Result:
        """Lay the curves of all runs side by side."""
        from ...evidence.guard import chance_of
        from .._counted import accuracy_by_chance
        from .measure import learning_curves

        return learning_curves(
            inputs.runs,
            levels=tuple(self.levels),
            outcomes={target: _outcomes(inputs, target) for target in inputs.targets},
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            speed_chance={target: accuracy_by_chance(splits.train) for target, splits in inputs.images.items()},
            witnesses={target: inputs.witnesses(target) for target in inputs.targets},
        )


def _outcomes(inputs: Inputs, target: str) -> dict[str, list[np.ndarray | None]]:
    """Return what each test image adds to the metrics of the runs on a target, final and best, and to their loss."""
    runs = [run for run in inputs.runs if run.target == target]
    chosen = [run.chosen_by.startswith("val") and not run.diverged and "best" in run.snapshots for run in runs]
    found = {
        "final": [None if run.diverged else inputs.outcomes(run) for run in runs],
        "best": [
            inputs.outcomes(run, weights="best") if best else None for run, best in zip(runs, chosen, strict=True)
        ],
    }
    if inputs.images[target].test.multilabel:
        found["loss"] = [None if run.diverged else inputs.outcomes(run, metric="loss") for run in runs]
    return found
