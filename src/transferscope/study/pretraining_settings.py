"""What study files can say of what a pre-training learns, and of which images it sees when."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..strict import Strict

__all__ = ["ClipSettings", "Objective", "PaceSettings", "SamplerSettings", "Sampling", "SimclrSettings",
           "several"]  # fmt: skip

Objective = Literal["supervised", "simclr", "clip"]
Sampling = Literal["random", "class", "cluster", "easiest", "hardest", "probe"]

Form = Literal["linear", "quadratic", "root", "exponential", "logarithmic", "step"]
"""The forms of :data:`~transferscope.numerics.pace.FORMS`."""


def several(given: Any) -> Any:
    """Take one word for a list of one."""
    return (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else given


class SimclrSettings(Strict):
    """How views are told apart in pre-training without labels (Chen et al. 2020)."""

    temperature: Annotated[float, Field(gt=0)] = 0.2
    """By what cosines of projections are divided."""
    hidden: Annotated[int, Field(ge=1, le=65536)] = 256
    """Units between the two layers that make projections."""
    projection: Annotated[int, Field(ge=1, le=65536)] = 64
    """Numbers that views are compared by."""
    jitter: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How strongly colours vary: 0 not at all, 0.5 for small images, 1 for large ones."""


class ClipSettings(Strict):
    """How images are told their captions in image-text pre-training (Radford et al. 2021)."""

    temperature: Annotated[float, Field(gt=0)] = 0.07
    """By what cosines are divided at the start; learned from there on."""
    width: Annotated[int, Field(ge=4, le=65536, multiple_of=4)] = 64
    """Numbers of a word in the transformer that reads captions."""
    depth: Annotated[int, Field(ge=1, le=64)] = 2
    """Its blocks."""
    embedding: Annotated[int, Field(ge=1, le=65536)] = 64
    """Numbers that images and captions are compared by."""


class PaceSettings(Strict):
    """When images come into play that are not among the first (Wu, Dyer and Neyshabur 2021)."""

    form: Form = "linear"
    """How the share of the images in play grows."""
    start: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Share of the images in play at the start."""
    full: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of the training after which all are in play."""


class SamplerSettings(Strict):
    """Which training images a pre-training sees, of an equal number each way, or which first."""

    from_: Annotated[tuple[Sampling, ...], Field(alias="from", min_length=1), BeforeValidator(several)]
    """Ways to choose, a pre-training each: ``random``, the control, which has to be there; ``class`` and ``cluster``:
    as equal numbers of each as can be had; ``easiest`` and ``hardest``: by the loss of the control; ``probe``: what
    the control's final layer gets wrong."""
    keep: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the training images that is chosen, the same for every way."""
    clusters: Annotated[int, Field(ge=2, le=100_000)] = 32
    """Clusters that ``cluster`` draws from."""
    features: Literal["probe", "pixels"] = "probe"
    """What they are clusters of: features of the control, or small versions of the images."""
    pace: PaceSettings | None = None
    """Keep all images, and say by ``from`` which come into play first: ``random``, ``easiest`` or ``hardest``."""
