"""How a study asks about cross domain: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from ...errors import SpecError
from ..base import AtPoints, Ends, Grid, Metric, NormPolicy, classes_of
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["CrossDomainQuestion"]


class CrossDomainQuestion(AtPoints):
    """What lies between networks trained on different domains of the same classes?"""

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Across domains",
        asks="What lies between networks trained on different domains of the same classes?",
        rows="Neyshabur et al. 2020, B.7, Fig. 19–23",
        how=(
            "Runs on different domains, evaluated along the line between them on the test images of each domain.",
            "The middle is the best λ from 0.25 to 0.75, chosen on one half of the images and measured on the other, "
            "against each of the two ends. P-T and RI-T are compared by the mean error of all networks of a kind on "
            "a domain that neither was trained on; a run that diverged has the error of chance. Intervals are over "
            "networks and images; pairs share no network, so each is one number. A verdict needs three of a kind.",
        ),
        caption=(
            "Metric between runs on different domains, evaluated on each of them. Bands are 95 % bootstrap intervals "
            "over images."
        ),
    )

    several: ClassVar[bool] = True

    question: Literal["cross_domain"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    points: Grid = 21
    """Points on each line, both ends included."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    images: PositiveInt | None = None
    """Use at most this many test images of each domain."""
    norm: NormPolicy = "recalibrated"
    """Batch-norm statistics between the ends: collected anew, interpolated, or kept."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the points of the lines between networks of different domains."""
        return self.seen(images) * self.points * float(max(1, networks // 2))

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield that no two targets have the same classes."""
        kinds = [(found.classes, found.multilabel) for found in images.values()]
        if len(set(kinds)) == len(kinds):
            yield SpecError(where, f"needs two targets of the same classes; there are {classes_of(images)}")

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return a step for each group of targets with the same classes."""
        groups = plan.groups(targets)
        return {" & ".join(g): plan.ask(self, " & ".join(g), g, plan.runs(self, g)) for g in groups}

    def answer(self, inputs: Inputs) -> Result:
        """Follow the lines between runs on different domains."""
        from .._domains import solutions_by_domain, witnesses_by_domain
        from .measure import cross_domain

        solutions, train = solutions_by_domain(inputs, self.weights)
        return cross_domain(
            inputs.net,
            solutions,
            inputs.tests(self.images),
            train=train,
            witnesses=witnesses_by_domain(inputs),
            lambdas=self.points,
            metrics=self.metrics,
            progress=inputs.progress,
            **self.engine(inputs),
        )
