"""Nearest neighbours, each image left out of its own: a baseline without anything fitted."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ...errors import UsageError
from ..auc import macro_auroc
from .targets import Targets
from .undefined import NotDefinedError

__all__ = ["LooKnn", "Neighbours", "loo_knn", "neighbours"]

_ROWS = 2**24
"""Similarities held at a time."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The k other images whose features are most like each image's.

    Attributes:
        index: ``(n, k)`` which.
        similarity: ``(n, k)`` cosine similarity, falling.
    """

    index: Int64[Tensor, "n k"]
    similarity: Float64[Tensor, "n k"]


@dataclass(frozen=True, eq=False)
class LooKnn:
    """What the neighbours of each image say of it.

    Attributes:
        votes: ``(n, c)`` share of the votes for each label.
        right: ``(n,)`` 1 where the most votes are the label's, else 0; of several labels an image, the share of its
            labels on the right side of ½.
        auc: mean area under the ROC curve over labels, where an image may have several; else ``None``.
    """

    votes: Float64[Tensor, "n c"]
    right: Float64[Tensor, " n"]
    auc: float | None

    @property
    def accuracy(self) -> float:
        """Share of images (of labels) that are predicted right."""
        return float(self.right.mean())


def neighbours(features: Float[Tensor, "n d"], k: int = 20) -> Neighbours:
    """Find the k most similar other images by the cosine of their features, as they are.

    Args:
        features: of n images.
        k: how many; with fewer other images all of them.

    Raises:
        UsageError: for k under 1.
        NotDefinedError: when there are fewer than 2 images, or all features of one are 0.

    >>> neighbours(torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]]), 1).index.tolist()
    [[1], [0], [1]]
    """
    n = len(features)
    if k < 1:
        raise UsageError(f"{k} nearest neighbours; expected 1 or more")
    if n < 2:
        raise NotDefinedError(f"there are {n} images and it takes 2")
    rows = features.to(torch.float64)
    norms = rows.norm(dim=1, keepdim=True)
    if not bool((norms > 0).all()):
        raise NotDefinedError("all features of an image are 0, so that it has no direction")
    rows = rows / norms
    k = min(k, n - 1)
    similar, index = [], []
    for start in range(0, n, max(1, _ROWS // n)):
        part = rows[start : start + max(1, _ROWS // n)]
        cosine = part @ rows.T
        cosine[torch.arange(len(part)), torch.arange(start, start + len(part))] = -torch.inf
        found = cosine.topk(k, dim=1)
        similar.append(found.values)
        index.append(found.indices)
    return Neighbours(torch.cat(index), torch.cat(similar))


def loo_knn(found: Neighbours, targets: Targets, *, temperature: float = 0.07) -> LooKnn:
    """Let the neighbours of each image vote, each with the weight exp(similarity/temperature).

    Source: Wu, Xiong, Yu, Lin 2018, §3.4; k = 20 and the temperature as in Caron et al. 2021.

    Args:
        found: the neighbours of n images.
        targets: their labels; several an image are allowed.
        temperature: of the weights.

    Raises:
        UsageError: when there are not as many labels as images.

    >>> from .targets import targets_of
    >>> x = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]])
    >>> loo_knn(neighbours(x, 1), targets_of(torch.tensor([0, 0, 1, 1]))).accuracy
    1.0
    """
    if len(targets.columns) != len(found.index):
        raise UsageError(
            f"{len(targets.columns)} labels for the neighbours of {len(found.index)} images; give one an image"
        )
    # The largest similarity of an image is taken off first: it cancels, and nothing overflows.
    weights = ((found.similarity - found.similarity[:, :1]) / temperature).exp()
    weights = weights / weights.sum(1, keepdim=True)
    votes = torch.zeros_like(targets.columns)
    for j in range(weights.shape[1]):
        votes += weights[:, j, None] * targets.columns[found.index[:, j]]
    if targets.labels is None:
        right = ((votes > 0.5) == (targets.columns > 0.5)).to(torch.float64).mean(1)
        return LooKnn(votes, right, float(macro_auroc(votes, targets.columns.to(torch.int64)).macro))
    return LooKnn(votes, (votes.argmax(1) == targets.labels).to(torch.float64), None)
