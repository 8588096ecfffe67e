"""Losses and metrics of a recorded training: one number each, fetched without waiting, under names of the house."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from ..errors import UsageError
from .host_copies import host_copy

__all__ = ["Losses", "better", "house_names", "numbers"]

_BLOCK = 256
"""Losses are fetched so many at once."""

_PARTS = {"eval": "val", "valid": "val", "validation": "val", "dev": "val", "training": "train"}
_METRICS = {"acc": "accuracy", "top1": "accuracy", "auroc": "auc", "err": "error"}
_LESS_IS_BETTER = frozenset(
    ("loss", "error", "err", "nll", "ce", "bce", "mse", "mae", "rmse", "wer", "cer", "perplexity", "ppl")
)


class Losses:
    """Losses of steps that were done and are not written yet; they stay on their device until then."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._seen: list[Tensor] = []
        self._places: list[tuple[int, str]] = []

    @property
    def full(self) -> bool:
        """Whether there are enough of them to be written."""
        return len(self._rows) >= _BLOCK

    def add(
        self,
        epoch: int,
        step: int,
        loss: Tensor | float | None,
        correct: Tensor | float | None,
        lr: float | None,
    ) -> None:
        """Note a step.

        Args:
            epoch: it belongs to, from 1.
            step: its number, from 1.
            loss: one number.
            correct: which images were right, ``(b,)``, or their share.
            lr: its learning rate.

        Raises:
            UsageError: for a loss of several numbers.
        """
        row: dict[str, Any] = {"kind": "step", "epoch": epoch, "step": step}
        for name, value in (("loss", loss), ("accuracy", correct)):
            if isinstance(value, Tensor):
                value = value.detach()
                if value.numel() != 1:
                    if name == "loss":
                        raise UsageError(f"loss: {tuple(value.shape)} numbers are wrong; expected their mean")
                    value = value.to(torch.float32).mean()
                # A copy: what is given may be written to, as sums of losses are.
                self._seen.append(value.reshape(()).to(torch.float32, copy=True))
                self._places.append((len(self._rows), name))
            elif value is not None:
                row[name] = float(value)
        if lr is not None:
            row["lr"] = lr
        self._rows.append(row)

    def take(self) -> Callable[[], list[dict[str, Any]]] | None:
        """Begin to fetch all of them; return what waits for them and makes rows, ``None`` for nothing."""
        if not self._rows:
            return None
        rows, places, devices = self._rows, self._places, dict[str, list[int]]()
        for i, value in enumerate(self._seen):
            devices.setdefault(str(value.device), []).append(i)
        copied = host_copy({d: torch.stack([self._seen[i] for i in found]) for d, found in devices.items()})
        self._rows, self._seen, self._places = [], [], []

        def filled() -> list[dict[str, Any]]:
            for device, values in copied.wait().items():
                for i, value in zip(devices[device], values.tolist(), strict=True):
                    at, name = places[i]
                    rows[at][name] = value
            return rows

        return filled


def house_names(names: Iterable[str]) -> dict[str, str]:
    """Return what metrics are called here: ``val_accuracy`` for ``eval_acc``, ``val/acc``, ``validation_top1``.

    >>> house_names(["eval_accuracy", "val/acc", "test_loss", "auroc"])
    {'eval_accuracy': 'val_accuracy', 'val/acc': 'val_accuracy', 'test_loss': 'test_loss', 'auroc': 'auc'}
    """
    found = {}
    for name in names:
        words = [w for w in re.split(r"[/_\s.]+", name.removesuffix("_epoch")) if w]
        if words:
            words[0] = _PARTS.get(words[0].lower(), words[0])
            words[-1] = _METRICS.get(words[-1].lower(), words[-1])
        found[name] = "_".join(words) or name
    return found


def numbers(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return metrics as numbers under the names of the house.

    Raises:
        UsageError: for what is not one number.

    >>> numbers({"val_acc": torch.tensor(0.5)})
    {'val_accuracy': 0.5}
    """
    out = {}
    for name, called in house_names(metrics).items():
        value = metrics[name]
        try:
            out[called] = float(value)
        except (TypeError, ValueError, RuntimeError):
            what = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise UsageError(f"{name}: {what} is wrong; expected one number") from None
    return out


def better(name: str, value: float, than: float) -> bool:
    """Say whether a value of a metric is better than another: less for losses and errors, more for all else.

    Any word of the name may say that it is a loss or an error, not the last one alone.

    >>> better("val_loss", 0.5, than=1.0), better("val_accuracy", 0.5, than=1.0)
    (True, False)
    >>> better("val_error_rate", 0.1, than=0.2), better("val_ppl", 20.0, than=30.0), better("nll_val", 1.0, than=2.0)
    (True, True, True)
    """
    less = not _LESS_IS_BETTER.isdisjoint(re.split(r"[\W_]+", name.lower()))
    return value < than if less else value > than
