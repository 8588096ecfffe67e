"""LEEP: how well the labels follow from what a classifier of other classes says."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ...errors import UsageError
from .targets import Targets

__all__ = ["leep"]


def leep(probabilities: Float[Tensor, "n z"], targets: Targets) -> float:
    """Return the mean log-likelihood of the labels under the empirical predictor, in nats.

    θ(x)_z are the source classifier's probabilities, P̂(y, z) = (1/n)Σ_i θ(x_i)_z·1[y_i = y] their soft joint with
    the labels, and the score is (1/n)Σ_i log Σ_z P̂(y_i|z)·θ(x_i)_z.

    A source class without any mass is left out (0/0 elsewhere, and then nan for the whole score).

    Source: Nguyen, Hassner, Seeger, Archambeau 2020, equations 1 and 2.

    Args:
        probabilities: of n images, rows that sum to 1: of a softmax. Sigmoids do not give them.
        targets: one label an image.

    Returns:
        The score, from −H(Y) (predictions that say nothing) to 0 (perfect); larger is better.

    Raises:
        UsageError: when rows are no probabilities, or are not as many as labels.
        NotDefinedError: when an image may have several labels.

    >>> from .targets import targets_of
    >>> round(leep(torch.full((4, 3), 1 / 3), targets_of(torch.tensor([0, 0, 1, 1]))), 6)  # −log 2
    -0.693147
    """
    labels = targets.single()
    theta = probabilities.to(torch.float64)
    if len(theta) != len(labels):
        raise UsageError(f"{len(labels)} labels for the predictions of {len(theta)} images; give one an image")
    if not bool((theta >= 0).all()) or float((theta.sum(1) - 1).abs().max()) > 1e-4:
        raise UsageError("LEEP takes probabilities whose rows sum to 1, of a softmax")
    joint = targets.columns.T @ theta  # (c, z)
    mass = joint.sum(0)
    given = torch.where(mass > 0, joint / mass.where(mass > 0, 1.0), 0.0)
    likelihood = (given[labels] * theta).sum(1)
    return float(likelihood.log().mean())
