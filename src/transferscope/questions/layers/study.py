"""How a study asks what its grid gives with the head at other layers: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base import Granularity
from ..grid.study import AboutGrid
from ..words import View, Words

if TYPE_CHECKING:
    from ...errors import SpecError
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["LayersQuestion"]

_TARGET = "layers "


class LayersQuestion(AboutGrid):
    """Do targets on which accuracy saturates early need the higher layers?"""

    revision: ClassVar[int] = 1
    words: ClassVar[Words] = Words(
        title="The head at other layers",
        asks="Which targets need the higher layers, and is it those on which upstream accuracy still pays?",
        rows="Sedghi (slides), Abnar et al. 2022, Figure 6",
        how=(
            "Every pre-training of the grid sees each target once. At five places evenly through its network, from "
            "the first module (depth 0) to what the final layer is given (depth 1), features are averaged over "
            "positions or tokens, and ridge regression on a few labelled images of each class, λ by leave-one-out "
            "on these, gives few-shot accuracy; the images are the same for all depths and pre-trainings. At each "
            "depth one law, e_DS = k·e_US^α + e_∞, is fitted to all configurations, their seeds averaged.",
            "Two numbers say what a target needs. What is left to gain upstream: by the law with the head where it "
            "was, what raising upstream accuracy from the median configuration's to the best one's buys. What higher "
            "layers give: accuracy with the head where it was less that half way, in the configurations with at "
            "least median upstream accuracy. Both are shares of what there is over chance (by the law at the best "
            "configuration's; in these configurations), so that hard and easy targets can be compared, and each is "
            "measured on test images of its own, so that chance on the images does not join them. A target on which "
            "the better half does not clearly beat chance plays no part.",
            "The claim is judged by Kendall's τ of the two over targets, from twelve on: it is about tasks, so tasks "
            "are the sample. Intervals of a single target are over configurations, draws and test images.",
        ),
        caption=(
            "Few-shot accuracy on each target against accuracy on the source, with the head where it was (filled) "
            "and half way (hollow), and the law of all pre-trainings at each depth, the deeper the darker."
        ),
    )

    question: Literal["layers"]
    """The question's name."""
    shots: Annotated[int, Field(ge=2)] = 10
    """Labelled images a class."""
    draws: Annotated[int, Field(ge=1, le=100)] = 5
    """How often these few images are drawn; the same ones for every pre-training and depth."""
    modules: Granularity = "block"
    """Between which places the depth counts: layers, blocks or stages."""

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets without one label an image, or with too few images."""
        yield from self.too_few(where, self.shots, images)

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a pass, and a few fits, for each of about a hundred pre-trainings."""
        return 300.0 * sum(images)

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, from those that evaluate the pre-trainings on each."""
        each = self.model_copy(update={"targets": None, "shows": {}})
        points = dict.fromkeys(plan.grid())
        more = {f"{_TARGET}{target}": plan.ask(each, target, [target], [], grid=points) for target in targets}
        return {"": plan.ask(self, "", targets, [], more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Evaluate the pre-trainings on one target, or join what is known of all."""
        from .measure import Layers, layers, together

        if inputs.roles(_TARGET):
            return together([*inputs.answers(_TARGET, Layers).values()])
        return layers(
            inputs.grid(),
            inputs.splits,
            target=inputs.targets[0],
            shots=self.shots,
            draws=self.draws,
            modules=self.modules,
            device=inputs.device,
            kept=inputs.kept,
            total=len(inputs.roles("point ")),
            progress=inputs.progress,
        )

    def figures(self) -> int:
        """Count the depths, and the targets together."""
        return 2

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the picture of all targets together."""
        if len(result.known) < 2:
            return ()
        return (
            View(
                "targets",
                "A point a target: what is left to gain upstream, and what the layers above half way give.",
                {"what": "targets"},
            ),
        )
