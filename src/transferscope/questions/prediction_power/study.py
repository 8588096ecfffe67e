"""How a study asks what covariates of its grid explain: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..grid.study import OfGrid
from ..words import Words
from .words import PowerWords

if TYPE_CHECKING:
    from ..protocols import Inputs, PlanView
    from ..result import Result

__all__ = ["PredictionPowerQuestion"]


class PredictionPowerQuestion(OfGrid):
    """Once upstream accuracy is known, what do size, data, compute and settings still explain?"""

    revision: ClassVar[int] = 2
    words: ClassVar[Words] = PowerWords.words

    question: Literal["prediction_power"]
    """The question's name."""
    folds: Annotated[int, Field(ge=1, le=20)] = 3
    """Divisions of the pre-trainings into five folds."""

    def plan(self, plan: PlanView, targets: Sequence[str]) -> dict[str, Any]:
        """Return one step for all targets, from those that evaluate the pre-trainings on each."""
        more = {f"grid {target}": step for target, step in self.steps(plan, targets).items()}
        return {"": plan.ask(self, "", targets, [], more=more)}

    def answer(self, inputs: Inputs) -> Result:
        """Ask what is left for covariates; pre-trainings that differ in their seed alone are held out together."""
        from ..grid.measure import Grid
        from ..grid.table import models_of
        from .measure import CONFIGURATION, prediction_power

        return prediction_power(
            models_of([*inputs.answers("grid ", Grid).values()]),
            group=CONFIGURATION,
            repeats=self.folds,
            sampled=True,
            progress=lambda done, of: inputs.progress(done, of, "tasks"),
        )
