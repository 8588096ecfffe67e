"""What a network is asked to do: the loss of its logits, and whether they are right, example by example.

Labels say which task it is: int64 ``(b,)`` is one class an image (cross-entropy, top-1), floating
``(b, k)`` is multi-label (binary cross-entropy; 0, 1 and −1 for an ignored entry, which counts nowhere).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..errors import UsageError

__all__ = ["Sums", "correct", "counted", "example_losses", "mean_loss", "mixed_loss", "multilabel", "sums"]


def multilabel(labels: Tensor) -> bool:
    """Whether these labels are multi-label, floating ``(b, k)``, or class indices, int64 ``(b,)``.

    Raises:
        UsageError: when they are neither.

    >>> multilabel(torch.tensor([2, 0])), multilabel(torch.tensor([[1.0, -1.0]]))
    (False, True)
    """
    if labels.ndim == 1 and labels.dtype == torch.int64:
        return False
    if labels.ndim == 2 and labels.is_floating_point():
        return True
    raise UsageError(f"labels must be int64 (b,) or floating (b, k), got {labels.dtype} {tuple(labels.shape)}")


def counted(labels: Tensor) -> Tensor:
    """Return whether a label counts or is ignored: bool ``(b,)`` or ``(b, k)``.

    >>> counted(torch.tensor([[1.0, 0.0, -1.0]])).tolist()
    [[True, True, False]]
    """
    return labels >= 0


def example_losses(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the loss of each example: −log p_y, or the mean over counted labels of −log p(label).

    With smoothing ε the truth is (1 − ε)·label + ε/k over k classes (Szegedy et al. 2016, §7); of several labels each
    is a choice of two.

    Args:
        logits: floating ``(b, k)``; computed on as float32 at least.
        labels: int64 ``(b,)``, or floating ``(b, k)`` of 0, 1 and −1 (ignored).
        smoothing: ε, in 0…1; 0 for the labels as they are.

    Returns:
        ``(b,)``, in nats; 0 for an example none of whose labels counts.

    >>> example_losses(torch.zeros(1, 4), torch.tensor([2])).exp()  # a uniform guess among four
    tensor([4.])
    >>> example_losses(torch.zeros(1, 3), torch.tensor([[1.0, 0.0, -1.0]])).exp()
    tensor([2.])
    >>> logits = torch.tensor([[0.0, 3.0]]).log_softmax(1)
    >>> smoothed = -(0.9 * logits[0, 1] + 0.1 * logits.mean())
    >>> bool((example_losses(logits, torch.tensor([1]), 0.1)[0] - smoothed).abs() < 1e-6)
    True
    """
    logits = _at_least_float32(logits)
    if not multilabel(labels):
        return functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing)
    mask = counted(labels).to(logits.dtype)
    truth = labels.clamp(min=0).to(logits.dtype)
    if smoothing:
        truth = truth * (1 - smoothing) + smoothing / 2
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    return (each * mask).sum(1) / mask.sum(1).clamp(min=1)


def mean_loss(logits: Tensor, labels: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the mean of :func:`example_losses`: what training lowers, and without smoothing what tables show.

    >>> mean_loss(torch.zeros(2, 2), torch.tensor([[1.0, -1.0], [0.0, 1.0]])).exp()
    tensor(2.)
    """
    return example_losses(logits, labels, smoothing).mean()


def mixed_loss(logits: Tensor, labels: Tensor, partners: Tensor, weight: Tensor, smoothing: float = 0.0) -> Tensor:
    """Return the loss of mixed images: mean of w·ℓ(labels) + (1 − w)·ℓ(partners) (Zhang et al. 2018, mixup).

    Args:
        logits: floating ``(b, k)``.
        labels: of the first image of each mixture.
        partners: labels of the second.
        weight: share of the first, ``(b,)`` in 0…1.
        smoothing: of the labels of both, as in :func:`example_losses`.

    >>> logits, y = torch.tensor([[2.0, -1.0]]), torch.tensor([0])
    >>> mixed_loss(logits, y, 1 - y, torch.tensor([1.0])) == mean_loss(logits, y)
    tensor(True)
    """
    first, second = (example_losses(logits, one, smoothing) for one in (labels, partners))
    return (weight * first + (1 - weight) * second).mean()


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return where the network is right: bool ``(b,)`` for top-1, or ``(b, k)`` for multi-label (p > 0.5).

    An ignored label is never right; :func:`counted` tells it from a wrong one. NaN logits are never right.

    >>> correct(torch.tensor([[0.1, 0.9], [0.8, 0.2]]), torch.tensor([1, 1])).tolist()
    [True, False]
    >>> correct(torch.tensor([[3.0, -3.0, 3.0]]), torch.tensor([[1.0, 1.0, -1.0]])).tolist()
    [[True, False, False]]
    """
    if not multilabel(labels):
        return (logits.argmax(1) == labels) & ~logits.isnan().any(1)
    return torch.where(logits > 0, labels == 1, labels == 0) & ~logits.isnan()


@dataclass(frozen=True, eq=False)
class Sums:
    """What adds up over batches, in float64 and on the device of the logits.

    Attributes:
        loss: Σ of :func:`example_losses`, ``()``.
        examples: how many that is.
        right: how many were right, ``(k,)`` a class for multi-label, else ``(1,)``.
        counted: how many counted, as ``right``.
    """

    loss: Tensor
    examples: int
    right: Tensor
    counted: Tensor

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.loss + other.loss,
            self.examples + other.examples,
            self.right + other.right,
            self.counted + other.counted,
        )

    def mean_loss(self) -> float:
        """Mean over examples, in nats."""
        return float(self.loss) / self.examples

    def accuracy(self) -> float:
        """Top-1 accuracy; for multi-label the mean over classes of binary accuracy; NaN when nothing counted."""
        some = self.counted > 0
        return float((self.right[some] / self.counted[some]).mean())


def sums(logits: Tensor, labels: Tensor) -> Sums:
    """Return the sums of one batch, without waiting for the device.

    >>> first = sums(torch.zeros(1, 2), torch.tensor([[0.0, 1.0]]))
    >>> s = first + sums(torch.zeros(1, 2), torch.tensor([[0.0, -1.0]]))
    >>> s.examples, s.accuracy()
    (2, 0.5)
    """
    right, counts = correct(logits, labels), counted(labels)
    if not multilabel(labels):
        right, counts = right.unsqueeze(1), counts.unsqueeze(1)
    return Sums(
        example_losses(logits, labels).sum(dtype=torch.float64),
        len(labels),
        right.sum(0).to(torch.float64),
        counts.sum(0).to(torch.float64),
    )


def _at_least_float32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.to(torch.float32)
