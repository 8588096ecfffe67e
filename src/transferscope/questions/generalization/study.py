"""How a study asks what foretells generalisation: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ..base import Granularity, Question
from ..words import View, Words

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView, StudyView
    from ..result import Result
    from .measure import TrainedNetwork

__all__ = ["GeneralizationQuestion"]

_NETWORKS = 64
"""How many networks a grid has, to estimate costs before it is known."""

_CELLS, _LOOKED = 90.0, 0.3
"""Cells of a module, and the share of the images that a search looks at."""

_Sigma = Annotated[float, Field(gt=0)]


class GeneralizationQuestion(Question):
    """Does network criticality foretell how well networks generalise that all fit their training images?"""

    least_runs: ClassVar[int] = 0
    revision: ClassVar[int] = 1
    words: ClassVar[Words] = Words(
        title="What foretells generalisation",
        asks="Does network criticality foretell how well networks generalise that all fit their training images?",
        rows="Sedghi (slides), Chatterji et al. 2020, Jiang et al. 2020",
        how=(
            "Each network of the grid that fits its training images is measured on them: network criticality Σμ_i by "
            "the search that looks at no more cells than μ takes, and nine numbers of earlier work: the number of "
            "weights, log Π‖W‖²_F, log Π‖W‖₂² and Σ‖W‖_F/‖W‖₂ over its linear maps (convolutions with circular "
            "padding on the images they really see), the distance from its start, the path norm, one over the "
            "squared tenth percentile of its margins, sharpness 1/σ², σ being the largest noise of all weights at "
            "once that keeps the training error within ε, and the PAC-Bayesian ‖θ − θ⁰‖²/(2σ²). Of each, a larger "
            "number is to foretell a larger test error.",
            "Kendall's τ is over all networks. ψ of a hyper-parameter compares only those that differ in it alone, "
            "and Ψ is the mean of all ψ (Jiang et al. 2020): a number that merely follows one hyper-parameter can "
            "have a large τ, but no large Ψ. Values of a hyper-parameter are compared by their order within each "
            "architecture. Intervals leave out one configuration at a time, with all its seeds, and resample "
            "the test images. Networks that diverged or do not fit play no part, and are named.",
        ),
        caption="Test error over network criticality, and Kendall's τ and Ψ of all measures.",
    )

    question: Literal["generalization"]
    """The question's name."""
    modules: Granularity = "block"
    """Which modules are moved for μ_i, one at a time."""
    alphas: Annotated[int, Field(ge=3, le=101)] = 6
    """Places between start and end, both included."""
    sigmas: Annotated[tuple[_Sigma, ...], Field(min_length=1)] | None = None
    """Noise of a module, in shares of the root mean square of its weights; default: 0.01 to 1.28, two an octave."""
    draws: Annotated[int, Field(ge=1, le=100)] = 3
    """Draws of the noise at each place."""
    fitted: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """The largest training error that counts as fitting."""
    margin: Annotated[float, Field(ge=0)] = 0.01
    """ε is the training error of a network and so much more."""
    images: PositiveInt | None = 500
    """Take measures on at most this many training images; errors are of all."""

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and that there is no grid."""
        yield from super().names(where, study)
        if not study.grid:
            yield SpecError(
                where, "is about the networks of a grid and the study has none; add families under 'grid'"
            )

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Estimate the search over about 64 networks."""
        return _NETWORKS * _CELLS * _LOOKED * self.draws * (self.images or 1000)

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all networks; the targets play no part."""
        return {"": plan.ask(self, "", [], [], grid=dict.fromkeys(plan.grid()))}

    def answer(self, inputs: Inputs) -> Result:
        """Measure the networks of the grid."""
        from .measure import SIGMAS, generalization

        return generalization(
            _networks(inputs),
            modules=self.modules,
            alphas=self.alphas,
            sigmas=SIGMAS if self.sigmas is None else self.sigmas,
            draws=self.draws,
            fitted=self.fitted,
            margin=self.margin,
            images=self.images,
            device=inputs.device,
            kept=inputs.kept,
            total=len(inputs.roles("point ")),
            progress=inputs.progress,
        )

    def figures(self) -> int:
        """Count the ranking, and each hyper-parameter."""
        return 2

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the picture of each hyper-parameter's ψ."""
        if any(result.within(m).factors for m in result.measures):
            return (View("granulated", "ψ of each measure and hyper-parameter, and Ψ.", {"what": "granulated"}),)
        return ()


def _networks(inputs: Inputs) -> Iterator[TrainedNetwork]:
    """Yield the pre-trainings of the grid with the weights they started from and their images."""
    from .measure import TrainedNetwork

    for point in inputs.grid():
        images = inputs.trained_on(point.name)
        start = None if point.params is None else inputs.started(point.name)
        yield TrainedNetwork(
            point.name, point.net, start, point.params, images.train, images.test, point.family, point.factors,
            point.ended,
        )  # fmt: skip
