"""What training tells its caller, and what it should tell.

The order is that of the work: ``Snapshot("epoch 0")``; for each epoch ``Steps``, ``Epoch``, ``Snapshot``, ``Saved``;
at the end ``Snapshot("best")``, ``Snapshot("final")``, ``Ended``. When ``Saved`` arrives, everything up to its state
has been told; a run that goes on from that state tells what comes after it, and nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from ..params import Params
    from .state import FitState

__all__ = ["Ended", "Epoch", "Event", "Record", "Saved", "Snapshot", "Steps"]


@dataclass(frozen=True)
class Record:
    """What to keep of a run besides its losses, its best and its final weights.

    Attributes:
        epochs: finished epochs after which weights are kept; 0 is the start.
        steps: steps after which weights are kept.
        evaluate_every: evaluate after every so many epochs, and after the last.
        evaluate_train: training images of an evaluation: "all" (the paper), "none", or a number of sampled ones.
        evaluate_test: whether test images are part of every evaluation, or of the last one only.
        save_epochs: give a state to resume from after every so many epochs.
        save_steps: and after every so many steps within an epoch, for epochs that take long; 0 for never.

    Raises:
        UsageError: naming the field that cannot be right.
    """

    epochs: tuple[int, ...] = (0,)
    steps: tuple[int, ...] = ()
    evaluate_every: int = 1
    evaluate_train: Literal["all", "none"] | int = "all"
    evaluate_test: Literal["every", "last"] = "every"
    save_epochs: int = 1
    save_steps: int = 0

    def __post_init__(self) -> None:
        sample = self.evaluate_train
        sampled = sample >= 1 if isinstance(sample, int) else sample in ("all", "none")
        checks = {
            "epochs": (all(e >= 0 for e in self.epochs), "epochs, each 0 or more"),
            "steps": (all(s >= 1 for s in self.steps), "steps, each 1 or more; the start is epoch 0"),
            "evaluate_every": (self.evaluate_every >= 1, "a number of epochs, 1 or more"),
            "evaluate_train": (sampled, "'all', 'none' or a number of images"),
            "evaluate_test": (self.evaluate_test in ("every", "last"), "'every' or 'last'"),
            "save_epochs": (self.save_epochs >= 1, "a number of epochs, 1 or more"),
            "save_steps": (self.save_steps >= 0, "a number of steps, 0 for never"),
        }
        for name, (right, wanted) in checks.items():
            if not right:
                raise UsageError(f"{name}: {getattr(self, name)!r} is wrong; expected {wanted}")


@dataclass(frozen=True, eq=False)
class Steps:
    """Some consecutive steps of one epoch, one number of each array for each.

    Attributes:
        epoch: the epoch they belong to, from 1.
        step: how many steps were done after each, from 1, int64.
        loss: training loss of the step's batch before its update, as trained on (augmented, mixed), float32.
        accuracy: accuracy on the same batch, float32; for mixed images the share-weighted one.
        lr: learning rate of the step, float64.
    """

    epoch: int
    step: np.ndarray
    loss: np.ndarray
    accuracy: np.ndarray
    lr: np.ndarray


@dataclass(frozen=True)
class Epoch:
    """An epoch ended and was evaluated.

    Attributes:
        epoch: how many epochs were done.
        step: how many steps were done.
        metrics: ``train_loss``, ``train_accuracy``, ``val_…``, ``test_…`` and for multi-label ``…_auc``, in eval mode
            without augmentation; parts without images are left out.
        seconds: time since the last evaluation (or the beginning of this sitting), for information.
    """

    epoch: int
    step: int
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Weights, on CPU and sharing no memory with the training.

    Attributes:
        tag: "epoch 3", "step 100", "best" or "final".
        epoch: how many epochs were done.
        step: how many steps were done.
        params: the weights.
    """

    tag: str
    epoch: int
    step: int
    params: Params


@dataclass(frozen=True, eq=False)
class Saved:
    """A state to resume from."""

    state: FitState


@dataclass(frozen=True)
class Ended:
    """The run is over.

    Attributes:
        reason: "finished", or "diverged at step s": the loss of step s (or the weights after it) are not finite.
        step: how many steps were done.
        best_epoch: epoch of the best weights; ``None`` when there are none.
        chosen_by: what the best weights are best at: "val_accuracy", "val_auc", or "last" where there is no
            validation part: then they are the final ones.
        precision: number format of products that was used, "float32" or "bfloat16".
    """

    reason: str
    step: int
    best_epoch: int | None
    chosen_by: str
    precision: str

    @property
    def diverged(self) -> bool:
        """Whether the run ended because a number was not finite."""
        return self.reason != "finished"


Event: TypeAlias = Steps | Epoch | Snapshot | Saved | Ended
