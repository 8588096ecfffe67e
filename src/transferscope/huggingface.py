"""Recordings of trainings with the Trainer of Hugging Face's transformers: one more callback.

::

    from transferscope.huggingface import Recorder

    Trainer(model, …, callbacks=[Recorder("runs/mine", model="hf/FOLDER", data="folder:photos")]).train()

Needs ``transformers`` and ``accelerate``: ``pip install transferscope[huggingface]``. The first is imported when
``Recorder`` is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .train import recorder as plain
from .train.recorder_metrics import house_names
from .train.wrappers import own_weights

if TYPE_CHECKING:
    Recorder: type[TrainerRecorder]

__all__ = ["Recorder", "TrainerRecorder"]

_NO_METRICS = ("runtime", "per_second", "preparation_time")


class TrainerRecorder:
    """Records a training into a folder of its own; see :func:`transferscope.record`.

    A step is one of the optimiser. The Trainer says no losses but their mean over ``logging_steps`` steps, which is
    recorded for each of them; ``logging_steps=1`` has them all. With ``load_best_model_at_end`` the weights of the
    last step are the final ones, and those that are loaded the best. A training that goes on from a checkpoint goes
    on with the recording.

    Args:
        folder: a new or empty folder; that of the recording when a training is resumed.
        options: as of :func:`transferscope.record`: ``epochs``, ``steps``, ``best``, ``model``, ``data``, ….

    Raises:
        UsageError: for an option that there is not.
    """

    def __init__(self, folder: str | Path, **options: Any) -> None:
        plain.check_options(options)
        self.folder, self.options = folder, options
        self.recorder: plain.Recorder | None = None
        self._lr: float | None = None
        self._epochs: dict[int, int] = {}
        """Step of an evaluation → epochs that were done."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Keep the weights before training."""
        resume = None
        if state.global_step:
            resume = {"step": state.global_step, "epoch": int(state.epoch or 0), "best": None}
        self.recorder = plain.Recorder(given["model"], self.folder, **{**self.options, "resume": resume})

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Note the learning rate, which a schedule may change before the step ends."""
        groups = getattr(given.get("optimizer"), "param_groups", None)
        self._lr = float(groups[0]["lr"]) if groups else None

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Note a step of the optimiser."""
        if self.recorder is not None:
            self.recorder.step(lr=self._lr)
            if control.should_training_stop or state.global_step >= state.max_steps:
                self._hold(args)

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **given: Any
    ) -> None:
        """Note the mean loss since the last time."""
        if self.recorder is not None and not self.recorder.closed and logs is not None and "loss" in logs:
            self.recorder.logged(logs["loss"])

    def on_epoch_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Note that an epoch is over."""
        if self.recorder is not None:
            self.recorder.epoch()
            self._hold(args)

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **given: Any
    ) -> None:
        """Note the metrics of an evaluation."""
        if self.recorder is None or self.recorder.closed:
            return  # evaluated before or after training
        found = {k: v for k, v in (metrics or {}).items() if k != "epoch" and not k.endswith(_NO_METRICS)}
        self.recorder.evaluated(**{k: v for k, v in found.items() if isinstance(v, (int, float))})
        self._epochs[state.global_step] = self.recorder.epochs_done
        self._hold(args)

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Keep the final weights, and the best where they have been loaded."""
        if self.recorder is None or self.recorder.closed:
            return
        if not (args.load_best_model_at_end and state.best_model_checkpoint is not None):
            self.recorder.close()
            return
        step = int(getattr(state, "best_global_step", None) or 0)
        named = str(args.metric_for_best_model or "loss")
        named = named if named.startswith("eval_") else f"eval_{named}"
        self.recorder.close(
            best=own_weights(given["model"]),
            best_at={"epoch": self._epochs.get(step), "step": step, "by": house_names([named])[named]},
        )

    def _hold(self, args: Any) -> None:
        """Hold weights that may be the last: others may be loaded before training is said to be over."""
        if args.load_best_model_at_end and self.recorder is not None:
            self.recorder.hold()


def __getattr__(name: str) -> Any:
    if name != "Recorder":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from transformers import TrainerCallback
    except ImportError as e:
        raise ImportError(
            "transferscope.huggingface needs transformers: pip install transferscope[huggingface]"
        ) from e
    made = type("Recorder", (TrainerRecorder, TrainerCallback), {"__doc__": TrainerRecorder.__doc__})
    made.__module__ = __name__
    globals()[name] = made
    return made
