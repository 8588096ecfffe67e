"""How a study asks about the theory: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ..base import (
    Question,
)
from ..transfer.study import TransferQuestion
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["TheoryQuestion"]


class TheoryQuestion(Question):
    """What does the theory of wide two-layer networks say of source and target, and do networks do it?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "shows"})
    least_runs: ClassVar[int] = 0

    revision: ClassVar[int] = 1
    words: ClassVar[Words] = Words(
        title="Theory of two-layer networks",
        asks="What does the theory of wide two-layer networks say of source and target, and do networks do it?",
        rows="Liu et al. 2019, §6, Theorems 1 and 2",
        how=(
            "Inputs are pixels, less the mean of both sets' mean inputs, of length 1. H = xᵀz(π − ∠(x, z))/2π "
            "within the source (P), within the target (Q) and across; y_{P→Q} = H_PQᵀH_P⁻¹y_P are the source's "
            "labels as a wide network carries them over, r = y_Q − y_{P→Q} what is left to learn. Two scores: "
            "rᵀH_Q⁻¹r over y_QᵀH_Q⁻¹y_Q, the squared distance that weights go over that from scratch (Theorem 2), "
            "and ‖r‖²/‖y_Q‖², the squared gradient (Theorem 1); under 1 the source helps. Labels are a column a "
            "class, one-hot less 1/C, summed over; where source and target have other classes, a linear map "
            "between them is fitted, and the score contains that fit. Intervals are over images (random halves), "
            "never too narrow in simulations; the null shuffles the source's labels among its images.",
            "From the first source on each target, networks f(x) = aᵀσ(Wᵀx)/√m of growing width m are trained as the "
            "theorems have it (plain gradient descent on ½‖y − f‖², only W, rate 1/λ_max) on a few images of each, "
            "half of the classes against the rest. Units start in mirrored pairs, so that f = 0 at the start: with "
            "independent units the theorems as printed are off by a part that no width removes. The networks, each "
            "pre-trained anew, are the sample; the images are given.",
            "Where asked (trained), the scores are held against what the study's deep networks came to from each "
            "source on each target: Kendall's τ over the sources with the deviation of the weights, the improvement "
            "over networks from scratch, and the test error, target by target, the mean over targets.",
        ),
        caption=(
            "Two-layer networks against the theorems: measured over predicted, a dot a network; the error of the "
            "predictions over width; units that change side; and both scores of each source and target, with "
            "intervals over images."
        ),
    )

    question: Literal["theory"]
    """The question's name."""
    between: Literal["sources", "targets"] = "sources"
    """What is held against each target: the images of the pre-trainings, or those of every other target."""
    images: Annotated[int, Field(ge=8, le=5000)] = 400
    """Training images of each set for the scores, drawn at random."""
    network_images: Annotated[int, Field(ge=2, le=200)] = 16
    """Training images of each set for the networks."""
    widths: tuple[PositiveInt, ...] = (256, 1024, 4096)
    """Numbers of units of the networks, even; none trains nothing."""
    seeds: PositiveInt = 8
    """Networks of each width."""
    most_steps: PositiveInt = 5000
    """Steps of each training at most; it ends when a thousandth of the slowest direction is left."""
    centre: bool = True
    """Subtract the mean input; without it training takes ten times as many steps."""
    ridge: Annotated[float, Field(ge=0)] = 0.0
    """Added to the kernels of the scores, as a share of the mean of their diagonals; 0 as in the theorems."""
    resamples: Annotated[int, Field(ge=20, le=2000)] = 100
    """Random halves for the intervals, and shuffles for the null."""
    trained: bool = False
    """Hold the scores of sources against what the study's networks from them reach: deviation, improvement, error."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a kernel as some passes over its images, and each network as some hundred."""
        return 50.0 * self.images * len(images) + 100.0 * len(self.widths) * self.seeds * len(images)

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and widths whose units cannot be paired."""
        yield from super().names(where, study)
        for width in self.widths:
            if width % 2:
                yield SpecError(f"{where}.widths", f"{width} units cannot be mirrored; give even numbers")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield that there is nothing to hold a target against."""
        if self.between == "targets" and len(images) < 2:
            yield SpecError(where, "holds targets against one another and there is one; add a target")
        given = [s for s in study.pretrainings.values() if s.data is not None]
        if self.trained and self.between == "targets":
            yield SpecError(f"{where}.trained", "is about networks from sources; leave between: targets out")
        if self.trained and not _plain(study):
            yield SpecError(f"{where}.trained", "is about trained networks and the study has no plain start; add one")
        if self.between == "sources" and not given:
            yield SpecError(
                where, "needs images of a pre-training, and the study has weights only; ask it with between: targets"
            )

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, with the images of the pre-trainings."""
        more: dict[str, Any] = {}
        for name in plan.study.pretrainings if self.between == "sources" else ():
            step = plan.pretraining(name)
            images = step.inputs.get("images")
            more[f"weights {name}" if images is None else f"source {name}"] = step if images is None else images
        if self.trained:
            asked = TransferQuestion(question="transfer", starts=_plain(plan.study), source=False)
            more["trained runs"] = plan.ask(asked, "", targets, plan.runs(asked, targets))
        return {"": plan.ask(self, "", targets, [], more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Compute the scores of all sources and targets, and train networks from the first source."""
        from dataclasses import replace

        from ...evidence.left_out import LeftOut
        from ..transfer.measure import Transfer
        from .measure import theory_scores
        from .trained import trained_pairs

        targets = {name: splits.train for name, splits in inputs.images.items()}
        sources = {name.removeprefix("source "): inputs.shown(name).train for name in inputs.roles("source ")}
        found = theory_scores(
            sources if self.between == "sources" else targets,
            targets,
            images=self.images,
            network_images=self.network_images,
            widths=self.widths,
            seeds=self.seeds,
            most_steps=self.most_steps,
            centre=self.centre,
            ridge=self.ridge,
            resamples=self.resamples,
            progress=inputs.progress,
        )
        bare = [name.removeprefix("weights ") for name in inputs.roles("weights ")]
        left = [LeftOut(name, "a file of weights, whose images are not known") for name in bare]
        of_runs = inputs.answers("trained ", Transfer)
        pairs = tuple(pair for answer in of_runs.values() for pair in trained_pairs(answer))
        return replace(found, left_out=(*found.left_out, *left), trained=pairs)


def _plain(study: StudyView) -> tuple[str, ...]:
    """Return the starts whose networks are trained whole, from weights as a pre-training left them or at random."""
    return tuple(
        name
        for name, start in study.starts.items()
        if not start.altered and start.recipe.get("frozen", "none") == "none"
    )
