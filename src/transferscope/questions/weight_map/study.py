"""How a study asks about weight map: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..base import (
    Ends,
    Question,
)
from ..words import View, Words

if TYPE_CHECKING:
    from ...models.solution import Solution
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["WeightMapQuestion"]


class WeightMapQuestion(Question):
    """Where do runs end up in weight space: with those of one start, or with those of one target?"""

    least_runs: ClassVar[int] = 2
    tells_apart: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Map of the weights",
        asks="Do networks end where they started, or where others with the same data do?",
        rows="Liu et al. 2019, §3, Fig. 4; van der Maaten & Hinton 2008",
        how=(
            "Euclidean distances between all networks of all targets, in float64, over the tensors that all "
            "have in one shape; heads of different size and batch-norm statistics are left out, which is said. "
            "The map is t-SNE of these distances from random places drawn from the seed.",
            "Findings rest on the distances and never on the map: networks of one pre-trained start on "
            "different targets against networks of one target from different starts, and how far each lies "
            "from the pre-trained weights. The distance of given networks is exact, so networks are the sample: "
            "intervals leave out one network at a time, with all its pairs; networks that share a random start leave "
            "together. A verdict needs three networks from each pre-trained start and three random starts that "
            "learned something.",
        ),
        caption=(
            "t-SNE of the weights: colour is the start, marker the target. Close-ups, four at most, are of starts "
            "whose networks lie too near to each other to be told apart."
        ),
    )

    question: Literal["weight_map"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    perplexity: Annotated[float, Field(gt=0)] | None = None
    """Of t-SNE: about how many neighbours a network has; default: as fits their number."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Seed of t-SNE."""
    source: bool = True
    """Place the pre-trained weights, too."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, with the pre-trained weights that runs started from."""
        runs = plan.runs(self, targets)
        tags = {run.source: str(run.step.spec["start"]["weights"]) for run in runs if run.role == "P-T"}
        return {"": plan.ask(self, "", targets, runs, pretrainings=tags if self.source else {})}

    def figures(self) -> int:
        """Count the map and the distances."""
        return 2

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the distances themselves."""
        return (View("distances", "Distances between all networks.", {"kind": "distances"}),)

    def answer(self, inputs: Inputs) -> Result:
        """Place all networks by their distances."""
        from ...models.batchnorm import statistics
        from .measure import weight_map

        placed: dict[str, list[Solution]] = {}
        if pretrained := inputs.pretrained():
            placed[""] = list(pretrained.values())
        for run in inputs.runs:
            if (solution := inputs.at(run, self.weights)) is not None:
                placed.setdefault(run.target, []).append(solution)
        return weight_map(
            placed,
            # Final layers are of the tasks' own sizes, and new; statistics are no weights.
            leave_out=[*inputs.net.head_tensors(), *statistics(inputs.net.module)],
            perplexity=self.perplexity,
            seed=self.seed,
            witnesses={target: inputs.witnesses(target) for target in inputs.targets},
        )
