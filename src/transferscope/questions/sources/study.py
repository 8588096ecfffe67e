"""How a study asks about sources, objectives and samples: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..grid.study import OfGrid
from ..words import View, Words

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["SourcesQuestion"]


class SourcesQuestion(OfGrid):
    """What does it matter what a network is pre-trained on, what it learns there, and which images it sees?"""

    revision: ClassVar[int] = 2
    words: ClassVar[Words] = Words(
        title="Sources, objectives and samples",
        asks="What does it matter on which images, by which objective, and on which choice of them one pre-trains?",
        rows="Sedghi (slides), Entezari et al. 2023",
        how=(
            "Families of the grid are sources; each may be learned from supervised, by two views of an image "
            "(SimCLR), or by an image and its caption (CLIP), and by several choices of as many of its images. Every "
            "pre-training is seen on the target: ridge regression on the features that its final layer is given, λ "
            "by leave-one-out, from a few labelled images of each class (drawn several times, the same for all) and "
            "from all training images; and, where asked, after fine-tuning on them.",
            "Pre-trainings of one seed share initial weights and are paired: a difference is one number a seed, the "
            "mean over sources where several are compared, and its interval is over pre-trainings, draws and test "
            "images. A verdict takes four seeds. What the source that is best and the one that is last lie apart is "
            "measured on seeds they were not chosen on. Choices of images are held against as many random ones, by "
            "the same seed; beside them how different the chosen images are: the effective number of classes, and "
            "the Vendi score of small versions of the images. A pre-training that diverged counts as chance.",
        ),
        caption="Accuracy by source and number of shots, a panel for each objective; bands: 95 % intervals.",
    )

    question: Literal["sources"]
    """The question's name."""
    shots: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 5, 10, 20)
    """Labelled images a class, several numbers that rise; all images come besides."""

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step a target."""
        found = {}
        for target in targets:
            again = plan.finetuned(target) if target in self.finetuned else {}
            points = {name: again.get(name) for name in plan.grid()}
            found[target] = plan.ask(self, target, [target], [], grid=points)
        return found

    def answer(self, inputs: Inputs) -> Result:
        """Evaluate the pre-trainings on a target."""
        from .measure import sources

        return sources(
            inputs.grid(),
            inputs.splits,
            target=inputs.targets[0],
            shots=self.shots,
            draws=self.draws,
            device=inputs.device,
            kept=inputs.kept,
            total=len(inputs.roles("point ")),
            progress=inputs.progress,
        )

    def figures(self) -> int:
        """Count the curves, and what samples add."""
        return 2

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the picture of what samples add."""
        if any(kind.sampling for kind in result.kinds):
            return (View("samples", "What choices of images add to as many random ones.", {"what": "samples"}),)
        return ()
