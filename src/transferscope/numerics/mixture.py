"""A randomised model made of others: for each input one of them is drawn and answers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import UsageError

__all__ = ["Mixture", "mixed"]


@dataclass(frozen=True)
class Mixture:
    """Accuracy of a randomised model, and what the lemma of Abnar et al. 2022 says that it is.

    Attributes:
        accuracy: measured on the images.
        expected: Σ p_j·a_j, the mean over draws on the same images.
        error: standard deviation of the accuracy over draws, √Σ_i q_i(1 − q_i)/n with q_i the chance that image i
            is answered rightly.
        n: images.
    """

    accuracy: float
    expected: float
    error: float
    n: int


def mixed(right: ArrayLike, shares: ArrayLike, generator: np.random.Generator) -> Mixture:
    """Let a model that is drawn anew for each image answer it.

    Args:
        right: whether model j is right on image i, (models, images).
        shares: p, how often each model is drawn; they sum to 1.
        generator: of the draws.

    Raises:
        UsageError: when the shares are not as many as the models, or do not sum to 1.

    >>> mixed([[True, True], [False, False]], [0.5, 0.5], np.random.default_rng(0)).expected
    0.5
    """
    answers = np.atleast_2d(np.asarray(right, dtype=np.bool_))
    p = np.asarray(shares, dtype=np.float64).ravel()
    models, n = answers.shape
    if len(p) != models or (p < 0).any() or not math.isclose(float(p.sum()), 1.0, abs_tol=1e-9):
        raise UsageError(
            f"{len(p)} shares that sum to {p.sum():.6g} for {models} models; give one each, summing to 1"
        )
    drawn = generator.choice(models, size=n, p=p)
    chance = p @ answers
    return Mixture(
        accuracy=float(answers[drawn, np.arange(n)].mean()),
        expected=float(chance.mean()),
        error=math.sqrt(float((chance * (1 - chance)).sum())) / n,
        n=n,
    )
