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
        rows="F17 · Liu et al. 2019, §3, Tables 1 and 2",
        how=(
            "Training and test error at the end of each run (1 − AUC for several labels an image), and the "
            "deviation (1/√n)·Σ‖W − W⁰‖ over weight matrices and kernels, n the training images: from the "
            "run's own start and, without the head, from the pre-trained weights. The improvement is 1 − "
            "e/e_scratch of the test errors, its interval Fieller's. Intervals are over seeds from three on; "
            "with fewer, those of accuracies are over test images, and deviations have none. Of several starts "
            "of one kind the one that ends best is compared.",
        ),
        caption="Test error and deviation of the weights for each target.",
    )

    question: Literal["transfer"]
    """The question's name."""
    source: bool = True
    """Measure how far networks from scratch end from the pre-trained weights, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets."""
        return {"": plan.ask(self, "", targets, plan.runs(self, targets))}

    def answer(self, inputs: Inputs) -> Result:
        """Hold new heads, fine-tuning and training from scratch against each other."""
        from .measure import transfer

        source = inputs.source()
        return transfer(
            inputs.nets(),
            inputs.runs,
            train_images=inputs.counts("train"),
            test_images=inputs.counts("test"),
            pretrained=source[0].params if source is not None else None,
        )
