"""What is measured and kept of a training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PositiveInt

from ..strict import Strict

__all__ = ["RecordSettings"]


class RecordSettings(Strict):
    """What is measured and kept of training."""

    epochs: tuple[Annotated[int, Field(ge=0)], ...] | None = None
    """Epochs after which weights are kept besides start, best and final; default: 1, 2, 4, … and the last."""
    steps: tuple[PositiveInt, ...] = ()
    """Steps after which weights are kept."""
    evaluate_every: PositiveInt = 1
    """Evaluate after every so many epochs, and after the last; runs that block_shuffle and checkpoints train see
    test images only then."""
    evaluate_train: Annotated[int, Field(ge=0)] | None = None
    """Training images of an evaluation: a number of sampled ones, 0 for none; default: all."""
