"""How a study asks about rewind: settings, steps, answer and words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from ..base import (
    AtPoints,
    Ends,
    Granularity,
    Metric,
    OfSomeRuns,
)
from ..words import Words

if TYPE_CHECKING:
    from ..protocols import Inputs
    from ..result import Result

__all__ = ["RewindQuestion"]

_MODULES = 8
"""How many modules a network has, to estimate costs before it is built."""

_SUFFIX = 0.5
"""Share of a pass that is left when the part before the module is run once."""


class RewindQuestion(AtPoints, OfSomeRuns):
    """How much worse does a network get when one module is set back in time, or drawn anew?"""

    files: ClassVar[int | None] = 1
    most_files: ClassVar[int | None] = 1
    wants_init: ClassVar[bool] = True

    revision: ClassVar[int] = 5
    words: ClassVar[Words] = Words(
        title="Rewinding modules",
        asks="How much worse does a network get when one module is set back in time, or drawn anew?",
        rows="Neyshabur et al. 2020, §3.4, Fig. 5; Zhang et al. 2019",
        how=(
            "One module at a time is set back to its weights at the start and at each recorded epoch, or drawn "
            "anew as the network's constructor does; all others stay as trained. Increases are over the "
            "trained network on the same test images; intervals of one network resample the images, the same ones "
            "for both.",
            "Of a kind of networks one number a network is judged, over networks and images: the increase with the "
            "final or the first layer at the start, and how the increase changes with depth (its slope from the "
            "first module to the last, the head left out). A verdict needs three networks that learned something.",
        ),
        caption="Increase of the error when a module (column) is set back to an earlier time (row), or drawn anew.",
    )

    question: Literal["rewind"]
    """The question's name."""
    weights: Ends = "best"
    """Which trained weights the other modules have."""
    epochs: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] | None = None
    """Epochs to go back to, 0 being the start; default: the start and all that is recorded."""
    modules: Granularity = "stage"
    """Which modules are set back, one at a time."""
    only: tuple[str, ...] = ()
    """Set back only these modules, by name; default: all."""
    draws: Annotated[int, Field(ge=0, le=100)] = 3
    """How often each module is drawn anew; 0 for not at all."""
    metrics: tuple[Metric, ...] | None = None
    """What is measured; default: loss and error, for several labels an image the AUC, too."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.02
    """Increase of the error up to which a module is not critical."""
    images: PositiveInt | None = 2000
    """Use at most this many test images."""
    norm: Literal["interpolated", "recalibrated"] = "interpolated"
    """Batch-norm statistics of the other modules: as trained, or collected anew everywhere."""

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return those that are set back."""
        return {"only": self.only}

    def named_weights(self) -> dict[str, tuple[str, ...]]:
        """Return the epochs."""
        return {"epochs": tuple(f"epoch {e}" for e in self.epochs or ())}

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Count the weights each module is given."""
        times = len(self.epochs or range(6)) + self.draws
        return _SUFFIX * times * (len(self.only) or _MODULES) * networks * self.seen(images)

    def answer(self, inputs: Inputs) -> Result:
        """Set the modules of all runs back to what they recorded, or of a file to the weights it started from."""
        from .measure import rewind

        (images,) = inputs.sets(("test",), self.images).values()
        return rewind(
            inputs.net,
            inputs.runs or [inputs.journey()],
            images,
            weights=self.weights,
            epochs=self.epochs,
            modules=self.only or self.modules,
            draws=self.draws,
            metrics=self.metrics,
            threshold=self.threshold,
            witnesses=inputs.witnesses(),
            progress=inputs.progress,
            **self.engine(inputs, inputs.splits.train),
        )
