"""How a study asks about the pre-trainings of a grid: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ...strict import Name
from ..base import Question, unknown
from ..words import View, Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["AboutGrid", "GridQuestion", "OfGrid"]


class AboutGrid(Question):
    """What all questions about few-shot accuracies of a grid's pre-trainings have in common."""

    least_runs: ClassVar[int] = 0

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and that there is no grid."""
        yield from super().names(where, study)
        if not study.grid:
            yield SpecError(
                where, "is about the pre-trainings of a grid and the study has none; add families under 'grid'"
            )

    def too_few(self, where: str, shots: int, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets without one label an image, or with too few images for so many shots."""
        for name, found in images.items():
            if found.multilabel:
                yield SpecError(where, f"{name} has several labels an image; a few-shot accuracy takes one")
            elif found.train < shots * len(found.classes):
                yield SpecError(
                    f"{where}.shots",
                    f"{shots} images of each of {len(found.classes)} classes are more than the {found.train} "
                    f"training images of {name}",
                )


class OfGrid(AboutGrid):
    """What questions about the pre-trainings of a grid can be told."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "finetuned"})

    shots: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 5, 10)
    """Labelled images a class, several numbers that rise."""
    draws: Annotated[int, Field(ge=1, le=100)] = 5
    """How often these few images are drawn; the same ones for every pre-training."""
    finetuned: tuple[Name, ...] = ()
    """Targets on which every pre-training is fine-tuned on all training images, too, by the study's recipe and the
    target's."""

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and that there is no grid."""
        yield from super().names(where, study)
        yield from unknown(self.finetuned, study.targets, f"{where}.finetuned", "target")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets without one label an image, or with too few images."""
        if list(self.shots) != sorted(set(self.shots)):
            yield SpecError(f"{where}.shots", f"{list(self.shots)} do not rise")
        yield from self.too_few(where, max(self.shots), images)

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a pass over the images for each of about a hundred pre-trainings."""
        return 200.0 * sum(images)

    def steps(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return the steps that evaluate the pre-trainings on each target."""
        asked = GridQuestion(question="grid", shots=self.shots, draws=self.draws)
        found = {}
        for target in targets:
            again = plan.finetuned(target) if target in self.finetuned else {}
            points = {name: again.get(name) for name in plan.grid()}
            found[target] = plan.ask(asked, target, [target], [], grid=points)
        return found


class GridQuestion(OfGrid):
    """Do size, data and compute lead along one curve?"""

    revision: ClassVar[int] = 2
    words: ClassVar[Words] = Words(
        title="A grid of pre-trainings",
        asks="Does it matter for a target whether upstream accuracy comes from size, data or compute?",
        rows="Sedghi (slides), Abnar et al. 2022",
        how=(
            "Every pre-training of the grid is seen once on its own held-out images (upstream accuracy) and once on "
            "the target: ridge regression on the features that its final layer is given, from a few labelled images "
            "of each class (λ = 1,024 on standardised features, as in big_vision), drawn several times and the same "
            "for all pre-trainings; where asked, after fine-tuning on all images.",
            "One law, e_DS = k·e_US^α + e_∞, is fitted to all. What a factor adds at equal upstream accuracy, from "
            "its least to its greatest value, is estimated together with the law and all other factors and families "
            "(residuals and factors freed of what the law can follow), so that a factor which only moves "
            "pre-trainings along the curve adds nothing. Intervals are over configurations, with variances that need "
            "not be alike (HC3; the seeds of one configuration count once: CR3); the noise of testing on the source, "
            "which would show offsets where there are none, is taken out (regression calibration). With a smaller "
            "share of the data and as many epochs there are fewer steps, too.",
        ),
        caption="Pre-trainings by family, and the law of all, for each number of shots.",
    )

    question: Literal["grid"]
    """The question's name."""

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step a target."""
        return self.steps(plan, targets)

    def answer(self, inputs: Inputs) -> Result:
        """Evaluate the pre-trainings on a target."""
        from .measure import grid

        return grid(
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
        """Count the curves, and what factors add."""
        return 2

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the picture of what factors add."""
        if any(curve.offsets for curve in result.curves):
            return (View("offsets", "What each factor adds at equal upstream accuracy.", {"what": "offsets"}),)
        return ()
