"""How a study asks about probes: settings, steps, answer and words."""

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
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result
    from .measure import Probed

__all__ = ["ProbeQuestion"]


class ProbeQuestion(Question):
    """Which module has the features that a target wants?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "sources"})
    least_runs: ClassVar[int] = 0
    files: ClassVar[int | None] = 1
    headless: ClassVar[bool] = True
    by_name: ClassVar[bool] = True

    revision: ClassVar[int] = 2
    words: ClassVar[Words] = Words(
        title="Probes",
        asks="How well do simple classifiers do on the frozen features of each module, and how early is it enough?",
        rows="slides, moving the head to different layers; Abnar et al. 2022, Fig. 6",
        how=(
            "Every network sees the images once; nothing in it is trained. At every module, and at what the final "
            "layer is given, features are averaged over positions (tokens; a class token is a reading of its own) "
            "and classified in four ways. Few-shot, as in big_vision: n images of each class, features "
            "standardised by these, ridge regression on labels ±1 with λ = 1024 and a free intercept (their "
            "constant feature of 100 is an option; it changes the intercept by about 2 in a thousand, and with as "
            "many images of each class no prediction); the same with λ by closed-form leave-one-out on these "
            "images, never on test images. A linear probe: logistic regression on all training images, its weight "
            "decay chosen on validation images. The vote of the nearest training images by cosine.",
            "Supports are drawn once and are the same for all modules and networks, so that differences are paired. "
            "Intervals are over draws and test images, of these networks. The accuracy of the best module is that on "
            "one half of the test images where it was chosen on the other. The earliest module within noise of the "
            "best is the first that no other is told apart over (one-sided, 0.05 divided by the number of others); "
            "that is not to say that it is as good. Shown to be within one point of all others is what lies less "
            "than that under each (one-sided, 0.05 divided by the number of modules).",
            "The claim is judged over pre-trainings that differ in their seed alone, from four on.",
        ),
        caption=(
            "Accuracy by module, in forward order, with 95 % intervals over draws and test images. Filled: the best "
            "module; hollow: the earliest within noise of it. Dotted: chance. Of many networks the first of each "
            "kind."
        ),
    )

    question: Literal["probe"]
    """The question's name."""
    sources: tuple[Name, ...] | None = None
    """Probe only these pre-trainings; default: all."""
    random: bool = True
    """Probe random weights of the network, too, to see what its features give without any pre-training."""
    modules: Granularity = "block"
    """At which modules: each layer, block or stage."""
    only: tuple[str, ...] = ()
    """Only at these modules, by name, and at what the final layer is given; default: all."""
    pooled: bool = True
    """Average features over positions or tokens; without, all values, of more than 2,048 averaged over neighbours."""
    shots: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (1, 5, 10, 25)
    """Training images a class, rising."""
    draws: Annotated[int, Field(ge=1, le=100)] = 5
    """How often these images are drawn."""
    penalty: Annotated[float, Field(gt=0)] = 1024.0
    """λ of few-shot that is not by leave-one-out, for features of variance 1."""
    constant: Annotated[float, Field(gt=0)] | None = None
    """Append this constant feature, 100 in published code, instead of a free intercept."""
    linear: bool = True
    """Fit a linear probe, too."""
    k: Annotated[int, Field(ge=0)] = 20
    """How many nearest images vote; 0 for none."""
    images: Annotated[int, Field(ge=20)] | None = 5000
    """Use about this many images of each part at most, the same share of each class."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are probed."""
        return {"only": self.only}

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a pass over all parts and the classifiers of each network, of which a study has a few."""
        return 8.0 * self.seen(images) * max(2, networks)

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, shots that do not rise, and that there is nothing to probe."""
        yield from super().names(where, study)
        yield from unknown(self.sources, study.pretrainings, f"{where}.sources", "source")
        if list(self.shots) != sorted(set(self.shots)):
            yield SpecError(f"{where}.shots", f"{list(self.shots)} do not rise; give them in order, each once")
        if not study.pretrainings and not self.random:
            yield SpecError(where, "probes pre-trainings and the study has none; add one under 'source'")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets with several labels an image, or too few images."""
        for name, found in images.items():
            if found.multilabel:
                yield SpecError(where, f"{name} has several labels an image, so there are no n images of a class")
            elif found.train < self.shots[0] * len(found.classes):
                shots = f"{self.shots[0]} shot{'s' * (self.shots[0] > 1)}"
                yield SpecError(
                    where, f"{name} has {found.train} training images of {len(found.classes)} classes for {shots}"
                )

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step a target, with the weights of all pre-trainings, and which differ in their seed alone."""
        sources = {
            name: source
            for name, source in plan.study.pretrainings.items()
            if self.sources is None or name in self.sources
        }
        chosen = {name: "given" if s.checkpoint is not None else s.weights for name, s in sources.items()}
        kinds: dict[str, str] = {}  # what is said of a pre-training but its seed: the first of that kind
        more = {}
        for name, source in sources.items():
            if source.checkpoint is None:
                first = kinds.setdefault(source.model_copy(update={"seed": 0}).model_dump_json(), name)
                more[f"kind/{first}/{name}"] = plan.pretraining(name)
        return {target: plan.ask(self, target, [target], [], more=more, pretrainings=chosen) for target in targets}

    def answer(self, inputs: Inputs) -> Result:
        """Probe what was given, the pre-trainings, and random weights."""
        from dataclasses import replace

        from ...evidence.guard import pretraining_called
        from .measure import ProbeProtocol, probe

        protocol = ProbeProtocol(
            self.shots, self.draws, self.penalty, self.constant, self.linear, self.k, self.pooled
        )  # fmt: skip
        networks = self._networks(inputs)
        if not networks:
            raise TooFewError("no pre-training has weights to probe: all diverged")
        found = probe(
            networks,
            modules=self.only or self.modules,
            protocol=protocol,
            target="" if inputs.given() else inputs.targets[0],
            witnesses=inputs.witnesses(),
            device=inputs.device,
            kept=inputs.kept,
            progress=inputs.progress,
        )
        kin: dict[str, tuple[str, ...]] = {}
        for _, kind, source in (role.split("/") for role in inputs.roles("kind/")):
            kin[kind] = (*kin.get(kind, ()), pretraining_called(source))
        return replace(found, kin=kin)

    def _networks(self, inputs: Inputs) -> list[Probed]:
        from ...models.build import initialise
        from .measure import Probed

        kinds = {role.split("/")[2]: role.split("/")[1] for role in inputs.roles("kind/")}
        found = [
            Probed(
                o.solution.label, o.net, o.solution.params, self._some(o.splits), kinds.get(o.source, "")
            )
            for o in inputs.offered()
        ]  # fmt: skip
        if self.random:
            net = inputs.net
            found.append(Probed("random weights", net, initialise(net, 0), self._some(inputs.splits)))
        return found

    def _some(self, splits: ImageSplits) -> ImageSplits:
        """About so many images of each part, the same ones for all networks."""
        from dataclasses import replace

        from .._some_images import at_most

        return replace(
            splits, train=at_most(splits.train, self.images), val=at_most(splits.val, self.images),
            test=at_most(splits.test, self.images),
        )  # fmt: skip
