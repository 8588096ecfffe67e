"""The four numbers that say how far two classifiers make the same mistakes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ...models.objective import correct, counted
from ...numerics.intervals import Interval, PairedDifference, paired_difference, wilson

__all__ = ["SharedMistakes", "right_answers"]


def right_answers(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return int8 ``(n, 1)``, or ``(n, k)`` for multi-label: 1 right, 0 wrong, −1 where the label is not known.

    Args:
        logits: ``(n, k)``.
        labels: int64 ``(n,)``, or ``(n, k)`` of 0, 1 and −1 (unknown).

    >>> right_answers(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1])).ravel()
    array([1, 0], dtype=int8)
    """
    truth = torch.from_numpy(np.array(labels))
    truth = truth.to(torch.float32) if truth.ndim == 2 else truth
    hit = correct(torch.from_numpy(logits), truth).numpy()
    return np.where(counted(truth).numpy(), hit, -1).reshape(len(logits), -1).astype(np.int8)


@dataclass(frozen=True)
class SharedMistakes:
    """Common and uncommon mistakes of two networks on the same examples (Neyshabur et al. 2020, §3.2, Tables 3–6).

    The paper's g1 is ``only_a_correct`` in its Tables 3–5 and ``only_b_correct`` in its Table 6; here the network is
    named instead of numbered.

    Attributes:
        a: label of the first network.
        b: label of the second.
        kind: what sort of pair it is.
        of: the class whose yes or no is judged, for multi-label; empty for all together.
        n: how many answers of each were judged: images, or image–class pairs for multi-label.
        only_a_correct: of these, how many only ``a`` gets right.
        only_b_correct: how many only ``b`` gets right.
        both_wrong: common mistakes.

    >>> table_3_class_1 = SharedMistakes("RI-T", "P-T", "P-T & RI-T", "1", 39_000, 645, 832, 3597)
    >>> round(table_3_class_1.uncommon_share_a, 3), round(table_3_class_1.uncommon_share_b, 3)
    (0.188, 0.152)
    """

    a: str
    b: str
    kind: str
    of: str
    n: int
    only_a_correct: int
    only_b_correct: int
    both_wrong: int

    @classmethod
    def count(
        cls, correct_a: np.ndarray, correct_b: np.ndarray, *, a: str, b: str, kind: str = "", of: str = ""
    ) -> SharedMistakes:
        """Count over examples.

        Args:
            correct_a: int8, 1 where the first is right, 0 where it is wrong, −1 where there is no known answer.
            correct_b: of the second, on the same examples.
            a: label of the first.
            b: label of the second.
            kind: what sort of pair it is.
            of: the class, for multi-label.
        """
        counted = (correct_a >= 0) & (correct_b >= 0)
        right_a, right_b = correct_a[counted] == 1, correct_b[counted] == 1
        only_a, only_b, neither = right_a & ~right_b, right_b & ~right_a, ~(right_a | right_b)
        return cls(a, b, kind, of, len(right_a), int(only_a.sum()), int(only_b.sum()), int(neither.sum()))

    @property
    def both_correct(self) -> int:
        """How many both get right."""
        return self.n - self.only_a_correct - self.only_b_correct - self.both_wrong

    @property
    def uncommon(self) -> int:
        """How many exactly one of them gets right."""
        return self.only_a_correct + self.only_b_correct

    @property
    def uncommon_share_a(self) -> float:
        """Part of the mistakes of ``a`` that ``b`` does not make (the paper's r1); nan when ``a`` makes none."""
        return _ratio(self.only_b_correct, self.only_b_correct + self.both_wrong)

    @property
    def uncommon_share_b(self) -> float:
        """Part of the mistakes of ``b`` that ``a`` does not make (the paper's r2); nan when ``b`` makes none."""
        return _ratio(self.only_a_correct, self.only_a_correct + self.both_wrong)

    def interval_a(self, level: float = 0.95) -> Interval:
        """Return Wilson's interval of :attr:`uncommon_share_a`."""
        return _wilson(self.only_b_correct, self.only_b_correct + self.both_wrong, level)

    def interval_b(self, level: float = 0.95) -> Interval:
        """Return Wilson's interval of :attr:`uncommon_share_b`."""
        return _wilson(self.only_a_correct, self.only_a_correct + self.both_wrong, level)

    def difference(self, level: float = 0.95) -> PairedDifference:
        """Return how much more often ``a`` is right than ``b``, with McNemar's test; wants independent answers."""
        return paired_difference(self.only_a_correct, self.only_b_correct, self.n, level)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _wilson(part: int, whole: int, level: float) -> Interval:
    return wilson(part, whole, level) if whole else Interval(math.nan, math.nan, level)
