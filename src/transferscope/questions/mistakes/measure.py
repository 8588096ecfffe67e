"""Do two networks get the same images wrong?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...evidence.guard import Witness, unfit
from ...evidence.left_out import LeftOut
from ...models.network import Network
from ...models.solution import Solution, Solutions
from ...numerics.correlation import Correlation, pearson
from ...probes.predictions import predictions
from ...progress import Progress, silent
from .._members import Member, Pair, as_members, as_networks, as_solutions, kinds, pairs_of
from .._pair_sample import found_unfit
from .._sides import unlearned
from ..result import Result
from .gallery import Answers, Gallery, choose
from .shared import SharedMistakes, right_answers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Mistakes", "mistakes"]


@dataclass(frozen=True, eq=False)
class Mistakes(Result):
    """Common and uncommon mistakes of networks on the same images.

    Attributes:
        members: the networks.
        pairs: all pairs of them.
        classes: class names.
        multilabel: whether each class is a yes or no of its own.
        images: name of the image set.
        n: number of images.
        right: int8 ``(members, n, 1)``, or ``(members, n, k)`` for multi-label: 1 right, 0 wrong, −1 unknown label.
        shared: the counts of every pair, over all classes (``of`` is empty) and then by class for multi-label; a
            class without a known answer has none.
        class_accuracy: ``(members, k)``: share of the images of a class that are classified rightly, or of the known
            answers for multi-label; nan where there are none.
        class_counts: ``(k,)``: of how many.
        class_sizes: ``(k,)``: images of the class (with the finding, for multi-label) in ``sizes_of``.
        sizes_of: name of the set in which class sizes were counted.
        galleries: images that only one of a pair gets wrong, for the first pair of each kind.
        constant: labels of the networks that give one and the same answer to all images.
        labels: int32 ``(n,)``: class of each image; empty for multi-label.
        left_out: networks that learned nothing and are not compared where others did.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "mistakes"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.2",
        "Neyshabur et al. 2020, Tables 3–6",
        "Neyshabur et al. 2020, Fig. 8",
        "Neyshabur et al. 2020, Fig. 9",
    )

    members: tuple[Member, ...]
    pairs: tuple[Pair, ...]
    classes: tuple[str, ...]
    multilabel: bool
    images: str
    n: int
    right: np.ndarray
    shared: tuple[SharedMistakes, ...]
    class_accuracy: np.ndarray
    class_counts: np.ndarray
    class_sizes: np.ndarray
    sizes_of: str
    galleries: tuple[Gallery, ...]
    constant: tuple[str, ...] = ()
    labels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    def accuracy(self) -> np.ndarray:
        """Return the accuracy of each network: top-1, or the mean over classes for multi-label."""
        if self.multilabel:
            means: np.ndarray = self.class_accuracy[:, self.class_counts > 0].mean(1)
            return means
        shares: np.ndarray = (self.right[:, :, 0] == 1).mean(1)
        return shares

    def class_images(self) -> list[np.ndarray]:
        """Return the places of the images of each class."""
        return [np.flatnonzero(self.labels == c) for c in range(len(self.classes))]

    def size_correlation(self, member: int) -> Correlation:
        """Correlate the accuracy of a network on a class with the size of the class.

        Source: Neyshabur et al. 2020, Fig. 8 and B.2.
        """
        return pearson(self.class_sizes, self.class_accuracy[member])

    def frame(self) -> pd.DataFrame:
        """Return one row a pair (and class, for multi-label): counts, shares of uncommon mistakes, McNemar's p.

        Intervals are Wilson's at 95 %, over images: of these two networks.
        ``p`` is nan where classes are taken together in multi-label: answers about one image are not independent.
        """
        import pandas as pd

        rows = []
        for s in self.shared:
            in_a, in_b, test = s.interval_a(), s.interval_b(), s.difference()
            rows.append(
                {
                    "pair": s.kind,
                    "a": s.a,
                    "b": s.b,
                    "class": s.of or "all",
                    "n": s.n,
                    "only_a_correct": s.only_a_correct,
                    "only_b_correct": s.only_b_correct,
                    "both_wrong": s.both_wrong,
                    "both_correct": s.both_correct,
                    "accuracy_a": (s.both_correct + s.only_a_correct) / s.n,
                    "accuracy_b": (s.both_correct + s.only_b_correct) / s.n,
                    "uncommon_share_a": s.uncommon_share_a,
                    "uncommon_share_a_low": in_a.low,
                    "uncommon_share_a_high": in_a.high,
                    "uncommon_share_b": s.uncommon_share_b,
                    "uncommon_share_b_low": in_b.low,
                    "uncommon_share_b_high": in_b.high,
                    "p": np.nan if self.multilabel and not s.of else test.p,
                }
            )
        return pd.DataFrame(rows)

    def class_frame(self) -> pd.DataFrame:
        """Return one row a network and class: accuracy, of how many images, and size of the class."""
        import pandas as pd

        k = len(self.classes)
        return pd.DataFrame(
            {
                "network": np.repeat([m.label for m in self.members], k),
                "role": np.repeat([m.role for m in self.members], k),
                "class": np.tile(self.classes, len(self.members)),
                "accuracy": self.class_accuracy.ravel(),
                "n": np.tile(self.class_counts, len(self.members)),
                "class_size": np.tile(self.class_sizes, len(self.members)),
            }
        )


def mistakes(
    net: Network | Sequence[Network],
    solutions: Solutions,
    images: ImageSet,
    *,
    train: ImageSet | None = None,
    gallery: int = 8,
    pixels: int = 64,
    seed: int = 0,
    batch: int = 256,
    witnesses: Sequence[Witness] = (),
    device: str | torch.device = "auto",
    progress: Progress = silent,
) -> Mistakes:
    """Compare which images networks get wrong (Neyshabur et al. 2020, §3.2 and B.2).

    With g_a, g_b the numbers of images only a, only b gets right and c those both get wrong, the share of uncommon
    mistakes is r_a = g_b/(g_b + c) among those of a and r_b = g_a/(g_a + c) among those of b.

    Args:
        net: the network, or one a solution where architectures differ.
        solutions: two or more, all with a head for the classes of ``images``; plain weights are called A, B, C, ….
        images: the images, with labels.
        train: where class sizes are counted; in ``images`` themselves when not given.
        gallery: how many images only one network gets wrong are kept, for each of the two; 0 for none.
        pixels: longest side of the kept pictures.
        seed: of the choice of these pictures.
        batch: images a forward pass.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        device: ``cpu``, ``cuda`` or ``auto``.
        progress: told the number of images done, over all networks.

    Returns:
        Counts for all pairs, accuracy by class, and the gallery for the first pair of each kind.

    Raises:
        UsageError: for fewer than two solutions, images without a known label, or training images of other classes.
        ModelError: when a network has another number of outputs than there are classes.
    """
    named = as_solutions(solutions, net=net)
    nets = as_networks(net, len(named))
    if images.multilabel and not (images.labels >= 0).any():
        raise UsageError(
            f"{images.name}: of none of the {len(images.classes)} classes is known which of these {len(images)} "
            "images have it, so there are no mistakes to count; use images with labels that are known"
        )
    if train is not None and train.classes != images.classes:
        raise UsageError(f"{train.name} and {images.name} have different classes; give the training part of one set")
    answers = []
    right = np.empty((len(named), len(images), len(images.classes) if images.multilabel else 1), np.int8)
    for i, (one, solution) in enumerate(zip(nets, named, strict=True)):

        def told(done: int, total: int, unit: str, before: int = i) -> None:
            progress(before * total + done, len(named) * total, unit)

        logits = predictions(one, solution.params, images, batch=batch, device=device, progress=told)
        answers.append(Answers.of(logits, multilabel=images.multilabel))
        right[i] = right_answers(logits, images.labels)
    pairs = pairs_of(named)
    class_accuracy, class_counts = _by_class(right, images)
    constant = tuple(s.label for s, of in zip(named, answers, strict=True) if (of.chosen == of.chosen[:1]).all())
    members = tuple(
        replace(m, unfit=m.unfit or unfit(constant=True)) if m.label in constant else m for m in as_members(named)
    )
    witnesses = found_unfit(members, witnesses)
    return Mistakes(
        members=members,
        pairs=pairs,
        classes=images.classes,
        multilabel=images.multilabel,
        images=images.name,
        n=len(images),
        right=right,
        shared=tuple(s for pair in pairs for s in _shared(pair, named, right, images)),
        class_accuracy=class_accuracy,
        class_counts=class_counts,
        class_sizes=_class_sizes(images if train is None else train),
        sizes_of=(images if train is None else train).name,
        galleries=tuple(
            choose(
                images,
                (named[pair.a].label, answers[pair.a], right[pair.a]),
                (named[pair.b].label, answers[pair.b], right[pair.b]),
                kind=pair.kind,
                wrong=wrong,
                size=gallery,
                pixels=pixels,
                seed=seed,
            )
            for pair in [of[0] for of in kinds(pairs).values()][: _GALLERIES if gallery else 0]
            for wrong in _SIDES
        ),
        constant=constant,
        labels=np.zeros(0, np.int32) if images.multilabel else images.labels.astype(np.int32),
        left_out=unlearned(members, witnesses),
        witnesses=witnesses,
    )


_GALLERIES = 6
"""Kinds of pairs that get a gallery; with unnamed roles every pair is a kind of its own."""

_SIDES: tuple[Literal["a", "b"], ...] = ("a", "b")


def _shared(pair: Pair, named: Sequence[Solution], right: np.ndarray, images: ImageSet) -> list[SharedMistakes]:
    a, b = named[pair.a].label, named[pair.b].label
    found = [SharedMistakes.count(right[pair.a], right[pair.b], a=a, b=b, kind=pair.kind)]
    if images.multilabel:
        found += [
            SharedMistakes.count(right[pair.a, :, c], right[pair.b, :, c], a=a, b=b, kind=pair.kind, of=name)
            for c, name in enumerate(images.classes)
        ]
    return [s for s in found if s.n]


def _by_class(right: np.ndarray, images: ImageSet) -> tuple[np.ndarray, np.ndarray]:
    """Accuracy ``(members, k)`` and how many images or answers it rests on ``(k,)``."""
    k = len(images.classes)
    if images.multilabel:
        counts = (right[0] >= 0).sum(0)
        hits = (right == 1).sum(1)
    else:
        counts = np.bincount(images.labels, minlength=k)
        hits = np.stack([np.bincount(images.labels, weights=one[:, 0] == 1, minlength=k) for one in right])
    with np.errstate(invalid="ignore", divide="ignore"):
        return hits / counts, counts.astype(np.int64)


def _class_sizes(images: ImageSet) -> np.ndarray:
    if images.multilabel:
        sizes: np.ndarray = (images.labels == 1).sum(0).astype(np.int64)
        return sizes
    return np.bincount(images.labels, minlength=len(images.classes)).astype(np.int64)
