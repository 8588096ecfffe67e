"""How a study asks about mistakes: settings, steps, answer and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ..base import (
    Ends,
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["MistakesQuestion"]


class MistakesQuestion(Question):
    """Do two networks get the same images wrong?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Mistakes",
        asks="Do two networks get the same images wrong?",
        rows="Neyshabur et al. 2020, Tables 3–6, Fig. 8 and 9",
        how=(
            "Both networks classify the same test images. Counted are images that only one of them gets right, "
            "and those both get wrong. The share of uncommon mistakes of a network is the part of its mistakes "
            "that the other one gets right.",
            "Networks are the sample: intervals of pairs leave out one network at a time, with all its pairs, and "
            "where others are asked whether what only one network gets wrong is hard, it is no longer one of them. "
            "Those of single networks have one number a network; what other test images would change is added. A "
            "verdict needs three networks of each kind that learned something; one that gives the same answer to "
            "all images did not.",
        ),
        caption=(
            "Images only one of the networks gets right, and both get wrong, for each pair; of many pairs for the "
            "first of each kind."
        ),
    )

    question: Literal["mistakes"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    gallery: Annotated[int, Field(ge=0, le=100)] = 8
    """How many images that only one of two networks gets wrong are shown, for each of the two."""

    def answer(self, inputs: Inputs) -> Result:
        """Hold the test images against each other that networks get wrong."""
        from .measure import mistakes

        return mistakes(
            inputs.net,
            inputs.solutions(self.weights),
            inputs.splits.test,
            train=inputs.splits.train,
            gallery=self.gallery,
            witnesses=inputs.witnesses(),
            device=inputs.device,
            progress=inputs.progress,
        )
