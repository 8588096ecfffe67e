"""How a study asks about soups: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError, TooFewError
from ...evidence.left_out import LeftOut
from ..base import AtPoints, Ends, classes_of, unknown
from ..words import Words

if TYPE_CHECKING:
    from ...params import Params
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result
    from .ingredients import Ingredient

__all__ = ["SoupQuestion"]

Coefficient = Annotated[float, Field(ge=0, le=10)]
Share = Annotated[float, Field(gt=0, le=1)]


class SoupQuestion(AtPoints):
    """Is the average of fine-tuned networks better than the best of them?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    revision: ClassVar[int] = 3
    words: ClassVar[Words] = Words(
        title="Soups",
        asks="Is the average of several fine-tuned networks better than the best of them, and why or why not?",
        rows="slides, model soups; Wortsman et al. 2022",
        how=(
            "The uniform soup is the mean of all weights. The greedy one begins with the best network on held-out "
            "(validation) images and takes one more, in the order of their own held-out metric, when that of the "
            "soup does not fall (`not worse`, the paper; `better`, the authors' code). Sums are in float64; copies "
            "are left out and named; integers are those of the first. Statistics of batch norm are collected anew "
            "over training images, and shown against averaged ones.",
            "Beside them: the best single network on held-out images; the oracle, which is chosen on each test set "
            "itself; ensembles of all by the mean of logits and of probabilities, and a greedy one by logits. From "
            "the weights that all started from, where asked: WiSE-FT, Model Stock, task arithmetic, TIES and DARE, "
            "their coefficient chosen on held-out images. (Runs that began with one final layer, as with "
            "`head: probe`, start from it, too; else it is averaged.)",
            "What to take is decided on test images by the rule of `which`: the greedy soup where it is clearly "
            "better than the best single one on held-out images, else the greedy ensemble, else that one where it is "
            "clearly better than each other; all comparisons with it are corrected together (Holm).",
            "Held-out images are never test images: the same pixels in both are an error. Further test sets are "
            "those of other targets of the same classes (`shifts`). Differences have paired intervals over images "
            "and speak of these networks. The networks of each seed make soups of their own, greedy and uniform; "
            "these share no network, and claims are judged by them, from three seeds on.",
            "A pre-check says why a soup may fail: the error half way between each network and the best; final "
            "layers that did not begin as the same numbers; statistics of batch norm; networks too alike to gain.",
        ),
        caption=(
            "Soups and ensembles against the best single network on held-out images (dotted), with 95 % intervals "
            "over images; and the held-out metric as the greedy soup grows."
        ),
    )

    question: Literal["soup"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    accept: Literal["not worse", "better"] = "not worse"
    """When the greedy soup takes one more: when the held-out metric does not fall, or only when it rises."""
    shifts: tuple[str, ...] = ()
    """Other targets of the same classes, on whose test images everything is evaluated, too."""
    methods: tuple[Literal["wise_ft", "model_stock", "task_arithmetic", "ties", "dare"], ...] = ()
    """What to try besides, from the weights that all started from."""
    coefficients: Annotated[tuple[Coefficient, ...], Field(min_length=1)] = (0.25, 0.5, 0.75, 1.0)
    """What is tried on held-out images where a method has a coefficient."""
    density: Share = 0.2
    """Share of the largest numbers of each task vector that TIES keeps."""
    keep: Share = 0.5
    """Share of the numbers of each task vector that DARE keeps."""
    precheck: bool = True
    """Look why a soup may fail; a pass over the held-out images a network."""
    images: PositiveInt | None = None
    """Use at most this many images of each set."""
    norm: Literal["recalibrated", "interpolated"] = "recalibrated"
    """Statistics of batch norm of a soup: collected anew, or averaged like weights."""

    @property
    def takes_source(self) -> bool:
        """Methods other than averages look at the weights that all started from."""
        return bool(self.methods)

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the passes: each network once, greedy steps, middles, soups by seed."""
        grid = len(self.methods) * len(self.coefficients)
        return self.seen(images) * (4.0 * networks + 4 + grid)

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, those of shifted targets included."""
        yield from super().names(where, study)
        yield from unknown(self.shifts, study.targets, f"{where}.shifts", "target")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield that there are too few runs, or a start is wanted and there is none."""
        yield from super().lacks(where, study, images)
        if self.methods and not study.pretrainings:
            yield SpecError(
                f"{where}.methods", f"{self.methods[0]} needs the weights that all started from; give a source"
            )

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return a step a target, with the images of the others that it is to be evaluated on."""
        found = {}
        for target in targets:
            others = [name for name in self.shifts if name != target]
            mine = plan.listed(target)
            for name in others:
                listed = plan.listed(name)
                if _unlike(listed, mine):
                    raise SpecError(
                        "soup.shifts",
                        f"{name} has other classes than {target}: {classes_of({target: mine, name: listed})}",
                    )
            found[target] = plan.ask(self, target, [target, *others], plan.runs(self, [target]))
        return found

    def answer(self, inputs: Inputs) -> Result:
        """Make soups of the runs from pre-trained weights, or of the files."""
        from .measure import soup

        given, left = self._ingredients(inputs)
        if len(given) < 2:
            raise TooFewError(f"a soup takes two networks; of these {len(given)} can be used")
        tests = inputs.tests(self.images)
        names = list(tests)
        sets = {"test": tests[names[0]]} | {name: tests[name] for name in names[1:]}
        start = self._start(inputs, given)
        engine = self.engine(inputs, inputs.part("train"))
        engine.pop("kept")  # steps of a greedy choice are no points of a grid
        return soup(
            inputs.net,
            given,
            inputs.sets(("val",), self.images)["val"],
            sets,
            init=start,
            accept=self.accept,
            methods=self.methods,
            coefficients=self.coefficients,
            density=self.density,
            keep=self.keep,
            precheck=self.precheck,
            left_out=left,
            witnesses=inputs.witnesses(),
            progress=inputs.progress,
            **engine,
        )

    def _start(self, inputs: Inputs, given: Sequence[Ingredient]) -> Params | None:
        """The weights that all started from: those that runs began with; where these differ, the pre-trained ones."""
        from ...numerics.averaging import fingerprint

        source = inputs.source()
        if source is None:
            return None
        starts = [one.start for one in given if one.start is not None]
        alike = len({fingerprint(start()) for start in starts}) == 1 and len(starts) == len(given)
        return starts[0]() if alike else source[0].params

    def _ingredients(self, inputs: Inputs) -> tuple[list[Ingredient], list[LeftOut]]:
        """The runs, those from random weights only where no others are asked about; or the files."""
        from .ingredients import Ingredient

        files = inputs.given()
        if files:
            return [Ingredient(one.label, lambda one=one: one.params) for one in files], []  # type: ignore[misc]
        learned = [run for run in inputs.runs if not run.diverged]
        tuned = [run for run in learned if run.role != "RI-T"]
        alone = self.starts is None and len(tuned) > 1
        left = [LeftOut(run.label, run.ended) for run in inputs.runs if run.diverged]
        left += [
            LeftOut(run.label, "did not start from pre-trained weights")
            for run in learned
            if alone and run not in tuned
        ]
        return [
            Ingredient(
                run.label,
                lambda run=run: run.at(self.weights).params,  # type: ignore[misc]
                lambda run=run: run.start.params,  # type: ignore[misc]
                run.seed if run.role == "P-T" else None,  # others say nothing of fine-tuned networks
                run.source if run.role == "P-T" else "",
            )
            for run in (tuned if alone else learned)
        ], left


def _unlike(one: ImagesView, other: ImagesView) -> bool:
    """Whether two sets have other classes."""
    return one.classes != other.classes or one.multilabel != other.multilabel
