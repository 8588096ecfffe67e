"""NCE: how well the labels follow from the class that a classifier of other classes names."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import UsageError
from .targets import Targets

__all__ = ["nce"]


def nce(scores: Float[Tensor, "n z"], targets: Targets) -> float:
    """Return the negative conditional entropy −H(Y|Z), Z the source class with the largest score, in nats.

    Source: Tran, Nguyen, Hassner 2019, equation 5.

    Args:
        scores: logits or probabilities of n images.
        targets: one label an image.

    Returns:
        The score, from −H(Y) to 0; larger is better.

    Raises:
        UsageError: when there are not as many rows as labels.
        NotDefinedError: when an image may have several labels.

    >>> from .targets import targets_of
    >>> nce(torch.eye(2).repeat(2, 1), targets_of(torch.tensor([0, 1, 0, 1])))  # Z names Y
    0.0
    """
    labels = targets.single()
    if len(scores) != len(labels):
        raise UsageError(f"{len(labels)} labels for the predictions of {len(scores)} images; give one an image")
    named = scores.argmax(1)
    joint = torch.zeros(targets.columns.shape[1], scores.shape[1], dtype=torch.float64)
    joint.index_put_((labels, named), torch.ones(len(labels), dtype=torch.float64), accumulate=True)
    joint /= len(labels)
    mass = joint.sum(0)
    # −H(Y|Z) = Σ P(y, z) log P(y, z) − Σ P(z) log P(z)
    return min(0.0, float(torch.xlogy(joint, joint).sum() - torch.xlogy(mass, mass).sum()))
