"""Everything a stopped run needs to go on to the same end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor

from ..errors import StoreError
from ..params import Params

__all__ = ["FitState"]

_PARTS = ("params", "momentum", "best")


@dataclass(frozen=True, eq=False)
class FitState:
    """A run after some steps; on CPU with the same number of threads it goes on bit for bit.

    Random numbers need no state: their streams are named by seed, epoch and step.

    Attributes:
        step: how many steps were done.
        params: the weights; of averaged training those of replica r as ``"r/NAME"``.
        momentum: momentum buffers by parameter, named alike; empty before the first step and without momentum.
        best: the best weights so far; empty when there are none.
        best_epoch: their epoch.
        best_score: what they reached: the metric, then minus the loss to break ties.
        precision: number format of products so far, "float32" or "bfloat16"; empty where it is not on record, as of
            states that earlier versions saved.
    """

    step: int
    params: Params
    momentum: Params = field(default_factory=dict)
    best: Params = field(default_factory=dict)
    best_epoch: int | None = None
    best_score: tuple[float, float] | None = None
    precision: str = ""

    def tensors(self) -> Params:
        """Return all tensors under one roof, ``"params/NAME"`` and so on, for one file."""
        return {f"{part}/{name}": v for part in _PARTS for name, v in getattr(self, part).items()}

    def numbers(self) -> dict[str, Any]:
        """Return the rest as what JSON can hold; floats come back exactly."""
        score = None if self.best_score is None else list(self.best_score)
        found = {"step": self.step, "best_epoch": self.best_epoch, "best_score": score}
        return found | ({"precision": self.precision} if self.precision else {})

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> Self:
        """Put a state together from :meth:`tensors` and :meth:`numbers`.

        Raises:
            StoreError: when these are not from a state.

        >>> import torch
        >>> state = FitState(3, {"w": torch.ones(2)}, best_epoch=1, best_score=(0.5, -1.0))
        >>> FitState.of(state.tensors(), state.numbers()).best_score
        (0.5, -1.0)
        """
        parts: dict[str, Params] = {part: {} for part in _PARTS}
        try:
            for key, value in tensors.items():
                part, name = key.split("/", 1)
                parts[part][name] = value
            score, precision = numbers["best_score"], numbers.get("precision", "")
            if precision not in ("", "float32", "bfloat16"):
                raise ValueError(precision)
            return cls(
                step=int(numbers["step"]),
                **parts,
                best_epoch=numbers["best_epoch"],
                best_score=None if score is None else (float(score[0]), float(score[1])),
                precision=precision,
            )
        except (KeyError, ValueError, TypeError, IndexError) as e:
            raise StoreError(f"not the state of a run ({e!r}); delete it to train from the beginning") from e
