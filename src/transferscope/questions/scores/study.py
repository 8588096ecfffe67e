"""How a study asks about scores: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError, TooFewError, UsageError, nearest
from ...strict import Name
from ..base import Question, unknown
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import ImagesView, Inputs, Offered, PlanView, StudyView
    from ..result import Result
    from .measure import Scores

__all__ = ["ScoresQuestion"]


class ScoresQuestion(Question):
    """Which pre-trained network fits a target best, before any training?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "sources"})
    least_runs: ClassVar[int] = 0
    files: ClassVar[int | None] = 2
    headless: ClassVar[bool] = True
    by_name: ClassVar[bool] = True

    revision: ClassVar[int] = 3
    words: ClassVar[Words] = Words(
        title="Transferability scores",
        asks="Which pre-trained network fits a target best, before any training?",
        rows="Liu et al. 2019, §6; LogME, LEEP, NCE, H-score, TransRate and GBC have papers of their own",
        how=(
            "Each candidate sees the target's training images once, without augmentation, in its own size and with "
            "its own input normalisation; features are what its final layer is given. From one decomposition of "
            "them come leave-one-out ridge (accuracy, and log-loss by a link with one slope; λ by the left-out "
            "squared error), LogME (evidence maximised over λ with the noise profiled out), H-score (Ledoit–Wolf), "
            "TransRate (features scaled to mean squared norm 1, ε = 0.0001 and, for comparison, 0.01) and GBC (64 "
            "principal directions, one variance a class); beside it the vote of the 20 nearest other images by "
            "cosine, and, where the candidate's own final layer is there and a softmax, LEEP and NCE. With several "
            "labels an image, ridge and neighbours have areas under the ROC curve, LogME is the mean over labels, "
            "the others are not defined.",
            "Where images that it was pre-trained on are known with their labels (pre-trainings of a study or of a "
            "run folder), the right-hand sides of both theorems of Liu et al. 2019 say what is left to learn: with "
            "kernels H of its features of source P and target Q and r = y_Q − H_PQᵀH_P⁻¹y_P, how far weights still "
            "go, rᵀH_Q⁻¹r / y_QᵀH_Q⁻¹y_Q, and the gradient at the start, ‖r‖²/‖y_Q‖², both over the same without the "
            "source; smaller is better, under 1 the source helps. Of at most 1,000 target images; with other classes "
            "a linear map between labels is fitted, and the score holds a fit.",
            "Candidates are in the order of leave-one-out ridge, the honest cheap baseline: it is a measured "
            "accuracy with a known chance level. Intervals are over these images, of these networks: subsets "
            "without replacement, within classes and shared by all candidates, of half of the images (at most "
            "1,000, or 10 a class), whose variance is scaled to all images (or the variance image by image, where "
            "that is larger); never a bootstrap, in which copies of an image are their own neighbours. A candidate "
            "is told apart from the best when another one beats it at 0.05 divided by the number of others, "
            "one-sided, on the same images: the true best is then left out in about 5 % of cases at most. The null "
            "has the labels permuted.",
            "Where it is asked for, the best candidates are fine-tuned for few epochs, each with one seed and a new "
            "final layer: the better half on validation images goes on with twice the epochs (successive halving), "
            "until two are left; only these are measured on test images.",
        ),
        caption=(
            "Left: leave-one-out ridge with 95 % intervals over images; thick: the range with permuted labels. "
            "Right: the rank that each other score gives the candidate, 1 the best."
        ),
    )

    question: Literal["scores"]
    """The question's name."""
    sources: tuple[Name, ...] | None = None
    """Score only these pre-trainings; default: all."""
    random: bool = True
    """Score random weights of the network, too, to see what its features give without any pre-training."""
    sigmoid: tuple[str, ...] = ()
    """Candidates, by label, whose final layer was trained with sigmoids, which LEEP and NCE are not defined for;
    pre-trainings of the study on images with several labels are known to be."""
    images: Annotated[int, Field(ge=20)] | None = 5000
    """Use about this many training images at most, the same share of each class."""
    source_images: Annotated[int, Field(ge=20)] = 500
    """Compare tasks by about this many images that a candidate was pre-trained on, where they are known."""
    draws: Annotated[int, Field(ge=0, le=200)] = 20
    """Subsets of the images for the intervals; 0 for none."""
    permutations: Annotated[int, Field(ge=0, le=1000)] = 20
    """Permutations of the labels for the null; 0 for none."""
    k: PositiveInt = 20
    """How many nearest images vote."""
    finetune: PositiveInt | None = None
    """Settle the best so many candidates by short trainings: the better half on validation images goes on with twice
    the epochs, until two are left, which are measured on test images; default: none are trained."""
    epochs: PositiveInt = 1
    """Epochs of the first round of these trainings."""
    lr: Annotated[float, Field(gt=0)] = 0.02
    """Their learning rate for 256 images."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count a pass and the scores of each candidate, of which a study has a few."""
        return 4.0 * self.seen(images) * max(2, networks)

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, and that there is no pre-training."""
        yield from super().names(where, study)
        yield from unknown(self.sources, study.pretrainings, f"{where}.sources", "source")
        if not study.pretrainings:
            yield SpecError(where, "scores pre-trainings and the study has none; add one under 'source'")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield targets with fewer images than classes."""
        for name, found in images.items():
            if found.train < len(found.classes):
                yield SpecError(where, f"{name} has {found.train} training images of {len(found.classes)} classes")

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step a target, with the weights of all pre-trainings."""
        chosen = {
            name: "given" if source.checkpoint is not None else source.weights
            for name, source in plan.study.pretrainings.items()
            if self.sources is None or name in self.sources
        }
        return {target: plan.ask(self, target, [target], [], pretrainings=chosen) for target in targets}

    def answer(self, inputs: Inputs) -> Result:
        """Score what was given, the pre-trainings, and random weights."""
        from ...models.build import initialise
        from .._some_images import at_most
        from .measure import Candidate, scores

        offered = inputs.offered()
        if strange := set(self.sigmoid) - {o.solution.label for o in offered}:
            known = [o.solution.label for o in offered]
            raise UsageError(f"sigmoid: there is no candidate {min(strange)!r}{nearest(min(strange), known)}")
        found = [
            Candidate(
                o.solution.label,
                o.net,
                o.solution.params,
                at_most(o.splits.train, self.images),
                o.softmax and o.solution.label not in self.sigmoid,
                o.learned if isinstance(o.learned, str) else at_most(o.learned, self.source_images),
            )
            for o in offered
        ]
        if self.random:
            net, head = inputs.net, set(inputs.net.head_tensors())
            drawn = {name: value for name, value in initialise(net, 0).items() if name not in head}
            train = at_most(inputs.splits.train, self.images)
            found.append(Candidate("random weights", net, drawn, train, source="it was not pre-trained"))
        if not found:
            raise TooFewError("no pre-training has weights to score: all diverged")
        result = scores(
            found,
            draws=self.draws,
            permutations=self.permutations,
            k=self.k,
            device=inputs.device,
            kept=inputs.kept,
            progress=inputs.progress,
        )
        return result if self.finetune is None else self._settled(result, offered, inputs)

    def _settled(self, result: Scores, offered: Sequence[Offered], inputs: Inputs) -> Result:
        """Train the best of what was offered, on the images that were scored."""
        from dataclasses import replace

        from .._some_images import at_most
        from .settled import Tunable, settle

        by_label = {o.solution.label: o for o in offered}
        best = [by_label[result.labels[i]] for i in result.order() if result.labels[i] in by_label]
        given = [
            Tunable(
                o.solution.label,
                o.tunable or o.net,
                o.solution.params,
                replace(o.splits, train=at_most(o.splits.train, self.images)),
            )
            for o in best[: self.finetune]
        ]
        found = settle(given, epochs=self.epochs, lr=self.lr, device=inputs.device, progress=inputs.progress)
        return replace(result, settled=found)
