"""How features are turned into a classifier, at one place of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ...data.imageset import ImageSet, ImageSplits
from ...errors import DataError
from ...evidence.left_out import LeftOut
from ...numerics.frozen import draw_supports, few_shot, first_shots, linear_probe, nearest

__all__ = ["Method", "Prepared", "ProbeProtocol", "measured_at", "prepare"]


@dataclass(frozen=True)
class ProbeProtocol:
    """What is the same for all modules and networks, and is printed with the numbers.

    Attributes:
        shots: images a class, rising.
        draws: how often they are drawn.
        penalty: λ of the few-shot fit that is not by leave-one-out.
        constant: the appended feature; ``None`` for a free intercept.
        linear: whether a linear probe is fitted.
        k: nearest images that vote; 0 for none.
        pooled: whether features are averaged over positions or tokens.
        seed: of the draws.
    """

    shots: tuple[int, ...] = (1, 5, 10, 25)
    draws: int = 5
    penalty: float = 1024.0
    constant: float | None = None
    linear: bool = True
    k: int = 20
    pooled: bool = True
    seed: int = 0

    def methods(self) -> tuple[Method, ...]:
        """Return the ways to a classifier, in the order of the result."""
        fixed = [Method("fixed", n) for n in self.shots]
        left = [Method("loo", n) for n in self.shots if n > 1]
        rest = [Method("linear")] * self.linear + [Method("knn")] * (self.k > 0)
        return (*fixed, *left, *rest)


@dataclass(frozen=True)
class Method:
    """A way from features to a classifier.

    Attributes:
        kind: few-shot ridge with a fixed λ, or λ by leave-one-out; linear probe; nearest images.
        shots: images a class; 0 for all.
    """

    kind: Literal["fixed", "loo", "linear", "knn"]
    shots: int = 0

    @property
    def name(self) -> str:
        """What it is called.

        >>> Method("loo", 5).name, Method("linear").name
        ('5-shot with λ by leave-one-out', 'linear probe')
        """
        few = f"{self.shots}-shot"
        return {
            "fixed": few,
            "loo": f"{few} with λ by leave-one-out",
            "linear": "linear probe",
            "knn": "nearest neighbours",
        }[self.kind]


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images and what is drawn of them, the same for all modules and networks.

    Attributes:
        protocol: with the shots that there are images for.
        labels: of the training, validation and test images.
        supports: ``(draws, classes, most)`` places of training images.
        classes: how many there are.
    """

    protocol: ProbeProtocol
    labels: dict[str, torch.Tensor]
    supports: np.ndarray
    classes: int


def prepare(
    images: ImageSplits, protocol: ProbeProtocol, support: np.ndarray | None
) -> tuple[Prepared, list[LeftOut]]:
    """Draw the support, and leave out what there are no images for.

    Args:
        images: of the target.
        protocol: what is asked for.
        support: ids of training images, ``(draws, classes, most)``, in the place of a draw.

    Raises:
        DataError: for several labels an image, a class without training images, a class short of images for every
            number of shots, or ids that there are not.
    """
    train, left = images.train, []
    if train.multilabel:
        raise DataError(f"{train.name}: an image may have several labels, so there are no n images of a class")
    classes, counts = len(train.classes), np.bincount(train.labels, minlength=len(train.classes))
    least = int(counts.argmin())
    short = [n for n in protocol.shots if n > counts[least]]
    if short and support is None:
        has = f"class {train.classes[least]!r} has {counts[least]} training images"
        if len(short) == len(protocol.shots):
            raise DataError(f"{train.name}: {has} for {short[0]} shots; ask for fewer shots, or leave the class out")
        left = [LeftOut(f"{n} shots", has) for n in short]
    shots = tuple(n for n in protocol.shots if support is not None or n not in short)
    linear = protocol.linear and len(images.val) > 0
    if protocol.linear and not linear:
        left.append(LeftOut("the linear probe", "there are no validation images to choose its weight decay on"))
    asked = ProbeProtocol(
        shots, protocol.draws if support is None else len(support), protocol.penalty, protocol.constant, linear,
        protocol.k, protocol.pooled, protocol.seed,
    )  # fmt: skip
    if support is None:
        places = draw_supports(np.asarray(train.labels), classes, max(shots), protocol.draws, protocol.seed)
    else:
        places = _found(train, support, max(shots))
    labels = {
        part: torch.from_numpy(np.asarray(of.labels).astype(np.int64))
        for part, of in (("train", train), ("val", images.val), ("test", images.test))
    }
    return Prepared(asked, labels, places, classes), left


def _found(train: ImageSet, support: np.ndarray, most: int) -> np.ndarray:
    """The places of images that were named."""
    given = np.asarray(support)
    if given.ndim != 3 or given.shape[1] != len(train.classes) or given.shape[2] < most or not len(given):
        raise DataError(
            f"support of shape {given.shape}; expected ids, (draws, {len(train.classes)} classes, at least {most})"
        )
    at = {str(name): place for place, name in enumerate(train.ids)}
    if missing := next((str(name) for name in given.ravel() if str(name) not in at), ""):
        raise DataError(f"{train.name}: there is no training image {missing!r}, which the support names")
    places = np.array([at[str(name)] for name in given.ravel()]).reshape(given.shape)
    expected = np.broadcast_to(np.arange(len(train.classes))[:, None], given.shape)
    if (np.asarray(train.labels)[places] != expected).any():
        raise DataError(f"{train.name}: the support names an image that is not of the class in whose row it stands")
    return places


def measured_at(prepared: Prepared, features: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what all methods make of the features of one place.

    Args:
        prepared: labels and supports.
        features: of training, validation and test images, ``(n, d)`` each.

    Returns:
        Accuracy ``(methods, draws)``, which without draws is all in the first; the share of draws in which each test
        image is right, ``(methods, n)``; λ or weight decay ``(methods, draws)``, nan where there is none.
    """
    ask, truth = prepared.protocol, prepared.labels["test"]
    x = {part: torch.from_numpy(np.ascontiguousarray(value)) for part, value in features.items()}
    methods = ask.methods()
    values, used = (np.full((len(methods), ask.draws), np.nan) for _ in range(2))
    each = np.zeros((len(methods), len(truth)), np.float32)
    known: dict[Method, tuple[torch.Tensor, Sequence[float]]] = {}
    supports = [torch.from_numpy(s) for n in ask.shots for s in first_shots(prepared.supports, n)]
    fixed, left = few_shot(
        x["train"], prepared.labels["train"], x["test"], supports, prepared.classes,
        penalties=(ask.penalty, None), constant=ask.constant,
    )  # fmt: skip
    for place, n in enumerate(ask.shots):
        rows = slice(place * ask.draws, (place + 1) * ask.draws)
        known[Method("fixed", n)] = fixed.predicted[rows], fixed.penalties[rows]
        known[Method("loo", n)] = left.predicted[rows], left.penalties[rows]
    if ask.linear:
        probe = linear_probe(
            x["train"], prepared.labels["train"], x["val"], prepared.labels["val"], x["test"], prepared.classes
        )
        known[Method("linear")] = probe.predicted[None], (probe.decay,)
    if ask.k:
        voted = nearest(x["train"], prepared.labels["train"], x["test"], prepared.classes, k=ask.k)
        known[Method("knn")] = voted[None], ()
    for place, method in enumerate(methods):
        predicted, numbers = known[method]
        right = (predicted == truth).numpy()
        values[place, : len(right)] = right.mean(1)
        each[place] = right.mean(0)
        used[place, : len(numbers)] = numbers
    return values, each, used
