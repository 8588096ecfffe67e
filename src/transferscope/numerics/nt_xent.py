"""The contrastive loss of SimCLR."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..errors import UsageError

__all__ = ["nt_xent"]


def nt_xent(first: Float[Tensor, "n d"], second: Float[Tensor, "n d"], temperature: float) -> Float[Tensor, ""]:
    """Return the normalised temperature-scaled cross-entropy of two views of each image (Chen et al. 2020, eq. 1).

    Of the 2n views each is to be told to belong to the other view of its image, among all but itself: the mean over
    views i of −log(exp(s_ij/τ)/Σ_{k≠i} exp(s_ik/τ)), s the cosine and j the other view. By ``logsumexp``, so that no
    temperature overflows.

    Args:
        first: projections of one view of each image.
        second: of the other view, in the same order.
        temperature: τ.

    Raises:
        UsageError: for other shapes, one image, or a temperature that is not positive.

    >>> a = torch.eye(2)
    >>> round(float(nt_xent(a, a, 1.0)), 4)  # log(e + 2) − 1
    0.5514
    """
    if first.shape != second.shape or first.ndim != 2 or len(first) < 2:
        raise UsageError(
            f"views of shapes {tuple(first.shape)} and {tuple(second.shape)}; expected (n, d) twice, of two images "
            "or more"
        )
    if not temperature > 0:
        raise UsageError(f"temperature {temperature}; expected a positive number such as 0.2")
    n = len(first)
    z = functional.normalize(torch.cat([first, second]).to(torch.float32), dim=1)
    logits = z @ z.T / temperature
    logits = logits.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=z.device), -torch.inf)
    other = torch.arange(2 * n, device=z.device).roll(n)
    return functional.cross_entropy(logits, other)
