"""What the theory is asked about: inputs and labels from pairs of arrays or from images, of a source and a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ...data.imageset import ImageSet, ImageSplits, one_part_wanted
from ...errors import UsageError
from ...numerics.lazy import Labelled, labelled
from ...rng import numpy_generator

__all__ = ["Given", "Task", "both", "halves", "named", "task"]

Given: TypeAlias = ImageSet | tuple[ArrayLike, ArrayLike]
"""Images with their labels, or inputs ``(n, …)`` with labels ``(n,)`` or ``(n, k)`` between −1 and 1."""


class Task:
    """Inputs and labels of one set, before they are centred.

    Attributes:
        name: what to call it.
        x: ``(n, d)`` in float64.
        y: ``(n, k)`` in float64.
        labels: what the columns of ``y`` mean; sets with equal ones are labelled alike.
    """

    def __init__(self, name: str, x: Tensor, y: Tensor, labels: tuple[str, ...]) -> None:
        self.name, self.x, self.y, self.labels = name, x, y, labels


def named(given: Given | Mapping[str, Given], name: str) -> dict[str, Given]:
    """Return sets by name; of one set the name of its images, or the given one.

    Raises:
        UsageError: for what is neither images of one part nor inputs with labels.
    """
    found = dict(given) if isinstance(given, Mapping) else {getattr(given, "name", name): given}
    for called, one in found.items():
        if isinstance(one, ImageSplits):
            raise one_part_wanted()
        if not isinstance(one, ImageSet) and not (isinstance(one, tuple) and len(one) == 2):
            raise UsageError(
                f"{called}: expected images, or inputs and labels as a pair (x, y); got {type(one).__name__}"
                + (f" of {len(one)}" if isinstance(one, tuple) else "")
            )
    return found


def task(name: str, given: Given, images: int | None = None) -> Task:
    """Read a set: pixels and centred one-hot columns of images, or arrays as they are.

    Args:
        name: what to call it.
        given: the set.
        images: take at most so many, drawn at random; all by default.

    Raises:
        UsageError: for what is no array of numbers, labels that are not one a row or not between −1 and 1, or images
            of a single class.
    """
    if isinstance(given, tuple):
        x, y = (_array(name, what, part) for what, part in zip(("inputs", "labels"), given, strict=True))
        y = y[:, None] if y.ndim == 1 else y
        if x.ndim < 2 or y.ndim != 2 or len(x) != len(y):
            raise UsageError(
                f"{name}: inputs of shape {tuple(x.shape)} and labels of shape {tuple(y.shape)}; expected (n, …) and "
                "(n,) or (n, k)"
            )
        if bool((y.abs() > 1).any()):
            raise UsageError(f"{name}: a label of {float(y.abs().max()):g}; the theorems want labels from −1 to 1")
        labels: tuple[str, ...] = tuple(f"column {c}" for c in range(y.shape[1]))
        chosen = _some(name, len(x), images)
        return Task(name, x[chosen].flatten(1), y[chosen], labels)
    chosen = _some(name, len(given), images)
    if not given.multilabel and len(np.unique(given.labels[chosen])) < 2:
        raise UsageError(f"{name}: its {len(chosen)} images are of one class; labels that are all alike say nothing")
    pixels = torch.from_numpy(given.images[chosen].astype(np.float64) / 255).flatten(1)
    return Task(name, pixels, _columns(given, chosen), given.classes)


def halves(given: Given, images: int, name: str) -> Task:
    """Return a few inputs with one label of ±1, for networks: half of the classes against the rest.

    Of arrays with several columns it is the first column; of images with several labels each, the first class
    against the rest.
    """
    if isinstance(given, tuple):
        found = task(name, given, images)
        return Task(name, found.x, found.y[:, :1], found.labels[:1])
    chosen = _some(name, len(given), images)
    pixels = torch.from_numpy(given.images[chosen].astype(np.float64) / 255).flatten(1)
    labels = given.labels[chosen]
    first = labels[:, 0] == 1 if given.multilabel else labels < (len(given.classes) + 1) // 2
    return Task(name, pixels, torch.from_numpy(np.where(first, 1.0, -1.0))[:, None], ("one half of the classes",))


def both(p: Task, q: Task, *, centre: bool) -> tuple[Labelled, Labelled]:
    """Subtract what both sets have in common, and make inputs of length 1.

    Args:
        p: the source.
        q: the target.
        centre: whether to subtract the mean of the two mean inputs: one for both, as a network's own normalisation
            is. Without it raw images all point in nearly one direction, and training takes ten times as many steps.

    Raises:
        UsageError: for inputs of other lengths, a target without labels other than 0, and what
            :func:`~transferscope.numerics.lazy.labelled` refuses.
    """
    if p.x.shape[1] != q.x.shape[1]:
        raise UsageError(
            f"{p.name} has inputs of {p.x.shape[1]} numbers and {q.name} of {q.x.shape[1]}; both must have as many"
        )
    if not bool(q.y.any()):
        raise UsageError(f"{q.name}: all its labels are 0, so that there is nothing to learn")
    shift = (p.x.mean(0) + q.x.mean(0)) / 2 if centre else torch.zeros(p.x.shape[1], dtype=torch.float64)
    return labelled(p.x - shift, p.y, p.name), labelled(q.x - shift, q.y, q.name)


def _array(name: str, what: str, given: ArrayLike) -> Tensor:
    found = given.detach().cpu() if isinstance(given, Tensor) else given
    try:
        if np.iscomplexobj(found):
            raise ValueError("complex numbers")
        return torch.as_tensor(np.asarray(found, dtype=np.float64))
    except (ValueError, TypeError) as e:
        raise UsageError(f"{name}: its {what} are no array of real numbers ({e})") from e


def _columns(images: ImageSet, chosen: np.ndarray) -> Tensor:
    """A column a class: 1 where an image is of it, else 0, less 1/C; of several labels an image, less their mean.

    A label that is not known is that mean.
    """
    labels = images.labels[chosen]
    if not images.multilabel:
        return torch.from_numpy(np.eye(len(images.classes))[labels] - 1 / len(images.classes))
    known = labels >= 0
    mean = (labels == 1).sum(0) / np.maximum(1, known.sum(0))
    return torch.from_numpy(np.where(known, (labels == 1) - mean, 0.0))


def _some(name: str, n: int, most: int | None) -> np.ndarray:
    """Places of at most so many, in order; the same for the same name and number."""
    if most is None or most >= n:
        return np.arange(n)
    return np.sort(numpy_generator("theory", "images", n, most).permutation(n)[:most])
