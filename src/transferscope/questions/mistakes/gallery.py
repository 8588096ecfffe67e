"""Images that only one of two networks gets wrong, small enough to be kept with the numbers.

Source: Neyshabur et al. 2020, Fig. 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...rng import numpy_generator

__all__ = ["Answers", "Gallery", "choose", "thumbnails"]


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network answered, and how sure it was of it.

    Attributes:
        chosen: ``(n, 1)`` class chosen, or ``(n, k)`` yes (1) or no (0) for multi-label.
        confidence: probability it gave to what it chose, of the same shape, in 0…1.
    """

    chosen: np.ndarray
    confidence: np.ndarray

    @classmethod
    def of(cls, logits: np.ndarray, *, multilabel: bool) -> Answers:
        """Read the answers off logits ``(n, k)``.

        >>> answers = Answers.of(np.array([[0.0, np.log(3.0)]], np.float32), multilabel=False)
        >>> answers.chosen.tolist(), answers.confidence.round(2).tolist()
        ([[1]], [[0.75]])
        """
        z = torch.from_numpy(logits).to(torch.float64)
        if multilabel:
            yes = z > 0
            return cls(yes.to(torch.int64).numpy(), torch.where(yes, z, -z).sigmoid().numpy())
        confidence, chosen = z.softmax(1).max(1, keepdim=True)
        return cls(chosen.numpy(), confidence.numpy())


@dataclass(frozen=True, eq=False)
class Gallery:
    """Some of the images that one of two networks gets wrong and the other right.

    Attributes:
        a: label of the first network.
        b: label of the second.
        kind: what sort of pair it is.
        wrong: which of the two is wrong, ``"a"`` or ``"b"``.
        total: how many such images (image–class pairs for multi-label) there are; those here are a seeded random
            choice, spread over the classes.
        index: places in the image set, ``(g,)``.
        ids: ids of the images.
        truth: right answers, in words.
        answer_a: answers of the first network, in words.
        answer_b: answers of the second.
        confidence_a: probability the first gave to its answer, ``(g,)``.
        confidence_b: probability the second gave to its own.
        pictures: uint8 ``(g, h, w, c)``, made smaller where they were large.
    """

    a: str
    b: str
    kind: str
    wrong: Literal["a", "b"]
    total: int
    index: np.ndarray
    ids: tuple[str, ...]
    truth: tuple[str, ...]
    answer_a: tuple[str, ...]
    answer_b: tuple[str, ...]
    confidence_a: np.ndarray
    confidence_b: np.ndarray
    pictures: np.ndarray


def choose(
    images: ImageSet,
    a: tuple[str, Answers, np.ndarray],
    b: tuple[str, Answers, np.ndarray],
    *,
    kind: str,
    wrong: Literal["a", "b"],
    size: int,
    pixels: int,
    seed: int,
) -> Gallery:
    """Choose images that only ``a`` or only ``b`` gets wrong.

    Args:
        images: the images both looked at.
        a: label, answers and correctness (``(n, 1 or k)`` of 1, 0, −1) of the first network.
        b: of the second.
        kind: what sort of pair it is.
        wrong: which of the two is to be wrong.
        size: how many images at most.
        pixels: longest side of the kept pictures.
        seed: of the choice.
    """
    (label_a, answers_a, right_a), (label_b, answers_b, right_b) = a, b
    bad, good = (right_a, right_b) if wrong == "a" else (right_b, right_a)
    rows, columns = np.nonzero((bad == 0) & (good == 1))
    order = numpy_generator("gallery", seed, wrong, len(images)).permutation(len(rows))
    group = columns if images.multilabel else images.labels[rows]
    kept = order[_spread(group[order])][:size]
    at, column = rows[kept], columns[kept]
    truth = images.labels[at, column] if images.multilabel else images.labels[at]
    said_a, said_b = answers_a.chosen[at, column], answers_b.chosen[at, column]
    return Gallery(
        a=label_a,
        b=label_b,
        kind=kind,
        wrong=wrong,
        total=len(rows),
        index=at.astype(np.int64),
        ids=tuple(str(images.ids[i]) for i in at),
        truth=_in_words(images, truth, column),
        answer_a=_in_words(images, said_a, column),
        answer_b=_in_words(images, said_b, column),
        confidence_a=answers_a.confidence[at, column],
        confidence_b=answers_b.confidence[at, column],
        pictures=thumbnails(images.images[at], pixels),
    )


def thumbnails(pictures: np.ndarray, pixels: int) -> np.ndarray:
    """Return uint8 ``(g, h, w, c)`` pictures with no side longer than ``pixels``, by averaging.

    >>> thumbnails(np.arange(16, dtype=np.uint8).reshape(1, 4, 4, 1), 2)[0, :, :, 0].tolist()
    [[2, 4], [10, 12]]
    """
    height, width = pictures.shape[1:3]
    longest = max(height, width)
    if longest <= pixels or not len(pictures):
        return np.array(pictures)
    size = (max(1, round(height * pixels / longest)), max(1, round(width * pixels / longest)))
    x = torch.from_numpy(np.array(pictures)).permute(0, 3, 1, 2).to(torch.float32)
    small = torch.nn.functional.interpolate(x, size, mode="area").round().to(torch.uint8)
    return np.ascontiguousarray(small.permute(0, 2, 3, 1).numpy())


def _spread(group: np.ndarray) -> np.ndarray:
    """Order that takes one of each group, then a second of each, and so on."""
    turn: dict[int, int] = {}
    turns = []
    for g in group.tolist():
        turn[g] = turn.get(g, 0) + 1
        turns.append(turn[g])
    return np.argsort(np.array(turns, dtype=np.int64), kind="stable")


def _in_words(images: ImageSet, values: np.ndarray, columns: np.ndarray) -> tuple[str, ...]:
    if images.multilabel:
        return tuple(f"{'' if v == 1 else 'no '}{images.classes[c]}" for v, c in zip(values, columns, strict=True))
    return tuple(images.classes[v] for v in values)
