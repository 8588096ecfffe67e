"""How a study asks about checkpoints: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from ...errors import SpecError
from ..base import (
    Question,
    not_trained_on,
    starts_trained,
)
from ..words import Words

if TYPE_CHECKING:
    from ...train.run import Run
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["CheckpointsQuestion"]


class CheckpointsQuestion(Question):
    """From which checkpoint of the pre-training should one start? Trains runs from earlier ones."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "epochs", "seeds"})

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Checkpoints of the pre-training",
        asks="From which checkpoint of a pre-training should one start?",
        rows="F14, F24 · Neyshabur et al. 2020, §3.5, Fig. 7; Liu et al. 2019, §5.2, Fig. 9",
        how=(
            "Runs are fine-tuned alike from the weights of several epochs of one pre-training. For each epoch: "
            "the test metric at the end and optimisation speed, the mean over epochs of the training accuracy, "
            "beside the metric that the pre-training had then. Intervals are over seeds from three on; with "
            "fewer, that of an accuracy is over test images, and others have none.",
            "Whether later checkpoints are better is judged by the slope of a line through all runs over the "
            "order of the checkpoints; epoch 0, random weights before any pre-training, is left out of it "
            "where there are two later ones. A plateau is reached with 90 % of the rise over all checkpoints. "
            "An earlier checkpoint does as well as the last when its loss, interval included, is at most 1 "
            "point. A decline is the gain of the best earlier checkpoint over the last, with an interval "
            "corrected for the choice of the best. No claim is judged on a target where runs from no "
            "checkpoint end clearly above chance, that is above what always naming the most frequent class "
            "reaches (0.5 for AUC), interval included and by more than 2 points.",
        ),
        caption=(
            "Test metric (left) and optimisation speed (right) by the checkpoint the runs started from, means; "
            "band around a curve: one standard deviation over seeds to either side, where there are two or "
            "more; shaded from below: the metric of the pre-training, on the axis at the right; dotted lines: "
            "from scratch."
        ),
    )

    question: Literal["checkpoints"]
    """The question's name."""
    epochs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] | None = None
    """Epochs of the pre-training after which to start, 0 being its random weights; default: all that are recorded."""
    seeds: PositiveInt | None = None
    """Train only so many runs from each; default: one a seed."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads what the runs recorded."""
        return 200.0

    def pretrained_epochs(self, study: StudyView) -> dict[str, tuple[int, ...]]:
        """Return the epochs that settings name, of the pre-training that is varied."""
        starts = [study.starts[name] for name in starts_trained(study, self) if name in study.starts]
        return {start.source: tuple(sorted(set(self.epochs or ()))) for start in starts if start.source is not None}

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield which start is missing, or not trained on a target."""
        starts = {name: study.starts[name] for name in starts_trained(study, self)}
        pretrained = [name for name, start in starts.items() if start.source is not None]
        if not pretrained:
            yield SpecError(where, "needs a start 'from: source'; add one under 'starts'")
        elif len(pretrained) > 1:
            yield SpecError(f"{where}.starts", f"names {len(pretrained)} pre-trained starts; name the one to vary")
        yield from not_trained_on(where, starts, images)

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, and the runs from earlier checkpoints that it takes."""
        starts = starts_trained(plan.study, self)
        (start,) = (name for name in starts if plan.study.starts[name].source is not None)
        source = plan.study.starts[start].source
        assert source is not None  # the line above
        epochs = plan.pretraining_epochs(source) if self.epochs is None else sorted(set(self.epochs))
        runs = []
        for target in targets:
            for epoch in epochs:
                runs += plan.train_from(target, start, epoch, seeds=self.seeds)
            for scratch in starts:
                if scratch != start:
                    runs += plan.own(target, scratch, self.seeds)
        return {"": plan.ask(self, "", targets, runs, more={"pretraining": plan.pretraining(source)})}

    def answer(self, inputs: Inputs) -> Result:
        """Lay what was fine-tuned from checkpoints of the pre-training beside the pre-training itself."""
        from .._chance import chance_of
        from .measure import checkpoints

        runs: dict[int, list[Run]] = {}
        for run in inputs.runs:
            if run.condition:
                runs.setdefault(int(run.condition.removeprefix("epoch ")), []).append(run)
        return checkpoints(
            runs,
            inputs.pretraining("pretraining"),
            test_images=inputs.counts("test"),
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            scratch=[run for run in inputs.runs if not run.condition],
        )
