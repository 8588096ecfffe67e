"""Questions about the modules of a network: their singular values, and which of them matter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, PositiveInt, field_validator

from .base import AtPoints, Ends, Granularity, Grid, Metric, OfSomeRuns, QuestionSettings, Weights

__all__ = ["Criticality", "Rewind", "Spectrum"]


_MODULES = 8
"""How many modules a network has, to estimate costs before it is built."""

_SUFFIX = 0.5
"""Share of a pass that is left when the part before the module is run once."""

_Sigma: TypeAlias = Annotated[float, Field(ge=0)]


class Criticality(AtPoints, OfSomeRuns):
    """Which modules are critical: how much noise does each take on its way from its first to its last weights?"""

    files: ClassVar[int | None] = 1
    most_files: ClassVar[int | None] = 1
    wants_init: ClassVar[bool] = True

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


class Rewind(AtPoints, OfSomeRuns):
    """How much worse does a network get when one module is set back in time, or drawn anew?"""

    files: ClassVar[int | None] = 1
    most_files: ClassVar[int | None] = 1
    wants_init: ClassVar[bool] = True

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


class Spectrum(QuestionSettings):
    """What are the singular values of the layers, and how many of them are near zero?"""

    files: ClassVar[int | None] = 1
    headless: ClassVar[bool] = True

    question: Literal["spectrum"]
    """The question's name."""
    weights: Weights = "final"
    """Which weights of each run: where it started, those best on validation images, or the final ones."""
    modules: Granularity = "layer"
    """Modules whose singular values are counted together."""
    zero_padding: bool = False
    """Measure the largest singular value of each convolution with its own zero padding, too (by Lanczos)."""

    def cost(self, networks: int, images: Sequence[int]) -> float:
        """Say that no image is passed."""
        return 300.0 * networks
