"""How a study asks about the head of pre-trainings: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError, TooFewError
from ...strict import Name
from ..base import Granularity, Question, unknown
from ..words import Words

if TYPE_CHECKING:
    from ...data.imageset import ImageSplits
    from ...models.network import Network
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["HeadQuestion"]


class HeadQuestion(Question):
    """What does the weight decay, or learning rate, of the head do to a pre-training?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "sources"})
    least_runs: ClassVar[int] = 0
    files: ClassVar[int | None] = 1
    by_name: ClassVar[bool] = True

    revision: ClassVar[int] = 2
    words: ClassVar[Words] = Words(
        title="Head of the pre-training",
        asks="What do weight decay and learning rate of the head do upstream, downstream, to margins and to norms?",
        rows="slides, effect of head weight decay; Abnar et al. 2022, §5",
        how=(
            "Pre-trainings that differ in their seed and in one setting of the head alone: `head_weight_decay`, or "
            "`head_lr`, of their recipes. Of each: the metric on the upstream test images; few-shot accuracy on each "
            "target at every module, as in probes, with λ by leave-one-out and the same images for all; the norm of "
            "each module and of the head's weight; margins.",
            "A margin is the distance of an image's features to the boundary with the runner-up, to first order: "
            "(f_y − f_j)/‖∇_h(f_y − f_j)‖₂, negative where the image is classified wrongly; f are logits, or softmax "
            "outputs. At the input of the head it is exact. Below the head the median margin is divided by the root "
            "of the features' total variance, without which it would grow with them. Norms say little of layers that "
            "a batch norm follows: their scale changes nothing.",
            "What changes a tenfold setting is the slope over its logarithm, one for each seed that has every value; "
            "seeds are the sample, from four on. Settings of 0 have no logarithm and are left out of slopes. The "
            "best value is that of these networks, chosen on one half of the test images and measured on the other.",
        ),
        caption=(
            "Over the setting of the head, a point a pre-training: metrics upstream and downstream; median margins "
            "over the spread of the features; norms; and few-shot accuracy by module."
        ),
    )

    question: Literal["head"]
    """The question's name."""
    sources: tuple[Name, ...] | None = None
    """The pre-trainings of the grid; default: all."""
    setting: Literal["head_weight_decay", "head_lr"] = "head_weight_decay"
    """What differs between them: the weight decay of the head, or the factor on its learning rate."""
    modules: Granularity = "block"
    """Of what there are margins, norms and features: each layer, block or stage."""
    shots: PositiveInt = 10
    """Training images a class of few-shot."""
    draws: Annotated[int, Field(ge=1, le=100)] = 5
    """How often these images are drawn."""
    form: Literal["logit", "softmax"] = "logit"
    """Of which outputs margins are."""
    top_k: PositiveInt = 1
    """Margins to the nearest of so many other classes; 1 is the runner-up."""
    images: Annotated[int, Field(ge=20)] | None = 2000
    """Margins are of so many upstream test images at most, few-shot of about so many of each part of a target."""

    def refuses(self, net: Network) -> str:
        """Return that a network has no final layer to tell apart, where it has none."""
        return "" if net.head else f"{net.name} has no final layer that can be told apart"

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a few passes, one of them backward, of each pre-training."""
        return 40.0 * self.seen(images)

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and what keeps pre-trainings from being a grid."""
        yield from super().names(where, study)
        yield from unknown(self.sources, study.pretrainings, f"{where}.sources", "source")
        sources = self._sources(study)
        if len(sources) < 2:
            yield SpecError(
                f"{where}.sources",
                f"compares pre-trainings with several values of {self.setting}, and there are {len(sources)}; "
                "add some under 'sources'",
            )
        if given := next((name for name, s in sources.items() if s.checkpoint is not None), ""):
            yield SpecError(f"{where}.sources", f"{given} is a file of weights, whose {self.setting} is not known")
        first = next(iter(sources), "")
        for name, source in sources.items():
            if self._but_for_the_head(source) != self._but_for_the_head(sources[first]):
                yield SpecError(
                    f"{where}.sources", f"{name} and {first} differ in more than seed and {self.setting}; name others"
                )
        values = [source.recipe.get(self.setting) for source in sources.values()]
        if len(sources) > 1 and len(set(values)) < 2:
            yield SpecError(f"{where}.sources", f"all have one value of recipe.{self.setting}; give them several")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets with several labels an image, or too few for the shots."""
        for name, found in images.items():
            if found.multilabel:
                yield SpecError(where, f"{name} has several labels an image, so there are no n images of a class")
            elif found.train < self.shots * len(found.classes):
                yield SpecError(
                    f"{where}.shots",
                    f"{name} has {found.train} training images of {len(found.classes)} classes for {self.shots} "
                    "shots",
                )

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, with the pre-trainings and their images."""
        sources = self._sources(plan.study)
        more: dict[str, Any] = {f"weights/{name}": plan.pretraining(name) for name in sources}
        more["upstream"] = plan.pretraining(next(iter(sources))).inputs["images"]
        chosen = {name: source.weights for name, source in sources.items()}
        return {"": plan.ask(self, "", targets, [], more=more, pretrainings=chosen)}

    def answer(self, inputs: Inputs) -> Result:
        """Measure the pre-trainings of the grid, or the files that are given."""
        from .measure import Pretrained, head

        offered = inputs.offered()
        if not offered:
            raise TooFewError("no pre-training has weights: all diverged")
        if inputs.given():
            found = [Pretrained(o.solution.label, o.solution.params) for o in offered]
            upstream, targets = inputs.splits.test, {}
        else:
            found = []
            params = {o.source: o.solution.params for o in offered}  # of those that diverged there are none
            for role in inputs.roles("weights/"):
                run, source = inputs.pretraining(role), role.removeprefix("weights/")
                decay = run.recipe.head_weight_decay
                known = run.recipe.weight_decay if decay is None else decay
                value = known if self.setting == "head_weight_decay" else run.recipe.head_lr
                label = "P" if source == "source" else f"P {source}"
                found.append(Pretrained(label, params.get(source), value, run.seed))
            upstream = inputs.shown("upstream").test
            targets = {name: self._some(splits) for name, splits in inputs.images.items()}
        return head(
            offered[0].net,
            found,
            upstream,
            targets,
            setting=self.setting,
            modules=self.modules,
            shots=self.shots,
            draws=self.draws,
            form=self.form,
            top_k=self.top_k,
            most=self.images,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )

    def _sources(self, study: StudyView) -> dict[str, Any]:
        return {n: s for n, s in study.pretrainings.items() if self.sources is None or n in self.sources}

    def _but_for_the_head(self, source: Any) -> str:
        """What is said of a pre-training besides its seed and the setting."""
        recipe = {key: value for key, value in source.recipe.items() if key != self.setting}
        text: str = source.model_copy(update={"seed": 0, "recipe": recipe}).model_dump_json()
        return text

    def _some(self, splits: ImageSplits) -> ImageSplits:
        from dataclasses import replace

        from .._some_images import at_most

        return replace(
            splits, train=at_most(splits.train, self.images), val=at_most(splits.val, self.images),
            test=at_most(splits.test, self.images),
        )  # fmt: skip
