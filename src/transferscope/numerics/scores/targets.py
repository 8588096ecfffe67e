"""Labels as columns of numbers: one column a class that occurs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64, Int64, Shaped
from torch import Tensor

from ...errors import UsageError
from .undefined import NotDefinedError

__all__ = ["Targets", "targets_of"]


@dataclass(frozen=True, eq=False)
class Targets:
    """The labels of n images.

    Attributes:
        columns: ``(n, c)`` float64, 1 where the image has the label, else 0.
        labels: ``(n,)`` the column of each image's only label; ``None`` where an image may have several.
        kept: the class that each column is of. Classes without an image, and labels that all images or none of them
            have, are not there: nothing can be learned about them.
    """

    columns: Float64[Tensor, "n c"]
    labels: Int64[Tensor, " n"] | None
    kept: tuple[int, ...]

    @property
    def counts(self) -> Float64[Tensor, " c"]:
        """How many images have each label."""
        return self.columns.sum(0)

    def single(self) -> Int64[Tensor, " n"]:
        """Return the only label of each image.

        Raises:
            NotDefinedError: where an image may have several.
        """
        if self.labels is None:
            raise NotDefinedError("an image may have several labels")
        return self.labels

    def entropy(self) -> float:
        """Return −Σ π_c log π_c of the shares π_c of the labels; of several labels the mean over labels, in nats."""
        shares = self.columns.mean(0)
        if self.labels is not None:
            return float(-torch.xlogy(shares, shares).sum())
        return float(-(torch.xlogy(shares, shares) + torch.xlogy(1 - shares, 1 - shares)).mean())


def targets_of(labels: Shaped[Tensor, "*shape"]) -> Targets:
    """Turn labels into columns.

    Args:
        labels: int ``(n,)`` class indices, or ``(n, k)`` of 0 and 1 for several labels an image.

    Raises:
        UsageError: for other shapes, entries that are unknown, or no image.
        NotDefinedError: when all images have the same label.

    >>> found = targets_of(torch.tensor([0, 2, 2]))
    >>> found.columns.tolist(), found.kept
    ([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], (0, 2))
    """
    if labels.ndim not in (1, 2) or not len(labels):
        raise UsageError(f"labels of shape {tuple(labels.shape)}; expected (n,) or (n, labels), n at least 1")
    if labels.ndim == 1:
        present, places = torch.unique(labels, return_inverse=True)
        columns = torch.nn.functional.one_hot(places, len(present)).to(torch.float64)
        found = Targets(columns, places.to(torch.int64), tuple(int(c) for c in present))
    else:
        if not bool(((labels == 0) | (labels == 1)).all()):
            raise UsageError("labels of several kinds must be 0 or 1; leave out images whose labels are unknown")
        columns = labels.to(torch.float64)
        varied = (columns.min(0).values < columns.max(0).values).nonzero().ravel()
        found = Targets(columns[:, varied], None, tuple(int(c) for c in varied))
    if found.columns.shape[1] < (2 if found.labels is not None else 1):
        raise NotDefinedError("all images have the same label")
    return found
