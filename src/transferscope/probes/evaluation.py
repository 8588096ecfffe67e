"""How points are evaluated, and what comes out: the options, the outcome, and how it was computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypedDict

import numpy as np

from ..data.imageset import ImageSet
from .partial_results import Kept

__all__ = ["EngineOptions", "Evaluation", "How", "NormPolicy", "Precision"]

Precision: TypeAlias = Literal["float32", "bfloat16", "float64"]

NormPolicy: TypeAlias = Literal["interpolated", "recalibrated", "kept"]
"""Whose batch-norm statistics a point of weight space uses; the choice changes the numbers (interpolated statistics
inflate barriers), so every result says which was made.

``interpolated``: combined like all floating tensors; ``recalibrated``: collected anew at each point over training
data; ``kept``: those of the first set of weights at every point.
"""


class EngineOptions(TypedDict, total=False):
    """How to compute, for every analysis that evaluates points.

    Attributes:
        device: ``cpu``, ``cuda`` or ``auto`` (default).
        precision: ``float32`` (default; never TF32), ``bfloat16`` (autocast) or ``float64``.
        screen: whether a search leaves on the word of bfloat16 what that finds well beyond the bound, and confirms
            the rest in float32; by default where a CPU has fast bfloat16.
        compiled: whether ``torch.compile`` translates what is evaluated again and again (default: no). It takes
            seconds to minutes once, and a compiler for C++; what it cannot translate runs as it is.
        batch: images at a time; by default what suits the device and the image size.
        norm: batch-norm policy ``recalibrated`` (default), ``interpolated`` or ``kept``.
        recalibrate_on: training images for ``recalibrated``.
        recalibrate_images: how many of them, drawn once with a fixed seed (default 2,048).
        kept: where to keep what has been evaluated, so that a stopped evaluation goes on; nowhere by default.
    """

    device: str
    precision: Precision
    screen: bool | None
    compiled: bool
    batch: int | None
    norm: NormPolicy
    recalibrate_on: ImageSet | None
    recalibrate_images: int
    kept: Kept | None


@dataclass(frozen=True)
class How:
    """How numbers were computed, for the result and the report.

    Attributes:
        plan: ``whole network``, ``suffix`` or ``affine``.
        precision: ``float32``, ``bfloat16`` or ``float64``.
        device: ``cpu`` or the GPU's index.
        batch: images at a time.
        norm: batch-norm policy; ``none`` for a network without batch norm.
        recalibrated_on: number and name of the images, or ``""``.
        reason: why a part was moved and yet the whole network passed, or why it was not compiled, or ``""``.
        compiled: whether it was compiled.
    """

    plan: str
    precision: str
    device: str
    batch: int
    norm: str
    recalibrated_on: str = ""
    reason: str = ""
    compiled: bool = False


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics at m points over n images.

    Attributes:
        values: float64 ``(m,)`` a metric; what is not finite is kept as it is.
        examples: ``(m, n)`` a metric, one number an example whose mean is the metric; empty unless asked for.
        n: number of images.
        how: how they were computed.
    """

    values: Mapping[str, np.ndarray]
    examples: Mapping[str, np.ndarray]
    n: int
    how: How
