"""What all questions have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, PositiveInt

from ..strict import Name, Strict

__all__ = [
    "AtPoints",
    "Ends",
    "Granularity",
    "Grid",
    "Metric",
    "NormPolicy",
    "OfSomeRuns",
    "QuestionSettings",
    "Weights",
]

Ends: TypeAlias = Literal["best", "final"]
Weights: TypeAlias = Literal["start", "best", "final"]
Granularity: TypeAlias = Literal["layer", "block", "stage"]
Metric: TypeAlias = Literal["loss", "error", "accuracy", "auc"]
NormPolicy: TypeAlias = Literal["recalibrated", "interpolated", "kept"]
Grid: TypeAlias = Annotated[int, Field(ge=3, le=1001)]


class QuestionSettings(Strict):
    """What every question can be told.

    Class attributes:
        least_runs: how many runs on a target it takes.
        files: how many files of weights it can be asked of at least, without any run; ``None``: of none.
        most_files: of how many at most; ``None``: of any number.
        wants_init: whether it then needs the weights they started from, too.
        headless: whether it can be asked of files without a final layer for the classes of the images.
        tells_apart: whether it tells starts of one kind apart; others take runs from pre-trained weights as alike.
        chooses: settings that decide what it is asked about, not how it is answered.
        among: settings that choose among the weights which a run has kept; a file has but one set.
    """

    least_runs: ClassVar[int] = 1
    files: ClassVar[int | None] = None
    most_files: ClassVar[int | None] = None
    wants_init: ClassVar[bool] = False
    headless: ClassVar[bool] = False
    tells_apart: ClassVar[bool] = False
    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows"})
    among: ClassVar[frozenset[str]] = frozenset({"weights", "ends", "epochs", "trajectories"})

    targets: tuple[Name, ...] | None = None
    """Ask only about these targets; default: all."""
    starts: tuple[Name, ...] | None = None
    """Ask only about runs from these starts; default: all, or, where the question takes pre-trained starts as alike,
    all but those from a second pre-training or with frozen layers."""
    shows: dict[Name, tuple[Name, ...]] = Field(default_factory=dict)
    """Figures and tables of a paper that it answers, each with its targets (none: all), for ``--only fig4``."""

    @property
    def takes_source(self) -> bool:
        """Whether the pre-trained weights are looked at, too, where there are any."""
        return bool(getattr(self, "source", False))

    def named_modules(self) -> dict[str, tuple[str, ...]]:
        """Return the modules that settings name, by the setting's key."""
        return {}

    def named_weights(self) -> dict[str, tuple[str, ...]]:
        """Return the recorded weights that settings name (``epoch 3``, ``step 100``), by the setting's key."""
        return {}

    def wants_recorded(self) -> str | None:
        """Return the setting for which weights must be kept on the way; ``""`` where the question itself needs them.

        A file of weights stands for itself, so only a setting can ask too much of it.
        """
        return None

    def asked(self) -> dict[str, Any]:
        """Return what decides the answer, plain data with the question's name."""
        return self.model_dump(mode="json", exclude=set(self.chooses))

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Estimate the work in images passed forward once; for progress bars and the order of steps.

        Args:
            networks: how many are asked about.
            images: how many test images each target has.
        """
        return 3.0 * self.seen(images) * networks

    def seen(self, images: Sequence[int]) -> int:
        """Return how many of the images are looked at, all targets together."""
        limit: int | None = getattr(self, "images", None)
        return sum(images if limit is None else (min(n, limit) for n in images))


class OfSomeRuns(QuestionSettings):
    """What questions can be told that take long for each run."""

    chooses: ClassVar[frozenset[str]] = frozenset({"targets", "starts", "shows", "runs"})

    runs: PositiveInt | None = None
    """Ask only about so many runs of each start; default: all."""


class AtPoints(QuestionSettings):
    """What questions can be told that evaluate networks at points of weight space."""

    precision: Literal["float32", "bfloat16", "float64"] = "float32"
    """Number format of products; bfloat16 where only a first look is wanted and the processor is fast at it."""
    compiled: bool = False
    """Compile what is evaluated again and again: seconds to minutes once, faster passes then; for large grids."""
