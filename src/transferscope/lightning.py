"""Recordings of trainings with Lightning: one more callback.

::

    from transferscope.lightning import Recorder

    Trainer(callbacks=[Recorder("runs/mine", model="timm/resnet18", data="folder:photos")]).fit(module)

Needs ``lightning`` or ``pytorch_lightning``: ``pip install transferscope[lightning]``. These are imported when
``Recorder`` is asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .errors import UsageError, nearest
from .params import Params
from .train import recorder as plain
from .train.recorder_metrics import house_names
from .train.wrappers import plain_names

if TYPE_CHECKING:
    Recorder: type[LightningRecorder]

__all__ = ["LightningRecorder", "Recorder"]


class LightningRecorder:
    """Records a training into a folder of its own; see :func:`transferscope.record`.

    A step is one of the optimiser, whatever batches it accumulates; its loss is the mean over them. Metrics that the
    module logs are recorded under the names of the house (``val_acc`` is ``val_accuracy``); the sanity check is not.

    Args:
        folder: a new or empty folder; that of the recording when a training is resumed.
        attribute: which part of the LightningModule is the network, such as ``"model"``; by default the one part that
            holds all its weights, or the whole.
        options: as of :func:`transferscope.record`: ``epochs``, ``steps``, ``best``, ``model``, ``data``, ….

    Raises:
        UsageError: for an option that there is not; when training begins, for a part that there is not.
    """

    def __init__(self, folder: str | Path, *, attribute: str | None = None, **options: Any) -> None:
        plain.check_options(options)
        self.folder, self.attribute, self.options = folder, attribute, options
        self.recorder: plain.Recorder | None = None
        self._resume: dict[str, Any] | None = None
        self._losses: list[Tensor] = []
        self._lr: float | None = None
        self._step = 0

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, of its own for each folder."""
        return f"transferscope.Recorder[{self.folder}]"

    def state_dict(self) -> dict[str, Any]:
        """Return how far the recording is."""
        return {} if self.recorder is None else self.recorder.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on with the recording from there."""
        self._resume = dict(state_dict) or None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep the weights before training."""
        if getattr(trainer.strategy, "zero_stage_3", False):
            raise UsageError(
                "Recorder: DeepSpeed's stage 3 gives no weights during training; use FSDP, or record none"
            )
        prefix, module = _network(pl_module, self.attribute)
        self._step = trainer.global_step
        self._losses = []
        self.recorder = plain.Recorder(
            module,
            self.folder,
            **{**self.options, "resume": self._resume},
            state=lambda: _weights(trainer, pl_module, prefix),
            everywhere=True,
        )

    def on_before_optimizer_step(self, trainer: Any, pl_module: Any, optimizer: Any) -> None:
        """Note the learning rate, which a schedule may change before the batch ends."""
        self._lr = float(optimizer.param_groups[0]["lr"])

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Note the loss, and a step when the optimiser has done one."""
        loss = outputs.get("loss") if isinstance(outputs, Mapping) else outputs
        if isinstance(loss, Tensor) and loss.numel() == 1:
            self._losses.append(loss.detach().reshape(()).to(torch.float32, copy=True))
        if trainer.global_step == self._step or self.recorder is None:
            return
        self._step = trainer.global_step
        mean = torch.stack(self._losses).mean() if self._losses else None
        if mean is not None and pl_module.automatic_optimization:
            mean = mean * trainer.accumulate_grad_batches  # each was divided by it
        self._losses = []
        self.recorder.step(mean, lr=self._lr)

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Note the metrics of a validation."""
        if not trainer.sanity_checking and self.recorder is not None:
            self.recorder.evaluated(**_logged(trainer, validation=True))

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Note that an epoch is over."""
        if self.recorder is not None:
            self.recorder.epoch(**_logged(trainer, validation=False))

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """Keep the final weights."""
        if self.recorder is not None:
            self.recorder.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Say that training was stopped."""
        if self.recorder is not None:
            self.recorder.stop(type(exception))


def _network(module: nn.Module, attribute: str | None) -> tuple[str, nn.Module]:
    """Return the beginning of the names of the network's weights in the LightningModule, and the network."""
    state = plain_names(module, {k: v for k, v in module.state_dict().items() if isinstance(v, Tensor)})
    parts = {name for name, _ in module.named_children()}
    if attribute is None:
        holding = {name.partition(".")[0] for name in state}
        if len(holding) != 1 or not holding <= parts:
            return "", module
        (attribute,) = holding
    if attribute not in parts:
        raise UsageError(f"attribute: {type(module).__name__} has no part {attribute!r}{nearest(attribute, parts)}")
    return f"{attribute}.", module.get_submodule(attribute)


def _weights(trainer: Any, module: nn.Module, prefix: str) -> Params:
    """Return the weights of the network; strategies that keep them in pieces put them together, on all processes."""
    given = trainer.strategy.lightning_module_state_dict()
    whole = {
        k: v.full_tensor() if hasattr(v, "full_tensor") else v for k, v in given.items() if isinstance(v, Tensor)
    }
    params = plain_names(module, whole)
    return {k.removeprefix(prefix): v for k, v in params.items() if k.startswith(prefix)}


def _logged(trainer: Any, *, validation: bool) -> dict[str, Any]:
    """Return the logged metrics that are of a validation, or of training."""
    names = house_names(trainer.callback_metrics)
    return {
        name: trainer.callback_metrics[name]
        for name, called in names.items()
        if called.startswith("train_") != validation and not name.endswith("_step")
        if validation or called.startswith("train_")
    }


def __getattr__(name: str) -> Any:
    if name != "Recorder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type("Recorder", (LightningRecorder, *_callbacks()), {"__doc__": LightningRecorder.__doc__})
    made.__module__ = __name__
    globals()[name] = made
    return made


def _callbacks() -> list[type]:
    """Return the classes of callbacks of the Lightning that is used: two packages have one each, not the same."""
    names = ("lightning.pytorch", "pytorch_lightning")
    used = [name for name in names if name in sys.modules]
    there = used or [name for name in names if importlib.util.find_spec(name.partition(".")[0]) is not None][:1]
    if not there:
        raise ImportError("transferscope.lightning needs Lightning: pip install transferscope[lightning]")
    return list(dict.fromkeys(importlib.import_module(f"{name}.callbacks").Callback for name in there))
