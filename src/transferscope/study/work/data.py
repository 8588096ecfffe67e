"""Steps of kind ``data``: images decoded to the cache, and what there is to say about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ...data.imageset import ImageSet, ImageSplits
from ...data.spec import load_images, parse
from ...errors import DataError
from ...progress import Progress, silent
from ...questions.protocols import NOT_LEARNED
from ..graph import Step
from ..perform import Context
from .joined import joined

__all__ = ["DataSummary", "images_of", "prepare", "why_not_learned"]

_EXAMPLES = 24
"""Pictures kept to show what the images look like."""

_EXAMPLE_SIDE = 96


@dataclass(frozen=True)
class PartSummary:
    """One part of a set.

    Attributes:
        images: how many.
        per_class: how many of each class; for several labels an image, how many have each.
        skipped: path and reason of those that could not be read.
        digest: of pixels and labels.
    """

    images: int
    per_class: tuple[int, ...]
    skipped: tuple[tuple[str, str], ...]
    digest: str


@dataclass(frozen=True, eq=False)
class DataSummary:
    """What a set of images is.

    Attributes:
        spec: the string it was loaded by.
        settings: how it was prepared, in words.
        classes: class names.
        multilabel: whether an image may have several labels or none.
        size: height and width in pixels.
        channels: 1 or 3.
        train: the training part.
        val: the validation part.
        test: the test part.
        examples: ``(k, h, w, c)`` uint8: some training images, a few of each class.
        example_classes: what they show.
    """

    spec: str
    settings: str
    classes: tuple[str, ...]
    multilabel: bool
    size: tuple[int, int]
    channels: int
    train: PartSummary
    val: PartSummary
    test: PartSummary
    examples: np.ndarray
    example_classes: tuple[str, ...]


def prepare(context: Context) -> None:
    """Decode the images of a spec string, or see that those of a union fit together."""
    images = images_of(context.step, context.progress, look=True)
    for remark in images.remarks:
        context.draft.note("images", remark)
    parts = {name: _summary(getattr(images, name)) for name in ("train", "val", "test")}
    for name, part in parts.items():
        if part.skipped:
            first = "; ".join(f"{path} ({reason})" for path, reason in part.skipped[:3])
            more = f" and {len(part.skipped) - 3} more" if len(part.skipped) > 3 else ""
            context.draft.note("skipped", f"{len(part.skipped)} unreadable images left out of {name}: {first}{more}")
    examples, shown = _examples(images.train)
    context.draft.save(
        DataSummary(
            spec=images.spec,
            settings=images.train.settings,
            classes=images.classes,
            multilabel=images.multilabel,
            size=images.train.size,
            channels=images.train.channels,
            **parts,
            examples=examples,
            example_classes=shown,
        )
    )


def images_of(step: Any, progress: Progress = silent, look: bool = False) -> ImageSplits:
    """Load the images of a ``data`` step, from the cache when they have been decoded.

    Args:
        step: the step.
        progress: called with the number of images decoded.
        look: say in ``remarks`` what looks wrong, too; of a union its members say it.

    Raises:
        DataError: when files came, went or were changed since the step was planned, or cannot be used.
    """
    if step.inputs:
        return joined({name: images_of(part, progress) for name, part in step.inputs.items()}, step.name)
    return _loaded(_Key(step.digest, step.spec, progress, look))


@dataclass(frozen=True)
class _Key:
    """Equal for equal digests, so that a process keeps the sets it works on."""

    digest: str
    spec: Mapping[str, Any]
    progress: Progress
    look: bool

    def __hash__(self) -> int:
        return hash(self.digest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.digest == other.digest


@lru_cache(maxsize=4)
def _loaded(key: _Key) -> ImageSplits:
    spec = key.spec
    source = parse(spec["spec"])
    parts = source.listed(spec["seed"])
    if (
        parts.identity(captions=not source.drawn) != spec["identity"]
    ):  # the step would hold the images of another split, say
        raise DataError(f"{source.spec}: the images changed since the study was planned; give the command again")
    return load_images(
        source,
        parts=parts,
        size=spec["size"],
        channels=spec["channels"],
        seed=spec["seed"],
        skip_unreadable=spec["skip_unreadable"],
        look=key.look,
        progress=key.progress,
    )


def _summary(part: ImageSet) -> PartSummary:
    if part.labels.ndim == 2:
        per_class = (part.labels == 1).sum(0)
    else:
        per_class = np.bincount(part.labels, minlength=len(part.classes))
    return PartSummary(
        images=len(part),
        per_class=tuple(int(n) for n in per_class),
        skipped=tuple((s.path, s.reason) for s in part.skipped),
        digest=part.digest,
    )


def _examples(part: ImageSet) -> tuple[np.ndarray, tuple[str, ...]]:
    """Choose the first images of each class in turn, made smaller if need be."""
    labels = part.labels
    of_class = [
        np.flatnonzero(labels[:, c] == 1 if labels.ndim == 2 else labels == c) for c in range(len(part.classes))
    ]
    chosen: list[tuple[int, int]] = []
    for turn in range(_EXAMPLES):
        chosen += [(int(of[turn]), c) for c, of in enumerate(of_class) if len(of) > turn]
        if len(chosen) >= _EXAMPLES:
            break
    chosen = sorted(chosen[:_EXAMPLES], key=lambda pair: pair[1])
    pixels = part.images[np.array([i for i, _ in chosen], dtype=np.int64)]
    step = -(-max(part.size) // _EXAMPLE_SIDE)
    return np.ascontiguousarray(pixels[:, ::step, ::step]), tuple(part.classes[c] for _, c in chosen)


def why_not_learned(step: Step) -> str:
    """Say why there are no images that the weights of a step learned the labels of; nothing where there are."""
    if step.kind != "train" or "images" not in step.inputs:
        return NOT_LEARNED
    if "simclr" in step.spec:
        return "it was pre-trained without labels"
    chosen = "sampler" in step.spec and "pace" not in step.spec["sampler"]
    return "it was pre-trained on a choice of the images of its source" if chosen else ""
