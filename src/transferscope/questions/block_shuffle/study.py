"""How a study asks about block shuffle: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, PositiveInt

from ...data.shuffle import divisors
from ...errors import SpecError
from ...strict import Name
from .._blocks import Block, of_each_class
from ..base import (
    Question,
    not_trained_on,
    starts_trained,
    unknown,
)
from ..words import View, Words

if TYPE_CHECKING:
    from ...train.run import Run
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["BlockShuffleQuestion"]


class BlockShuffleQuestion(Question):
    """Are features reused, or only low-level statistics? Trains runs on images whose blocks are shuffled."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "blocks", "seeds", "shuffle_seed"})

    revision: ClassVar[int] = 6
    words: ClassVar[Words] = Words(
        title="Block shuffle",
        asks="Is it features that pre-training passes on, or something simpler?",
        rows="Neyshabur et al. 2020, §3.1, Fig. 1 and 3",
        how=(
            "Each target's images are cut into blocks of b×b pixels, and one permutation, drawn from the seed, "
            "moves the blocks of all images, those for training, validation and testing alike. b = the image's "
            "side leaves them as they are; for `*` every value moves by itself, across pixels and channels. "
            "Networks are fine-tuned (P-T) and trained from random weights (RI-T) on each, without "
            "augmentation.",
            "Compared are the test metric after the last epoch, the optimisation speed (training accuracy "
            "averaged over epochs) and the relative drop 100·(A_PT − A_RIT)/A_PT. How each changes when the "
            "side of the blocks halves is the slope of a least-squares line over log₂ b, without `*`: one slope "
            "for each seed, from its runs at all sizes. Seeds are the sample. Intervals are over networks, and "
            "for the test metric over test images, too; with fewer than three seeds a start they are over these "
            "test images only, and no claim is decided. A run that diverged counts as chance: what always naming "
            "the most frequent class reaches, 0.5 of an AUC. Of several learning rates that one counts which is "
            "best on validation images.",
        ),
        caption=(
            "Test metric (left) and optimisation speed (right) over the side of the shuffled blocks; light, "
            "outlined: P-T, solid: RI-T; above bars the relative drop; error bars: standard deviation over "
            "seeds. Runs that diverged are not shown."
        ),
    )

    question: Literal["block_shuffle"]
    """The question's name."""
    blocks: tuple[Block, ...] | None = None
    """Sides of the blocks in pixels, all dividing that of the images; ``*`` moves every value, across channels, too;
    default: ``*`` and all that divide it."""
    seeds: PositiveInt | None = None
    """Train only so many runs of each start; default: one a seed."""
    shuffle_seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of the permutation, one for all images."""
    alike: tuple[Name, ...] = ()
    """Targets that look like the images of the pre-training, by the paper's account of where features are reused."""
    pictures: Annotated[int, Field(ge=0, le=24)] = 4
    """How many images of each target are shown shuffled."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count one pass over the test images of its target for each run."""
        return 200.0 + networks * sum(images) / max(1, len(images))

    def block_sides(self, side: int) -> tuple[str, ...]:
        """Return the sides of blocks, from all values moved to none.

        >>> BlockShuffleQuestion(question="block_shuffle").block_sides(6)
        ('*', '1', '2', '3', '6')
        """
        if self.blocks is None:
            return ("*", *map(str, divisors(side)))
        sizes = sorted({b for b in self.blocks if b != "*"})
        return (*(["*"] if "*" in self.blocks else []), *map(str, sizes))

    def names(self, where: str, study: StudyView) -> Iterator[SpecError]:
        """Yield unknown names, those of targets that look like the source included."""
        yield from super().names(where, study)
        yield from unknown(self.alike, study.targets, f"{where}.alike", "target")

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield which start is missing, or not trained on a target."""
        starts = {name: study.starts[name] for name in starts_trained(study, self)}
        pretrained = [name for name, start in starts.items() if start.source is not None]
        if not pretrained:
            yield SpecError(where, "needs a start 'from: source'; add one under 'starts'")
        elif len(pretrained) == len(starts):
            yield SpecError(where, "compares with a start 'from: random'; add one under 'starts'")
        yield from not_trained_on(where, starts, images)

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, and the runs on shuffled images that it takes."""
        starts, runs, shown = starts_trained(plan.study, self), [], {}
        for target in targets:
            for block in self.block_sides(plan.side):
                runs += plan.train_shuffled(target, block, self.shuffle_seed, starts=starts, seeds=self.seeds)
                shown[f"shown {target} {block}"] = plan.shuffled(target, block, self.shuffle_seed)
        return {"": plan.ask(self, "", targets, runs, more=shown)}

    def figures(self) -> int:
        """Count the bars, and the images where some are kept."""
        return 2 if self.pictures else 1

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the shuffled images, where there are any."""
        shown = "The images with shuffled blocks, as the networks see them."
        return (View("pictures", shown, {"kind": "pictures"}),) if result.pictures else ()

    def answer(self, inputs: Inputs) -> Result:
        """Hold runs on images with shuffled blocks against each other."""
        from ...evidence.guard import chance_of
        from .._counted import accuracy_by_chance
        from .measure import block_shuffle

        runs: dict[str, list[Run]] = {}
        for run in inputs.runs:
            runs.setdefault(run.condition, []).append(run)
        pictures: dict[str, dict[str, np.ndarray]] = {}
        shown = {target: of_each_class(splits.test, self.pictures) for target, splits in inputs.images.items()}
        outcomes: dict[str, list[np.ndarray | None]] = {}
        for block, of in runs.items():
            test = {target: inputs.shown(f"shown {target} {block}").test for target in inputs.images}
            for target, images in test.items():
                pictures.setdefault(target, {})[block] = np.array(images.subset(shown[target]).images)
            outcomes[block] = [None if run.diverged else inputs.outcomes(run, test[run.target]) for run in of]
        return block_shuffle(
            runs,
            side=inputs.splits.test.size[0],
            test_images=inputs.counts("test"),
            chance={target: chance_of(splits.test) for target, splits in inputs.images.items()},
            speed_chance={target: accuracy_by_chance(splits.train) for target, splits in inputs.images.items()},
            alike=self.alike or None,
            pictures=pictures if self.pictures else None,
            outcomes=outcomes,
            witnesses={target: inputs.witnesses(target) for target in inputs.images},
        )
