"""What a soup and what stands beside it is called, and how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from ...evidence.estimate import Estimate
from .merged import Method

__all__ = ["OF_A_SEED", "Entry", "Kind", "LinePoint", "OfASeed", "SeedSoup", "Step", "over_sets"]

OfASeed: TypeAlias = Literal["best", "soup", "ensemble", "uniform"]

OF_A_SEED: tuple[OfASeed, ...] = ("best", "soup", "ensemble", "uniform")
"""What the rows of a :class:`SeedSoup` are of: the best single one, greedy soup and ensemble, the uniform soup."""

Kind: TypeAlias = Literal["ingredient", "soup", "ensemble", "merged"]


@dataclass(frozen=True)
class Entry:
    """Something that answers for itself: a network, a soup, or an ensemble.

    Attributes:
        name: what it is: the label of an ingredient, ``greedy soup``, ``logit ensemble``, ….
        kind: what sort of thing.
        members: the ingredients in it.
        statistics: of batch norm: ``saved`` with the weights, ``collected anew``, ``averaged``; empty without any.
        coefficient: what was chosen on held-out images, where a method has one.
    """

    name: str
    kind: Kind
    members: tuple[str, ...]
    statistics: str = ""
    coefficient: float | None = None

    @property
    def passes(self) -> int:
        """How many networks an answer takes: 1 of a soup, as many as there are members of an ensemble."""
        return len(self.members) if self.kind == "ensemble" else 1


@dataclass(frozen=True)
class Step:
    """One step of a greedy choice, with what is known of it.

    Attributes:
        name: what was tried.
        before: the held-out metric without it; nan at the first step.
        after: the held-out metric with it.
        accepted: whether it stays.
        gain: after − before with its interval over the held-out images, paired; of the first step without one.
    """

    name: str
    before: float
    after: float
    accepted: bool
    gain: Estimate


@dataclass(frozen=True)
class LinePoint:
    """The metric at one coefficient of a method.

    Attributes:
        method: which.
        coefficient: where.
        values: the metric by set, that of held-out images included.
    """

    method: Method
    coefficient: float
    values: dict[str, float]


@dataclass(frozen=True, eq=False)
class SeedSoup:
    """A soup of the ingredients of one seed and source: networks that no other such soup has a part in.

    Attributes:
        seed: theirs.
        members: all of them.
        soup: what the greedy soup kept; the best single one first.
        ensemble: what the greedy ensemble (of logits) kept.
        rows: ``(4, n)`` by test set, what each image adds to the metric of the best single one, the greedy soup, the
            greedy ensemble, and the uniform soup (:data:`OF_A_SEED`).
        source: what they were fine-tuned from.
    """

    seed: int
    members: tuple[str, ...]
    soup: tuple[str, ...]
    ensemble: tuple[str, ...]
    rows: dict[str, np.ndarray]
    source: str = ""


def over_sets(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Return what images of several sets add to the mean of their metrics, each set weighted alike whatever its size.

    Args:
        rows: of each set ``(…, n_k)``, what its images add to its metric.

    Returns:
        ``(…, Σ n_k)``, whose mean over images is the mean over sets.

    >>> float(over_sets([np.array([1.0, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])]).mean())
    0.625
    """
    total = sum(row.shape[-1] for row in rows)
    return np.concatenate([row * (total / (len(rows) * row.shape[-1])) for row in rows], axis=-1)
