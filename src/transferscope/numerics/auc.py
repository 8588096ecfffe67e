"""Area under the ROC curve, exactly, with ties and ignored labels.

Everything rests on *placements*: the share of negatives that a positive outscores, and the share of positives that
outscore a negative; a tie is half. Their means are the area, and their spread is its sampling error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Num
from torch import Tensor

from ..errors import UsageError

__all__ = ["IGNORED", "MacroAuroc", "Ranking", "auroc", "auroc_influence", "macro_auroc"]

IGNORED = -1
"""Label of an example that is left out of its class's area."""


@dataclass(frozen=True)
class MacroAuroc:
    """Areas of several classes and their mean.

    Attributes:
        macro: mean over the classes that have both labels; nan when there is none.
        classes: area of each class; nan where it has one label only or a score is nan.
        undefined: classes (by number) that are left out of the mean because they have one label only.
    """

    macro: float
    classes: tuple[float, ...]
    undefined: tuple[int, ...]


def auroc(scores: Float[Tensor, " n"], labels: Num[Tensor, " n"]) -> float:
    """Return the probability that a random positive scores above a random negative, ties counting half.

    AUC = #{(i, j): s_i > s_j} + ½·#{s_i = s_j} over positives i and negatives j, divided by n₁·n₀
    (Mann & Whitney 1947; Hanley & McNeil 1982).

    Args:
        scores: larger for "more likely positive"; any monotone scale.
        labels: 1 positive, 0 negative, −1 ignored.

    Returns:
        The area, from 0 to 1; nan when there is no positive or no negative, or a score is nan.

    Raises:
        UsageError: when shapes differ or a label is none of −1, 0, 1.

    >>> auroc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0, 0, 1, 1]))
    0.75
    """
    return macro_auroc(scores[:, None], labels[:, None]).classes[0]


def macro_auroc(scores: Float[Tensor, "n k"], labels: Num[Tensor, "n k"]) -> MacroAuroc:
    """Return the area of each of k classes and the mean over those that have both labels.

    Args:
        scores: larger for "more likely positive".
        labels: 1 positive, 0 negative, −1 ignored.

    Raises:
        UsageError: when shapes differ or a label is none of −1, 0, 1.

    >>> scores = torch.tensor([[0.9, 0.1], [0.2, 0.3], [0.8, 0.2]])
    >>> macro_auroc(scores, torch.tensor([[1, 0], [0, 0], [-1, 0]]))
    MacroAuroc(macro=1.0, classes=(1.0, nan), undefined=(1,))
    """
    ranking = Ranking(labels)
    areas, defined = ranking.placed(scores)[1].tolist(), ranking.defined.tolist()
    counted = [a for a, d in zip(areas, defined, strict=True) if d]
    macro = math.fsum(counted) / len(counted) if counted else math.nan
    return MacroAuroc(macro, tuple(areas), tuple(i for i, d in enumerate(defined) if not d))


def auroc_influence(scores: Float[Tensor, "n k"], labels: Num[Tensor, "n k"]) -> Float64[Tensor, "n k"]:
    """Write the area as a mean over examples, so that it can be resampled like an accuracy.

    AUC + n/n₁·(V_i − AUC) for a positive i with placement V_i, AUC + n/n₀·(V_j − AUC) for a negative j, AUC for an
    ignored example. The mean over examples is the area exactly; its variance over n is, to first order in 1/n, the
    variance of DeLong et al. 1988, and means over resamples are those of the infinitesimal jackknife.

    Args:
        scores: larger for "more likely positive".
        labels: 1 positive, 0 negative, −1 ignored.

    Returns:
        One number an example and class, nan for classes whose area is nan.

    Raises:
        UsageError: when shapes differ or a label is none of −1, 0, 1.

    >>> values = auroc_influence(torch.tensor([[0.1], [0.4], [0.35], [0.8]]), torch.tensor([[0], [0], [1], [1]]))
    >>> values.ravel().tolist(), values.mean().item()
    ([1.25, 0.25, 0.25, 1.25], 0.75)
    """
    return Ranking(labels).influence(scores)


class Ranking:
    """Labels, ready to be ranked by many scores: nothing of what follows waits for a GPU.

    Args:
        labels: ``(n, k)``: 1 positive, 0 negative, −1 ignored.

    Attributes:
        defined: bool ``(k,)``, the classes that have both labels.

    Raises:
        UsageError: when a label is none of −1, 0, 1.
    """

    def __init__(self, labels: Num[Tensor, "n k"]) -> None:
        self._positive, self._negative, self._ignored = labels == 1, labels == 0, labels == IGNORED
        if not bool((self._positive | self._negative | self._ignored).all()):
            raise UsageError("AUC: a label is none of 1 (positive), 0 (negative), -1 (ignored)")
        self.positives, self.negatives = self._positive.sum(0), self._negative.sum(0)
        self.defined = (self.positives > 0) & (self.negatives > 0)

    def influence(self, scores: Float[Tensor, "n k"]) -> Float64[Tensor, "n k"]:
        """Return what :func:`auroc_influence` does."""
        placements, area = self.placed(scores)
        share = torch.where(self._positive, self.positives, self.negatives).to(torch.float64)
        deviation = len(scores) / share * (placements - area)
        return area + torch.where(self._ignored, 0.0 * area, deviation)

    def placed(self, scores: Float[Tensor, "n k"]) -> tuple[Float64[Tensor, "n k"], Float64[Tensor, " k"]]:
        """Return the placement of every example, and the area of every class.

        Raises:
            UsageError: when the shape is not that of the labels.
        """
        if scores.shape != self._positive.shape or scores.ndim != 2:
            shapes = f"{tuple(scores.shape)} with labels {tuple(self._positive.shape)}"
            raise UsageError(f"AUC of scores {shapes}; shapes must agree")
        n1, n0 = self.positives, self.negatives
        beaten = _twice_rank(scores, self._negative, n0)
        beating = 2 * n1 - _twice_rank(scores, self._positive, n1)
        # Counts stay integers up to the one division, so the area is exact.
        area = torch.where(self._positive, beaten, 0).sum(0).to(torch.float64) / (2 * n1 * n0)
        area = torch.where(~self.defined | (scores.isnan() & ~self._ignored).any(0), torch.nan, area)
        placements = torch.where(self._positive, beaten, beating).to(torch.float64)
        return placements / torch.where(self._positive, 2 * n0, 2 * n1), area


def _twice_rank(scores: Tensor, members: Tensor, count: Tensor) -> Tensor:
    """Count, for every score and column, twice the members below it plus the members equal to it."""
    others = torch.where(members, scores, torch.inf).T.contiguous().sort().values
    wanted = scores.T.contiguous()
    below = torch.searchsorted(others, wanted)
    # Members come before what stands in for the rest, which a score of +inf would count as equal.
    not_above = torch.searchsorted(others, wanted, right=True).minimum(count[:, None])
    return (below + not_above).T
