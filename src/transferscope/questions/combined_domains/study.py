"""How a study asks about combined domains: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError, UsageError
from ...strict import Name
from ..base import AtPoints, Ends, Grid, Metric, NormPolicy, classes_of, starts_asked, unknown
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["CombinedDomainsQuestion"]


class CombinedDomainsQuestion(AtPoints):
    """And between networks of which one was trained on a union of domains? Trains the runs on the unions."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "seeds"})

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Combined domains",
        asks="And between networks of which one was trained on a union of domains?",
        rows="Neyshabur et al. 2020, B.8, Fig. 24–29",
        how=(
            "As across domains, with one end trained on the union of several domains. How far the error rises over "
            "the straight line between its ends is measured at a λ that other images chose.",
        ),
        caption=(
            "Metric between a run on a union of domains and a run on one domain. Bands are 95 % bootstrap intervals "
            "over images."
        ),
    )

    several: ClassVar[bool] = True

    question: Literal["combined_domains"]
    """The question's name."""
    unions: Annotated[tuple[Annotated[tuple[Name, ...], Field(min_length=2)], ...], Field(min_length=1)]
    """Which targets are joined, e.g. ``[[photo, clipart]]``."""
    seeds: PositiveInt | None = None
    """Train only so many runs of each start on a union; default: one a seed."""
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

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, those in unions included."""
        yield from super().names(where, study)
        if self.targets is not None:
            yield SpecError(f"{where}.targets", "is not for this question: 'unions' names the targets")
        for i, union in enumerate(self.unions):
            yield from unknown(union, study.targets, f"{where}.unions.{i}", "target")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield unions that name a target twice, or join targets of different classes."""
        for i, union in enumerate(self.unions):
            if len(set(union)) < len(union):
                yield SpecError(f"{where}.unions.{i}", f"names a target twice: {list(union)}")
            members = {name: images[name] for name in union}
            if len({(found.classes, found.multilabel) for found in members.values()}) > 1:
                yield SpecError(f"{where}.unions.{i}", f"joins targets of different classes: {classes_of(members)}")

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return a step for each group of targets with the same classes, and the runs on their unions."""
        answers = {}
        for group in plan.groups(list(plan.study.targets)):
            unions = [union for union in self.unions if set(union) <= set(group)]
            singles = list(dict.fromkeys(target for union in unions for target in union))
            if not unions:
                continue
            runs = plan.runs(self, singles)
            for union in unions:
                runs += plan.train_union(union, starts=starts_asked(plan.study, self), seeds=self.seeds)
            title = " & ".join(singles)
            answers[title] = plan.ask(self, title, singles, runs)
        return answers

    def answer(self, inputs: Inputs) -> Result:
        """Follow the lines between runs on a union of domains and runs on one of them."""
        from .._domains import solutions_by_domain, witnesses_by_domain
        from .measure import combined_domains

        if not any("+" in run.target for run in inputs.runs):
            raise UsageError("no run on a union of domains; give unions")
        solutions, train = solutions_by_domain(inputs, self.weights)
        return combined_domains(
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
