"""How a study asks about distance: settings, steps, answer and words."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from ..base import (
    Ends,
    Granularity,
    Question,
)
from ..words import Words

if TYPE_CHECKING:
    from ...models.solution import Solution
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["DistanceQuestion"]


class DistanceQuestion(Question):
    """How far did the weights move, and how far apart did two runs end?"""

    least_runs: ClassVar[int] = 2
    files: ClassVar[int | None] = 2
    headless: ClassVar[bool] = True
    takes_probed: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Distance in parameter space",
        asks="How far did the weights move, and how far apart did two runs end?",
        rows="Neyshabur et al. 2020, Tables 2 and 8, Fig. 10 and 11; Liu et al. 2019, Fig. 2",
        how=(
            "Euclidean distance between weights in float64, whole and module by module. Heads of different "
            "size cannot be compared and are left out, which is said where it happens. The deviation of Liu et "
            "al. sums the distances to the start over layers.",
            "The distance of given networks is exact, so networks are the sample: intervals leave out one network "
            "at a time, with all its pairs; pre-trained and random starts are given. Whether distance grows with "
            "depth is one slope a pair, of the logarithms of its modules' distances; whether it grows throughout "
            "training, one number a run in every interval between recorded epochs. Neither modules nor epochs are a "
            "sample. A verdict needs three networks of each kind that learned something.",
        ),
        caption="Distance by module, in forward order.",
    )

    question: Literal["distance"]
    """The question's name."""
    weights: Ends = "final"
    """Which weights of each run: those best on validation images, or the final ones."""
    modules: Granularity = "stage"
    """How the weights are divided into modules."""
    trajectories: bool = True
    """Follow each run through its recorded epochs, too."""

    @property
    def takes_source(self) -> bool:
        """Say that distances to the start are wanted."""
        return True

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 200.0

    def answer(self, inputs: Inputs) -> Result:
        """Measure how far all networks are apart, and from where they started."""
        from .measure import distance

        starts: dict[str, Solution] = {}
        if (source := inputs.source()) is not None:
            # Where all runs began with one probed head, that is where they moved from, head included. Beside others
            # there would be two P of one body, so P is then as pre-trained.
            begun = list({run.group: run for run in inputs.runs if run.role == "P-T"}.values())
            starts["P"] = begun[0].probed_start if len(begun) == 1 and begun[0].probed else source[0]
        for run in inputs.runs:
            if run.role == "RI-T" and run.group not in starts:
                starts[run.group] = dataclasses.replace(run.start, label=run.group)
        return distance(
            inputs.net,
            [*starts.values(), *inputs.solutions(self.weights)],
            granularity=self.modules,
            runs=inputs.runs if self.trajectories else (),
            examples=len(inputs.splits.train) if inputs.runs else None,  # those of files are not known
            witnesses=inputs.witnesses(),
            progress=inputs.progress,
        )
