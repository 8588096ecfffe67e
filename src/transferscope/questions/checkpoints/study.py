"""How a study asks about checkpoints: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
    import numpy as np

    from ...train.run import Run
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["CheckpointsQuestion"]


class CheckpointsQuestion(Question):
    """From which checkpoint of the pre-training should one start? Trains runs from earlier ones."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "epochs", "seeds"})

    revision: ClassVar[int] = 6
    words: ClassVar[Words] = Words(
        title="Checkpoints of the pre-training",
        asks="From which checkpoint of a pre-training should one start?",
        rows="Neyshabur et al. 2020, §3.5, Fig. 7; Liu et al. 2019, §5.2, Fig. 9",
        how=(
            "Runs are fine-tuned alike from the weights of several epochs of one pre-training. For each epoch: "
            "the test metric at the end and optimisation speed, the mean over epochs of the training accuracy, "
            "beside the metric that the pre-training had then. The runs of one seed from all checkpoints are one "
            "row, and seeds are the sample. Intervals are over networks, and for the test metric over test images, "
            "too; with fewer than three seeds they are over these test images only, and no claim is decided. A run "
            "that diverged counts as chance: what always naming the most frequent class reaches, 0.5 of an AUC.",
            "Whether later checkpoints are better is the slope of a line over the order of the checkpoints, one "
            "slope a seed; epoch 0, random weights before any pre-training, is left out of it where there are two "
            "later ones. Seeds share what is lucky about a checkpoint, so the scatter of the checkpoints about the "
            "line counts, too: a trend must stand out from it. How much later the final metric rises than speed is "
            "the difference of two epochs, each the average over the rise from the first checkpoint to the last. "
            "An earlier checkpoint does as well as the last when its loss is surely under 1 point; checkpoints are "
            "tested from the latest to the earliest. For a decline the best checkpoint between the first and the "
            "last is chosen by the other seeds on validation images (without these, on the other half of the test "
            "images), and must beat both while the source metric goes on rising. All of it is about one "
            "pre-training.",
        ),
        caption=(
            "Test metric (left) and optimisation speed (right) by the checkpoint the runs started from, means; "
            "band around a curve: one standard deviation over seeds to either side, where there are two or "
            "more; shaded from below: the metric of the pre-training, on the axis at the right; dotted lines: "
            "from scratch. Runs that diverged are crosses at the foot."
        ),
    )

    question: Literal["checkpoints"]
    """The question's name."""
    epochs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] | None = None
    """Epochs of the pre-training after which to start, 0 being its random weights; default: all that are recorded."""
    seeds: PositiveInt | None = None
    """Train only so many runs from each; default: one a seed."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count one pass over the test images of its target for each run."""
        return 200.0 + networks * sum(images) / max(1, len(images))

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
        before = plan.pretraining(source)
        more = {"pretraining": before, "images of the pretraining": before.inputs["images"]}
        return {"": plan.ask(self, "", targets, runs, more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Lay what was fine-tuned from checkpoints of the pre-training beside the pre-training itself."""
        from ...evidence.guard import chance_of
        from .._counted import accuracy_by_chance
        from .measure import checkpoints

        runs: dict[int, list[Run]] = {}
        for run in inputs.runs:
            if run.condition:
                runs.setdefault(int(run.condition.removeprefix("epoch ")), []).append(run)
        scratch = [run for run in inputs.runs if not run.condition]
        before = inputs.pretraining("pretraining")
        seen = inputs.shown("images of the pretraining").test
        then = {
            epoch: replace(before, snapshots={"final": before.at(f"epoch {epoch}").params})
            for epoch in runs
            if f"epoch {epoch}" in before.snapshots
        }
        return checkpoints(
            runs,
            before,
            test_images=inputs.counts("test"),
            scratch=scratch,
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            speed_chance={target: accuracy_by_chance(splits.train) for target, splits in inputs.images.items()},
            outcomes={epoch: [_outcomes(inputs, run) for run in of] for epoch, of in runs.items()},
            scratch_outcomes=[_outcomes(inputs, run) for run in scratch],
            source_outcomes={epoch: inputs.outcomes(run, seen) for epoch, run in then.items()},
            witnesses={target: inputs.witnesses(target) for target in inputs.images},
        )


def _outcomes(inputs: Inputs, run: Run) -> np.ndarray | None:
    return None if run.diverged else inputs.outcomes(run)
