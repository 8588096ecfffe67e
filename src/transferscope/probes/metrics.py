"""What is computed on logits: each metric as one number an example whose mean is the metric.

So a metric, its bootstrap interval, a paired difference and a barrier's height all come from the same numbers. For
loss, and for the error of single labels, they are the example's own; for the error where labels are ignored, and for
the AUC, they are the metric plus the example's influence on it (exact in the mean, first order in resamples).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError, nearest
from ..models.objective import correct, counted, example_losses, multilabel
from ..numerics.auc import Ranking

__all__ = [
    "METRICS",
    "Contributions",
    "Meter",
    "Metric",
    "as_error",
    "check_labels",
    "check_metrics",
    "default_metrics",
]

Metric: TypeAlias = Literal["loss", "error", "accuracy", "auc"]
METRICS: tuple[Metric, ...] = get_args(Metric)


def default_metrics(multi: bool) -> tuple[Metric, ...]:
    """Return what is measured when nobody says: loss and error, and the AUC of multi-label sets."""
    return ("loss", "error", "auc") if multi else ("loss", "error")


def check_metrics(metrics: Sequence[str], multi: bool) -> tuple[Metric, ...]:
    """Return the metrics when all exist and suit the labels.

    Raises:
        UsageError: for a metric that does not exist, none, or the AUC of single labels.
    """
    if isinstance(metrics, str):
        raise UsageError(f"metrics {metrics!r}: expected several, e.g. [{metrics!r}]")
    for metric in metrics:
        if metric not in METRICS:
            raise UsageError(f"metric {metric!r}{nearest(metric, METRICS)}")
    if not metrics:
        raise UsageError(f"no metric given; known: {', '.join(METRICS)}")
    if "auc" in metrics and not multi:
        raise UsageError("metric 'auc' is for multi-label images; single labels have loss, error and accuracy")
    return tuple(m for m in METRICS if m in metrics)


def as_error(metric: str, values: np.ndarray) -> np.ndarray:
    """Turn values so that larger is worse: 1 − accuracy, 1 − AUC; loss and error as they are.

    >>> as_error("auc", np.array([0.75])), as_error("loss", np.array([0.75]))
    (array([0.25]), array([0.75]))
    """
    return 1.0 - values if metric in ("accuracy", "auc") else values


class Contributions:
    """One number an example whose mean over all examples is a metric, for many logits of the same examples.

    * ``loss``: cross-entropy in nats; for multi-label the mean over an example's counted labels of the binary one.
    * ``error``, ``accuracy``: top-1; for multi-label the mean over classes of binary error, accuracy.
    * ``auc``: mean over the classes that have both labels of the area under the ROC curve.

    A ratio Σaᵢ/Σcᵢ = r is written as the mean of r + n/Σc·(aᵢ − r·cᵢ). What follows from the labels alone is found
    once; then nothing waits for a GPU.

    Args:
        labels: int64 ``(n,)``, or floating ``(n, k)`` of 0, 1 and −1 (ignored).

    >>> logits, labels = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0]]), torch.tensor([0, 1, 1])
    >>> Contributions(labels)("error", logits).tolist()
    [0.0, 0.0, 1.0]
    >>> half_known = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
    >>> Contributions(half_known)("accuracy", torch.tensor([[5.0, 5.0], [-5.0, 5.0]])).mean().item()
    0.75
    """

    def __init__(self, labels: Tensor) -> None:
        self.labels = labels
        self.multilabel = multilabel(labels)
        if self.multilabel:
            self._count = counted(labels)
            self._known = self._count.any(0).nonzero()[:, 0]
            self._ranking = Ranking(labels)
            self._ranked = self._ranking.defined.nonzero()[:, 0]

    def __call__(self, metric: Metric, logits: Tensor) -> Tensor:
        """Return ``(n,)``; an example's loss that is not finite stays as it is, and so does then the mean.

        An example whose logits are not numbers has no error and no accuracy either: they are nan.

        Args:
            metric: one of :data:`METRICS`.
            logits: ``(n, k)`` of all examples.
        """
        if metric == "loss":
            return example_losses(logits, self.labels)
        if metric == "auc":
            return self._ranking.influence(logits)[:, self._ranked].mean(1)
        right = correct(logits, self.labels)
        if self.multilabel:
            share = _ratio(right[:, self._known], self._count[:, self._known]).mean(1)
        else:
            share = right.to(torch.float32)
        # What is no number is no prediction either: its error is not known, not 100 %.
        share = torch.where(logits.isnan().any(1), torch.nan, share)
        return share if metric == "accuracy" else 1 - share


def _ratio(parts: Tensor, counts: Tensor) -> Tensor:
    """Write Σparts/Σcounts over the first dimension as a mean of one number an example."""
    double = torch.float64
    parts, counts = parts.to(double), counts.to(double)
    total = counts.sum(0)
    ratio = parts.sum(0) / total
    return ratio + len(parts) / total * (parts - ratio * counts)


def check_labels(metrics: Sequence[str], labels: Tensor, name: str) -> None:
    """Raise when the AUC is asked of labels none of whose classes has both an image with and one without it.

    Raises:
        UsageError: naming the set.
    """
    if "auc" in metrics and not Ranking(labels).defined.any():
        raise UsageError(
            f"{name}: none of the {labels.shape[1]} classes has images with and without it among these "
            f"{len(labels)}, so there is no AUC; use more images, or metrics=('loss', 'error')"
        )


class Meter:
    """Metrics of many points over one set: logits are kept on the device until a point is complete.

    Nothing waits for the device while the batches of a point are on their way; values cross over once, at the end.

    Args:
        labels: of all n examples, on the device.
        classes: k, outputs of the network.
        points: m.
        metrics: to compute.
        per_example: whether to keep the contributions ``(m, n)`` of every metric.
        dtype: of the kept logits, float32 or float64.
        slots: points under way at once.
    """

    def __init__(
        self,
        labels: Tensor,
        classes: int,
        points: int,
        metrics: Sequence[Metric],
        per_example: bool,
        dtype: torch.dtype = torch.float32,
        slots: int = 1,
    ) -> None:
        n, device = len(labels), labels.device
        self._contributions = Contributions(labels)
        self._metrics = tuple(metrics)
        self._logits = torch.empty((slots, n, classes), device=device, dtype=dtype)
        self._values = torch.full((len(self._metrics), points), torch.nan, device=device, dtype=torch.float64)
        kept = points if per_example else 0
        self._examples = torch.empty((len(self._metrics), kept, n), dtype=dtype, pin_memory=device.type == "cuda")

    def add(self, start: int, logits: Tensor, slot: int = 0) -> None:
        """Take the logits of examples ``start``…: ``(b, k)`` of a slot's point, or ``(p, b, k)`` from it on."""
        stacked = logits if logits.ndim == 3 else logits[None]
        self._logits[slot : slot + len(stacked), start : start + stacked.shape[1]] = stacked

    @property
    def logits(self) -> Tensor:
        """Those in the first slot, ``(n, classes)``."""
        return self._logits[0]

    def close(self, point: int, count: int = 1) -> None:
        """So many points, this and those that follow it, are complete in the first slots: compute their metrics."""
        logits, of = self._logits[:count], self._contributions
        stacked = None if of.multilabel else Contributions(of.labels.repeat(count))
        for row, metric in enumerate(self._metrics):
            if stacked is None:
                each = torch.stack([of(metric, one) for one in logits])
            else:
                each = stacked(metric, logits.flatten(0, 1)).view(count, -1)
            self._values[row, point : point + count] = each.to(torch.float64).mean(1)
            if self._examples.shape[1]:
                self._examples[row, point : point + count].copy_(each, non_blocking=True)

    def state(self, done: int) -> tuple[np.ndarray, np.ndarray]:
        """Return values ``(metrics, done)`` and contributions ``(metrics, done or 0, n)`` of the first points."""
        return self._values[:, :done].cpu().numpy().copy(), self._examples[:, :done].numpy().copy()

    def restore(self, values: np.ndarray, examples: np.ndarray, done: int) -> None:
        """Take back what :meth:`state` returned."""
        self._values[:, :done] = torch.from_numpy(values).to(self._values.device)
        self._examples[:, :done] = torch.from_numpy(examples)

    def values(self) -> dict[str, np.ndarray]:
        """Return float64 ``(m,)`` a metric; nan for points that were not closed."""
        return dict(zip(self._metrics, self._values.cpu().numpy(), strict=True))

    def examples(self) -> dict[str, np.ndarray]:
        """Return ``(m, n)`` a metric, or nothing when contributions are not kept; call after :meth:`values`."""
        return dict(zip(self._metrics, self._examples.numpy(), strict=True)) if self._examples.shape[1] else {}
