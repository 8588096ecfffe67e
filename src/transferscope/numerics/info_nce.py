"""The contrastive loss of image-text pre-training."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..errors import UsageError

__all__ = ["info_nce"]


def info_nce(
    images: Float[Tensor, "n d"], texts: Float[Tensor, "n d"], scale: float | Float[Tensor, ""]
) -> Float[Tensor, ""]:
    """Return the symmetric InfoNCE loss of n pairs of an image and its caption (Radford et al. 2021, Figure 3).

    Each image is to be told to belong to its caption among all n, and each caption to its image: the mean of the two
    cross-entropies of scale·s_ij along rows and along columns, s_ij the cosine of image i and caption j. By
    ``logsumexp``, so that no scale overflows. Captions that occur twice in a batch count as wrong for each other's
    image, as in the paper: with k equal captions the loss is at least log k for these.

    Args:
        images: embeddings of images.
        texts: of their captions, in the same order.
        scale: by what cosines are multiplied, 1/τ; a tensor where it is learned.

    Raises:
        UsageError: for other shapes, or a single pair.

    >>> a = torch.eye(2)
    >>> round(float(info_nce(a, a, 1.0)), 4)  # log(e + 1) − 1
    0.3133
    """
    if images.shape != texts.shape or images.ndim != 2 or len(images) < 2:
        raise UsageError(
            f"images and texts of shapes {tuple(images.shape)} and {tuple(texts.shape)}; expected (n, d) twice, of "
            "two pairs or more"
        )
    x, y = (functional.normalize(z.to(torch.float32), dim=1) for z in (images, texts))
    logits = scale * (x @ y.T)
    own = torch.arange(len(images), device=logits.device)
    return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
