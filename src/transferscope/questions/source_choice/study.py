"""How a study asks about source choice: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ...errors import SpecError
from ...strict import Name
from ..base import (
    Question,
    unknown,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["SourceChoiceQuestion"]


class SourceChoiceQuestion(Question):
    """Which pre-training serves which target: must images be alike, or labels, or both?"""

    tells_apart: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Choice of the pre-training",
        asks="Which pre-training serves which target: must images be alike, or labels, or both?",
        rows="Liu et al. 2019, §5.1, Fig. 8",
        how=(
            "For every source and target the test metric at the end, how much it gains over training from "
            "scratch, which share of the error from scratch it saves, and how far each layer went from its "
            "start, (1/√n)·‖W − W⁰‖ with n the training images.",
            "Differences of the test metric vary with the networks and with the test images: their intervals "
            "are over both, paired image by image; deviations vary with the networks. A verdict takes three "
            "networks of each kind and holds for these pre-trainings. Of several starts from one source the one "
            "that is best on validation images is compared, and whether a source helps, for how far weights "
            "went, is seen on validation images. A run that diverged counts as chance.",
        ),
        caption=(
            "Test metric for each source and target, and how far each layer went: means of the runs; dashes on "
            "bars: single runs; bands around curves: from the lowest run to the highest."
        ),
    )

    question: Literal["source_choice"]
    """The question's name."""
    nearest_first: tuple[Name, ...] = ()
    """Pre-trainings with the same labels, the one with images most like the targets' first; no run can show that."""
    other_labels: tuple[Name, ...] = ()
    """Pre-trainings on the images of another one with other labels."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count one pass over the test images of its target for each run."""
        return 200.0 + networks * sum(images) / max(1, len(images))

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, those of pre-trainings included."""
        yield from super().names(where, study)
        for key in ("nearest_first", "other_labels"):
            yield from unknown(getattr(self, key), study.pretrainings, f"{where}.{key}", "source")
        if len(study.pretrainings) < 2:
            yield SpecError(where, "compares pre-trainings and the study has one; add others under 'sources'")

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets."""
        return {"": plan.ask(self, "", targets, plan.runs(self, targets))}

    def answer(self, inputs: Inputs) -> Result:
        """Hold pre-trainings against each other, target by target."""
        from ...evidence.guard import chance_of
        from .measure import source_choice

        return source_choice(
            inputs.nets(),
            inputs.runs,
            train_images=inputs.counts("train"),
            test_images=inputs.counts("test"),
            nearest_first=self.nearest_first,
            other_labels=self.other_labels,
            controls=inputs.controls(),
            outcomes={
                target: [
                    None if run.diverged else inputs.outcomes(run) for run in inputs.runs if run.target == target
                ]
                for target in inputs.targets
            },
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            witnesses={target: inputs.witnesses(target) for target in inputs.targets},
        )
