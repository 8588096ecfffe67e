"""How a study asks about transfer: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..base import (
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["TransferQuestion"]


class TransferQuestion(Question):
    """What do a new final layer alone, fine-tuning, and training from scratch reach, and how far do they go?"""

    tells_apart: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Head only, fine-tuned, from scratch",
        asks="What do a new head alone, fine-tuning, and training from scratch reach, and how far do they go?",
        rows="Liu et al. 2019, §3, Tables 1 and 2",
        how=(
            "Training and test error at the end of each run (1 − AUC for several labels an image), and the "
            "deviation (1/√n)·Σ‖W − W⁰‖ over weight matrices and kernels, n the training images: from the run's "
            "own start and, without the head, from the pre-trained weights.",
            "A difference of test errors varies with the networks and with the test images: its interval is over "
            "both, paired image by image; a verdict takes three networks of each kind. That difference decides; the "
            "improvement 1 − e/e_scratch is printed beside it (Fieller's interval). Training errors and deviations "
            "have intervals over networks. Whether training errors come to nearly zero is judged by geometric "
            "means, in which 0 counts as half a training image, as small errors are skewed: under 1 % agrees, over "
            "2 % disagrees. Of several starts of one kind the one with the lowest error on validation images is "
            "compared. A run that diverged counts as chance in claims about errors.",
        ),
        caption="Test error and deviation of the weights for each target.",
    )

    question: Literal["transfer"]
    """The question's name."""
    source: bool = True
    """Measure how far networks from scratch end from the pre-trained weights, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count one pass over the test images of its target for each run."""
        return 200.0 + networks * sum(images) / max(1, len(images))

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets."""
        return {"": plan.ask(self, "", targets, plan.runs(self, targets))}

    def answer(self, inputs: Inputs) -> Result:
        """Hold new heads, fine-tuning and training from scratch against each other."""
        from ...evidence.guard import chance_of
        from .measure import transfer

        source = inputs.source()
        return transfer(
            inputs.nets(),
            inputs.runs,
            train_images=inputs.counts("train"),
            test_images=inputs.counts("test"),
            pretrained=source[0].params if source is not None else None,
            outcomes={
                target: [
                    None if run.diverged else inputs.outcomes(run) for run in inputs.runs if run.target == target
                ]
                for target in inputs.targets
            },
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            train_chance={target: chance_of(splits.train) for target, splits in inputs.images.items()},
            witnesses={target: inputs.witnesses(target) for target in inputs.targets},
        )
