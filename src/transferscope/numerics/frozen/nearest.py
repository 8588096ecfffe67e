"""The vote of the most similar training images."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ...errors import UsageError
from ..finite import check_finite

__all__ = ["nearest"]

_ROWS = 2**24
"""Similarities held at a time."""


def nearest(
    train: Float[Tensor, "m d"],
    labels: Int64[Tensor, " m"],
    test: Float[Tensor, "n d"],
    classes: int,
    *,
    k: int = 20,
    temperature: float = 0.07,
) -> Int64[Tensor, " n"]:
    """Classify images by the k training images with the largest cosine, each with the weight exp(cosine/temperature).

    Features that are all 0 have no direction: their cosine with anything is taken as 0.

    Source: Wu, Xiong, Yu, Lin 2018, §3.4; k and temperature as in Caron et al. 2021.

    Args:
        train: features of m images.
        labels: their classes.
        test: features of n images.
        classes: how many there are.
        k: how many vote; all where there are fewer.
        temperature: of the weights.

    Raises:
        UsageError: when k is under 1, or features are not finite.

    >>> x, y = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
    >>> nearest(x, y, torch.tensor([[2.0, 0.1], [0.1, 5.0]]), 2, k=1).tolist()
    [0, 1]
    """
    if k < 1:
        raise UsageError(f"{k} nearest images; expected 1 or more")
    check_finite(train, test)
    rows, seen = (torch.nn.functional.normalize(x.to(torch.float64), dim=1) for x in (train, test))
    votes = torch.nn.functional.one_hot(labels, classes).to(torch.float64)
    step, found = max(1, _ROWS // len(rows)), []
    for start in range(0, len(seen), step):
        cosine, index = (seen[start : start + step] @ rows.T).topk(min(k, len(rows)), dim=1)
        weights = ((cosine - cosine[:, :1]) / temperature).exp()  # the largest cancels, and nothing overflows
        total = torch.zeros(len(cosine), classes, dtype=torch.float64)
        for j in range(weights.shape[1]):
            total += weights[:, j, None] * votes[index[:, j]]
        found.append(total.argmax(1))
    return torch.cat(found)
