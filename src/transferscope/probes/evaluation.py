"""How points are evaluated, and what comes out: the options, the outcome, and how it was computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypedDict

import numpy as np
import torch

from ..data.imageset import ImageSet
from ..errors import UsageError, nearest
from ..models.network import Network
from .partial_results import Kept

__all__ = ["EngineOptions", "Evaluation", "How", "NormPolicy", "Precision", "check_images", "check_options",
           "checked", "usual_batch"]  # fmt: skip

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
        shared: where to keep logits of whole passes, so that other evaluations of the same weights need not compute
            them again; nowhere by default.
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
    shared: Kept | None


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


def check_options(options: Iterable[str], of: Callable[..., Any] | None = None) -> None:
    """Refuse names that are no options, so that a slip of the pen is not taken for a default.

    Python lets ``**options`` take any name. The engine checks them again, without ``of``.

    Args:
        options: names that were given.
        of: the function they were given to, whose own keywords are named, too, when one of them is near.

    Raises:
        UsageError: for the first name that is not known, with the nearest that is.

    >>> def barrier(net, pairs, images, *, lambdas=21, **options): ...
    >>> check_options({"lamdas": 5}, barrier)
    Traceback (most recent call last):
        ...
    transferscope.errors.UsageError: barrier has no option 'lamdas'; did you mean 'lambdas'?
    """
    known = list(EngineOptions.__annotations__)
    own = (
        [] if of is None else [p.name for p in inspect.signature(of).parameters.values() if p.kind is p.KEYWORD_ONLY]
    )
    for name in options:
        if name not in known:
            subject = "there is" if of is None else f"{of.__name__} has"
            raise UsageError(f"{subject} no option {name!r}{nearest(name, [*own, *known])}")


def check_images(net: Network, images: ImageSet, name: str) -> None:
    """Refuse images that a network cannot look at.

    Raises:
        UsageError: naming the set and what differs.
    """
    wanted, found = (*net.input.size, net.input.channels), (*images.size, images.channels)
    if wanted != found:
        raise UsageError(
            f"{name}: images are {found[0]}×{found[1]} with {found[2]} channel(s), {net.name} wants "
            f"{wanted[0]}×{wanted[1]} with {wanted[2]}; load them so"
        )
    if len(images.classes) != net.classes:
        raise UsageError(f"{name}: {len(images.classes)} classes, but {net.name} has {net.classes} outputs")
    if not len(images):
        raise UsageError(f"{name}: no images to evaluate on")


def checked(what: str, value: str, known: Sequence[str]) -> str:
    """Return a value that is one of those known.

    Raises:
        UsageError: when it is not.
    """
    if value not in known:
        raise UsageError(f"{what} {value!r}{nearest(value, known)}")
    return value


def usual_batch(device: torch.device, size: tuple[int, int]) -> int:
    """Choose a power of two whose activations stay in the cache of a CPU, or fill a GPU."""
    pixels = max(1, size[0] * size[1])
    least, most, room = (8, 64, 2**16) if device.type == "cpu" else (16, 4096, 2**22)
    return min(most, max(least, 1 << (room // pixels).bit_length() >> 1))
