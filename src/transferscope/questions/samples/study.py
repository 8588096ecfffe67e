"""How a study asks about samples: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ...data.shuffle import shuffle_blocks
from ...errors import SpecError
from .._blocks import Block, of_each_class
from ..base import (
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ...data.imageset import ImageSet
    from ..protocols import ImagesView, Inputs, PlanView, StudyView
    from ..result import Result

__all__ = ["SamplesQuestion"]


class SamplesQuestion(Question):
    """What do the images look like, as they are and with their blocks shuffled?"""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "shows"})
    least_runs: ClassVar[int] = 0

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Sample images",
        asks="What do the images look like?",
        rows="Neyshabur et al. 2020, Fig. 1; Liu et al. 2019, Fig. 1",
        how=(
            "Some test images of each target are shown as the networks see them: decoded, resized, turned and "
            "shuffled, before augmentation and normalisation. A row is a target, or a target whose blocks are "
            "shuffled.",
        ),
        caption="Images as the networks see them, a row a target.",
    )

    question: Literal["samples"]
    """The question's name."""
    images: Annotated[int, Field(ge=1, le=50)] = 6
    """Images of each target."""
    blocks: tuple[Block, ...] = ()
    """Sides of blocks in pixels with which to show them shuffled, too; ``*`` shuffles all values."""
    source: bool = True
    """Show images of the pre-training, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that it only reads."""
        return 100.0

    def block_sides(self, side: int) -> tuple[str, ...]:
        """Return those with which images are shown."""
        return tuple(map(str, self.blocks))

    def lacks(self, where: str, study: StudyView, images: Mapping[str, ImagesView]) -> Iterator[SpecError]:
        """Yield nothing: it needs no run."""
        yield from ()

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, with the images of the pre-trainings."""
        more: dict[str, Any] = {}
        for name in plan.study.pretrainings if self.source else ():
            if (images := plan.pretraining(name).inputs.get("images")) is not None:
                more[f"source {name}"] = images
        return {"": plan.ask(self, "", targets, [], more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Show images of every target, and shuffled ones."""
        from .measure import samples

        count, blocks = self.images, self.blocks
        sets = {name.removeprefix("source "): inputs.shown(name).test for name in inputs.roles("source ")}
        sets |= {target: splits.test for target, splits in inputs.images.items()}
        pictures: dict[str, np.ndarray] = {}
        labels: dict[str, list[str]] = {}
        for name, images in sets.items():
            chosen = images.subset(of_each_class(images, count))
            told = [_told(chosen, i) for i in range(len(chosen))]
            pictures[name], labels[name] = np.array(chosen.images), told
            for block in blocks:
                title = f"{name}, {_size(block)}"
                pictures[title], labels[title] = shuffle_blocks(np.array(chosen.images), block), told
        return samples(pictures, labels)


def _told(images: ImageSet, i: int) -> str:
    label = images.labels[i]
    if not images.multilabel:
        return images.classes[int(label)]
    return ", ".join(images.classes[c] for c in np.flatnonzero(label == 1)) or "none"


def _size(block: int | str) -> str:
    return "all values shuffled" if block == "*" else f"blocks of {block}"
