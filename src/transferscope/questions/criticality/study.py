"""How a study asks about criticality: settings, steps, answer and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, PositiveInt, field_validator

from ..base import (
    AtPoints,
    Ends,
    Granularity,
    Grid,
    OfSomeRuns,
)
from ..words import View, Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["CriticalityQuestion"]

_MODULES = 8
"""How many modules a network has, to estimate costs before it is built."""

_SUFFIX = 0.5
"""Share of a pass that is left when the part before the module is run once."""

_Sigma: TypeAlias = Annotated[float, Field(ge=0)]


class CriticalityQuestion(AtPoints, OfSomeRuns):
    """Which modules are critical: how much noise does each take on its way from its first to its last weights?"""

    files: ClassVar[int | None] = 1
    most_files: ClassVar[int | None] = 1
    wants_init: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Module criticality",
        asks=(
            "Which modules are critical: how much noise does each take on its way from its first to its last weights?"
        ),
        rows="Neyshabur et al. 2020, §3.4, Def. 3.2, Fig. 6 and 30; Chatterji et al. 2020",
        how=(
            "One module at a time is moved, all others stay as trained: along the straight line from its first "
            "to its trained weights (direct path) or through the weights recorded on the way (optimisation "
            "path), to the best and to the final weights, and Gaussian noise is added to its parameters. Noise "
            "is measured in shares of the root mean square of the module's weights unless the study says "
            "absolute; the draws are the same for all cells and networks.",
            "μ of a module is the least α²‖θ − θ⁰‖²/σ² over the cells with noise whose mean error on training "
            "images stays within ε; the criticality of a network is the sum. The table has both, and where on "
            "the grid they are.",
            "Claims are judged by one number a network: by how much μ changes with depth (the slope of its "
            "logarithm), the share of cells within ε, the share of modules with a transition, the rank correlation "
            "of two errors over cells. Networks are the sample, three of each kind at least that learned something; "
            "modules and cells of one network are not.",
        ),
        caption="Criticality of each module, and error over place and noise on each path of the first one.",
    )

    question: Literal["criticality"]
    """The question's name."""
    ends: Annotated[tuple[Ends, ...], Field(min_length=1)] = ("best", "final")
    """Which weights the paths lead to; the other modules are at the first of them."""
    paths: Annotated[tuple[Literal["direct", "optimisation"], ...], Field(min_length=1)] | None = None
    """Straight from start to end, or by way of the recorded weights; default: both where there are any."""
    modules: Granularity = "stage"
    """Which modules are moved, one at a time."""
    only: tuple[str, ...] = ()
    """Move only these modules, by name; default: all."""
    alphas: Grid = 11
    """Places on the direct path, both ends included."""
    sigmas: Annotated[tuple[_Sigma, ...], Field(min_length=1)] = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    """Noise, at least one above 0; by default in shares of the root mean square of the module's weights."""
    noise: Literal["relative", "absolute"] = "relative"
    """Whether the noise is in such shares, or absolute."""
    draws: Annotated[int, Field(ge=1, le=100)] = 3
    """Draws of the noise at each place."""
    judge: Literal["error", "loss"] = "error"
    """What must stay within ε, on training images."""
    epsilon: Annotated[float, Field(gt=0)] | None = None
    """ε; default: that of the trained network and the margin."""
    margin: Annotated[float, Field(ge=0)] = 0.01
    """How much worse than the trained network is still within ε."""
    surface: bool = True
    """Evaluate all places and draw heat maps; without, only what μ takes is searched for, which is much faster."""
    screen: bool | None = None
    """Search in bfloat16 first and confirm in float32; default: where a CPU is fast at it."""
    images: PositiveInt | None = 500
    """Use at most this many training images, and as many test images."""
    norm: Literal["interpolated", "recalibrated"] = "interpolated"
    """Batch-norm statistics of the other modules: as trained, or collected anew everywhere."""

    @field_validator("sigmas")
    @classmethod
    def _some_noise(cls, sigmas: tuple[float, ...]) -> tuple[float, ...]:
        if not any(sigmas):
            raise ValueError("holds no number above 0; criticality divides by the noise, so give one, such as 0.1")
        return sigmas

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are moved."""
        return {"only": self.only}

    def wants_recorded(self) -> str | None:
        """Say that an optimisation path that is asked for must have been recorded."""
        return "paths" if "optimisation" in (self.paths or ()) else None

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the cells of all paths of all modules."""
        places = sum(self.alphas if path == "direct" else 6 for path in self.paths or ("direct", "optimisation"))
        cells = places * len(self.ends) * len(self.sigmas) * self.draws
        return _SUFFIX * cells * (len(self.only) or _MODULES) * networks * 2 * self.seen(images)

    def figures(self) -> int:
        """Count all modules, the extremes, and the valleys of each."""
        return 2 + (len(self.only) or _MODULES) if self.surface else 1

    @classmethod
    def views(cls, result: Any) -> tuple[View, ...]:
        """Return the valleys of each module, where they were evaluated."""
        if not (result.valleys and result.valleys[0].values.shape[2]):
            return ()
        measured = dict.fromkeys(valley.module for valley in result.valleys)
        views = tuple(View(m, f"{m}: train, test and their gap on each path.", {"module": m}) for m in measured)
        known = {v.module for v in result.valleys if not math.isnan(v.mu)}
        if len(known) < 2:
            return views
        wide = "A wide valley and a sharp one: the least and the most critical module of each network."
        return (View("wide and sharp", wide, {"valleys": True}), *views)

    def answer(self, inputs: Inputs) -> Result:
        """Move the modules of all runs along their paths, or of a file from the weights it started from."""
        from .measure import criticality

        sets = inputs.sets(("train", "test"), self.images)
        options: dict[str, Any] = {
            "modules": self.only or self.modules,
            "paths": self.paths,
            "alphas": self.alphas,
            "sigmas": self.sigmas,
            "draws": self.draws,
            "noise": self.noise,
            "epsilon": self.epsilon,
            "margin": self.margin,
            "judge": self.judge,
            "surface": self.surface,
            "screen": self.screen,
            "witnesses": inputs.witnesses(),
            "progress": inputs.progress,
            **self.engine(inputs, inputs.splits.train),
        }
        return criticality(
            inputs.net, inputs.runs or [inputs.journey()], sets["train"], sets["test"], ends=self.ends, **options
        )
