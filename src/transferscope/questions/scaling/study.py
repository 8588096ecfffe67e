"""How a study asks for laws of its grid: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ...strict import Name
from ..grid.study import OfGrid
from ..words import View, Words
from .words import ScalingWords

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["ScalingQuestion"]


class ScalingQuestion(OfGrid):
    """What does raising upstream accuracy buy on each target, and where does it stop paying?"""

    revision: ClassVar[int] = 2
    several: ClassVar[bool] = False
    words: ClassVar[Words] = ScalingWords.words

    question: Literal["scaling"]
    """The question's name."""
    margin: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Raising upstream accuracy stops paying where the whole rest of the way to 1 buys less than this."""
    halves: Annotated[int, Field(ge=20, le=100_000)] = 1000
    """Random halves of the pre-trainings that are fitted, for intervals."""
    repeats: Annotated[int, Field(ge=0, le=10_000)] = 100
    """Draws of each smaller number of pre-trainings; 0: do not ask what changes the laws."""
    overlay: Name | None = None
    """The target whose best pre-trainings are followed on the others; default: the first."""

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, from those that evaluate the pre-trainings on each."""
        more = {f"grid {target}": step for target, step in self.steps(plan, targets).items()}
        return {"": plan.ask(self, "", targets, [], more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Fit the laws."""
        from ..grid.measure import Grid
        from ..grid.table import models_of
        from .measure import scaling

        return scaling(
            models_of([*inputs.answers("grid ", Grid).values()]),
            margin=self.margin,
            draws=self.halves,
            repeats=self.repeats,
            overlay=self.overlay,
            sampled=True,
            progress=lambda done, of: inputs.progress(done, of, "laws"),
        )

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the pictures of all tasks together."""
        return ScalingWords().views(result)
