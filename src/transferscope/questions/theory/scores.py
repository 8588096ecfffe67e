"""What the theorems' right-hand sides say of a source and a target, with intervals over images and a null."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...evidence.estimate import Estimate, measured
from ...numerics.lazy import Labelled, spectrum
from ...numerics.relu_gram import relu_gram
from ...numerics.scores.task_move import task_ratios
from ...rng import numpy_generator

__all__ = ["TaskScore", "score"]

_LEAST = 8
"""With fewer inputs there is no interval: halves would have next to none."""


@dataclass(frozen=True, eq=False)
class TaskScore:
    """How like a source is to a target, labels and inputs together: under 1 it helps, over 1 it is in the way.

    Attributes:
        source: name of the source.
        target: name of the target.
        source_images: n_P, duplicates merged.
        target_images: n_Q, duplicates merged.
        merged: inputs left out of both because the same input had come before.
        fitted: whether the labels are of other classes, and a linear head was fitted between them.
        source_least: λ_min of H_P.
        source_condition: λ_max/λ_min of H_P.
        target_least: λ_min of H_Q.
        target_condition: λ_max/λ_min of H_Q.
        move: rᵀH_Q⁻¹r / y_QᵀH_Q⁻¹y_Q, Theorem 2's squared distance over that from scratch.
        gradient: ‖r‖²/‖y_Q‖², Theorem 1's squared gradient over that at random weights.
        alignment: cosine of y_Q and y_{P→Q}, by H_Q⁻¹.
        source_complexity: √(2·y_PᵀH_P⁻¹y_P/n_P), summed over columns (Arora et al. 2019).
        target_complexity: the same of the target.
        random_complexity: the same of the target with its labels shuffled among the images; mean.
        move_halves: ``move`` on random halves of the images of both, ``(halves,)``.
        gradient_halves: ``gradient`` on these.
        alignment_null: ``alignment`` with the source's labels shuffled among its images, ``(permutations,)``.
    """

    source: str
    target: str
    source_images: int
    target_images: int
    merged: int
    fitted: bool
    source_least: float
    source_condition: float
    target_least: float
    target_condition: float
    move: float
    gradient: float
    alignment: float
    source_complexity: float
    target_complexity: float
    random_complexity: float
    move_halves: np.ndarray
    gradient_halves: np.ndarray
    alignment_null: np.ndarray

    @property
    def moves(self) -> Estimate:
        """``move`` with its interval over images of both sets."""
        return self._estimate(self.move, self.move_halves)

    @property
    def gradients(self) -> Estimate:
        """``gradient`` with its interval over images of both sets."""
        return self._estimate(self.gradient, self.gradient_halves)

    @property
    def p(self) -> float:
        """How often labels of the source that are shuffled are as far from no alignment; nan without permutations.

        Alignment is asked, not ``move``: shuffled labels are hard to learn, so beside them any source moves little.
        """
        n = len(self.alignment_null)
        as_far = int((np.abs(self.alignment_null) >= abs(self.alignment)).sum())
        return (1 + as_far) / (n + 1) if n and math.isfinite(self.alignment) else math.nan

    def _estimate(self, value: float, halves: np.ndarray) -> Estimate:
        """The delete-half jackknife: over halves the logarithm varies as the whole does (Shao & Wu 1989)."""
        images = self.source_images + self.target_images
        if len(halves) < 2 or not (halves > 0).all():
            return Estimate(value, scale="log")
        noise = float(np.log(halves).var(ddof=1))
        return measured(value, over="images", n=images, images=images, noise=noise, scale="log")


def score(
    p: Labelled,
    q: Labelled,
    *,
    source: str,
    target: str,
    fitted: bool,
    ridge: float,
    halves: int,
    permutations: int,
) -> TaskScore:
    """Compute both scores of a source and a target.

    Args:
        p: the source.
        q: the target.
        source: name of the source.
        target: name of the target.
        fitted: whether labels are of other classes: the linear map M of least ‖Y_Q − Y_{P→Q}M‖² is then fitted,
            with a small ridge, anew on each half and for each permutation.
        ridge: added to H_P and H_Q, as a share of the mean of their diagonals.
        halves: how many random halves.
        permutations: how many shuffles of the source's labels.
    """
    h_p, h_q, across = relu_gram(p.x), relu_gram(q.x), relu_gram(p.x, q.x)
    of_p, of_q = spectrum(h_p, ridge=ridge, what="H_P"), spectrum(h_q, ridge=ridge, what="H_Q")
    random = numpy_generator("theory", "scores", len(p), len(q))
    whole = _Kernels(of_p.learned, of_q.learned, across, fitted)
    moved = whole.ratios(p.y, q.y)
    parts = []
    for _ in range(halves if min(len(p), len(q)) >= _LEAST else 0):
        i, j = (torch.from_numpy(random.permutation(len(s))[: len(s) // 2]) for s in (p, q))
        half = _Kernels(_solver(h_p, i, of_p.ridge), _solver(h_q, j, of_q.ridge), across[i][:, j], fitted)
        parts.append(half.ratios(p.y[i], q.y[j]))
    shuffled = [p.y[torch.from_numpy(random.permutation(len(p)))] for _ in range(permutations)]
    others = [q.y[torch.from_numpy(random.permutation(len(q)))] for _ in range(permutations)]
    return TaskScore(
        source=source,
        target=target,
        source_images=len(p),
        target_images=len(q),
        merged=p.merged + q.merged,
        fitted=fitted,
        source_least=of_p.least,
        source_condition=of_p.condition,
        target_least=of_q.least,
        target_condition=of_q.condition,
        move=moved[0],
        gradient=moved[1],
        alignment=moved[2],
        source_complexity=of_p.complexity(p.y),
        target_complexity=of_q.complexity(q.y),
        random_complexity=float(np.mean([of_q.complexity(y) for y in others])) if others else math.nan,
        move_halves=np.array([part[0] for part in parts]),
        gradient_halves=np.array([part[1] for part in parts]),
        alignment_null=np.array([whole.ratios(y, q.y)[2] for y in shuffled]),
    )


@dataclass(frozen=True, eq=False)
class _Kernels:
    """What scores are made of: how to apply H_P⁻¹ and H_Q⁻¹, H_PQ, and whether a head is fitted."""

    solve_p: Callable[[Tensor], Tensor]
    solve_q: Callable[[Tensor], Tensor]
    across: Tensor
    fitted: bool

    def ratios(self, y_p: Tensor, y_q: Tensor) -> tuple[float, float, float]:
        """Return Theorem 2's ratio, Theorem 1's, and the alignment."""
        return task_ratios(self.across.T @ self.solve_p(y_p), y_q, self.solve_q, alike=not self.fitted)


def _solver(h: Tensor, chosen: Tensor, ridge: float) -> Callable[[Tensor], Tensor]:
    """H⁻¹ of some of the inputs."""
    part = h[chosen][:, chosen]
    factor = torch.linalg.cholesky(part + ridge * torch.eye(len(part), dtype=part.dtype))
    return lambda y: torch.cholesky_solve(y, factor)
