"""Features that are numbers, all of them."""

from __future__ import annotations

from torch import Tensor

from ..errors import UsageError

__all__ = ["check_finite"]


def check_finite(*features: Tensor) -> None:
    """Refuse features that are not all finite.

    A finite sum says so in a fraction of the time that looking at each number takes; one that is not may only have
    grown too large, and then each is looked at.

    Args:
        features: any shapes.

    Raises:
        UsageError: when one is infinite or not a number.

    >>> import torch
    >>> check_finite(torch.tensor([3e38, 3e38]))
    """
    for x in features:
        if not (bool(x.sum().isfinite()) or bool(x.isfinite().all())):
            raise UsageError("features are not all finite; the network or its input normalisation is not right")
