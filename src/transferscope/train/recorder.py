"""A recorder for training loops of your own: the weights on the way, losses and metrics, in a folder to ask about."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from ..errors import UsageError, nearest
from ..params import Params, bits_digest
from ..store.recording import START
from .background import Background
from .host_copies import HostCopy, host_copy
from .processes import processes, rank
from .recorder_folder import RecorderFolder
from .recorder_metrics import Losses, better, house_names, numbers
from .wrappers import is_sharded, own_weights

__all__ = ["Recorder", "check_options", "record"]


class Recorder:
    """Records one training; :func:`record` makes it.

    Training does not notice: no random number is drawn, no mode is changed, nothing is kept that the optimiser writes
    to. Copies of weights on a GPU and its losses are queued and fetched by another thread, which writes all files;
    each is whole or not there, so that the folder can be read at any moment, however the process ends.
    """

    def __init__(
        self,
        module: nn.Module,
        folder: str | Path,
        *,
        epochs: Collection[int] | None = None,
        steps: Collection[int] = (),
        best: str | None = None,
        model: str | None = None,
        data: str | None = None,
        head: str | None = None,
        role: Literal["", "P-T", "RI-T", "P"] = "",
        seed: int | None = None,
        optimizer: torch.optim.Optimizer | None = None,
        weights: str = "as trained",
        resume: Mapping[str, Any] | None = None,
        state: Callable[[], Mapping[str, Tensor]] | None = None,
        everywhere: bool = False,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise UsageError(
                f"module: a {type(module).__name__} is wrong; expected the torch.nn.Module that is trained"
            )
        self._epochs = None if epochs is None else _whole("epochs", epochs, 0)
        self._steps = _whole("steps", steps, 1)
        self._wanted = None if best is None else house_names([best])[best]
        self._module, self._optimizer = module, optimizer
        self._state = state if state is not None else lambda: own_weights(module)
        self._everywhere = everywhere or is_sharded(module)  # all processes put weights in pieces together
        known = dict(resume) if resume is not None else {}
        try:
            self.steps_done, self.epochs_done = int(known.get("step", 0)), int(known.get("epoch", 0))
            self._best: float | None = known.get("best")
        except (TypeError, ValueError) as e:
            raise UsageError(f"resume: {resume!r} is wrong; expected what state_dict() said") from e
        self._losses = Losses()
        self._held: tuple[HostCopy, int, int] | None = None
        self._closed = False
        self._writes = rank() == 0
        self._bad: int | None = None
        start = None if resume is not None else self._copy()
        if not self._writes:
            return
        parameters = dict(module.named_parameters())
        about = {
            "model": model,
            "data": data,
            "head": _head(module) if head is None else head,
            "role": role,
            "seed": seed,
            "weights": weights,
            "parameters": sum(p.numel() for p in parameters.values()),
            "torch": torch.__version__,
            "processes": processes(),
        }
        self._folder = RecorderFolder(folder, about, self.steps_done if resume is not None else None)
        if self._best is None and self._wanted is not None:  # of a recording that goes on
            for value in self._folder.values(self._wanted):
                if self._best is None or better(self._wanted, value, self._best):
                    self._best = value
        self._work = Background()
        if start is not None:
            self._work.do(lambda: self._begin(start))

    def step(
        self,
        loss: Tensor | float | None = None,
        *,
        correct: Tensor | float | None = None,
        lr: float | None = None,
    ) -> None:
        """Say that the optimiser did one step; call it right after.

        Args:
            loss: of the batch, one number; a tensor is fetched later, so that no GPU is waited for.
            correct: which images of the batch were right, ``(b,)``, or their share.
            lr: learning rate of the step; by default the optimiser's first, where one was given.

        Raises:
            UsageError: for a loss that is not one number, or after :meth:`close`.
            StoreError: when what was recorded before could not be written.
        """
        self._check_open()
        self.steps_done += 1
        if not self._writes and not self._everywhere:
            return
        if self._writes:  # others only help to put weights together
            if lr is None and self._optimizer is not None:
                lr = float(self._optimizer.param_groups[0]["lr"])
            if loss is not None or correct is not None or lr is not None:
                self._losses.add(self.epochs_done + 1, self.steps_done, loss, correct, lr)
            if self._losses.full:
                self._tell_losses()
        if self.steps_done in self._steps:
            self.keep(f"step {self.steps_done}")

    def logged(self, loss: float) -> None:
        """Put the mean loss of the steps since the last call on record, where nobody says the loss of each."""
        self._check_open()
        if self._writes:
            self._tell_losses()
            row = {"kind": "mean", "epoch": self.epochs_done, "step": self.steps_done, "loss": float(loss)}
            self._work.do(lambda: self._folder.rows([row]))

    def evaluated(self, **metrics: Tensor | float) -> None:
        """Put metrics on record, as they are now: ``val_accuracy=0.7, val_loss=1.1``.

        Before or after :meth:`epoch`: those of the same step are of one evaluation.

        Args:
            metrics: numbers by name: ``train_``, ``val_`` or ``test_`` and ``loss``, ``accuracy``, ``auc``, or any.

        Raises:
            UsageError: for what is no number, or after :meth:`close`.
        """
        self._check_open()
        found = numbers(metrics)
        if self._writes and found:
            self._tell_losses()
            row = {"kind": "epoch", "epoch": self.epochs_done, "step": self.steps_done, **found}
            self._work.do(lambda: self._folder.rows([row]))
        if self._wanted is not None and self._wanted in found:
            value = found[self._wanted]
            if not math.isnan(value) and (self._best is None or better(self._wanted, value, self._best)):
                self._best = value
                self.keep("best")

    def epoch(self, **metrics: Tensor | float) -> None:
        """Say that an epoch is over, with its metrics as for :meth:`evaluated`."""
        self._check_open()
        self.epochs_done += 1
        if self._writes:
            self._tell_losses()
            row = {"kind": "epoch", "epoch": self.epochs_done, "step": self.steps_done, "ended": True}
            self._work.do(lambda: self._folder.rows([row]))
        self.evaluated(**metrics)
        number = self.epochs_done
        if number & (number - 1) == 0 if self._epochs is None else number in self._epochs:
            self.keep(f"epoch {number}")

    def keep(self, tag: str | None = None) -> None:
        """Keep the weights as they are now, by default under the number of the step."""
        self._check_open()
        copied = self._copy()
        if copied is not None:
            self._publish(
                f"step {self.steps_done}" if tag is None else tag, copied, self.epochs_done, self.steps_done
            )

    def hold(self) -> None:
        """Hold the weights as they are now, for :meth:`close` to take as the final ones.

        For loops that put other weights into the module before they end, such as the best ones.
        """
        self._check_open()
        if (copied := self._copy()) is not None:
            self._held = copied, self.epochs_done, self.steps_done

    def state_dict(self) -> dict[str, Any]:
        """Return what to keep in a checkpoint of your own, for ``resume`` of the recorder that goes on from there."""
        return {"step": self.steps_done, "epoch": self.epochs_done, "best": self._best}

    @property
    def closed(self) -> bool:
        """Whether training is over."""
        return self._closed

    def close(
        self,
        best: str | Mapping[str, Tensor] | None = None,
        *,
        best_at: Mapping[str, Any] | None = None,
        ended: str = "",
    ) -> None:
        """Keep the final weights, say that training is over, and wait until everything is on the disk.

        Closing twice does nothing.

        Args:
            best: the best weights, where they are known only now: the tag they were kept under, such as
                ``"epoch 3"``, or the weights; by default those at which the metric ``best`` was best.
            best_at: of weights that are given: ``epoch`` and ``step`` they are of, and ``by`` which metric.
            ended: why training stopped before its end; then there are no final weights.

        Raises:
            UsageError: when nothing was kept under that tag.
            StoreError: when something could not be written.
        """
        if self._closed:
            return
        if not ended:
            held = self._held is not None and self._held[2] == self.steps_done
            if held and self._held is not None:
                copied, epoch, step = self._held
                self._publish("final", copied, epoch, step)
            else:
                self.keep("final")
        self._closed, self._held = True, None
        if not self._writes:
            return
        try:
            self._tell_losses()
            self._work.do(lambda: self._end(best, best_at or {}, ended))
            self._work.finish()
        finally:
            self._folder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.stop(kind)

    def stop(self, kind: type[BaseException]) -> None:
        """Say that an error ended the training; what was recorded stays, and there are no final weights."""
        self.close(ended=f"stopped at step {self.steps_done} ({kind.__name__})")

    def _copy(self) -> HostCopy | None:
        """Begin to copy the weights; ``None`` in a process that writes nothing."""
        if not self._writes and not self._everywhere:
            return None
        with torch.no_grad():
            state = self._state()
            return host_copy(state) if self._writes else None

    def _publish(self, tag: str, copied: HostCopy, epoch: int, step: int) -> None:
        if self._writes:
            self._work.do(lambda: self._folder.weights(tag, copied.wait(), epoch, step))

    def _begin(self, start: HostCopy) -> None:
        params = start.wait()
        self._folder.weights(START, params, 0, 0)
        self._folder.say(start=bits_digest(params))

    def _tell_losses(self) -> None:
        if self._writes and (block := self._losses.take()) is not None:
            self._work.do(lambda: self._rows(block()))

    def _rows(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if self._bad is None and not math.isfinite(row.get("loss", 0.0)):
                self._bad = int(row["step"])
        self._folder.rows(rows)

    def _end(self, best: str | Mapping[str, Tensor] | None, best_at: Mapping[str, Any], ended: str) -> None:
        folder = self._folder
        reason = ended or "finished"
        if not ended and (bad := self._not_finite()):
            reason = f"diverged at step {bad}"
        chosen: dict[str, Any] | None = None
        if isinstance(best, str):
            if best not in folder.tags:
                raise UsageError(f"best: nothing was kept under {best!r}{nearest(best, folder.tags)}")
            if best != "best":
                folder.weights("best", self._params(best), **folder.tags[best])
            chosen = {**folder.tags["best"], "by": "given"}
        elif best is not None:
            at = {"epoch": self.epochs_done, "step": self.steps_done, "by": "given", **best_at}
            at["epoch"] = self.epochs_done if at["epoch"] is None else at["epoch"]
            folder.weights("best", own_params(best), at["epoch"], at["step"])
            chosen = at
        elif "best" in folder.tags:
            chosen = {**folder.tags["best"], "by": self._wanted or "given"}
        folder.end({"reason": reason, "epoch": self.epochs_done, "step": self.steps_done, "best": chosen})

    def _not_finite(self) -> int | None:
        """Return the step at which training diverged: its final weights are no finite numbers."""
        values = self._params("final").values()
        if all(bool(value.isfinite().all()) for value in values if value.is_floating_point()):
            return None
        return self._bad or self.steps_done

    def _params(self, tag: str) -> Params:
        from ..store.recording import Recording

        return Recording.open(self._folder.root).weights[tag]

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError("the recorder is closed; make another one, with another folder, for another training")


def record(module: nn.Module, folder: str | Path, **options: Any) -> Recorder:
    """Record a training loop of yours into a folder of its own, which the other commands take as they take a file.

    Make it before training: it keeps the weights as they are. Weights are kept after some epochs and steps, and at
    the end; ``transferscope inspect FOLDER``, ``compare FOLDER FOLDER`` and ``runs:`` in a study ask about them.

    Args:
        module: what is trained; may be wrapped (DDP, FSDP, ``torch.compile``). To record averaged weights, give the
            module that holds them, and say so in ``weights``.
        folder: a new or empty folder.
        options: ``epochs``, after which weights are kept, by default 1, 2, 4, 8, …; ``steps``, the same by steps;
            ``best``, a metric by which the best weights are chosen as it is told (``"val_accuracy"``; the least of
            losses and errors, the most of all else); ``model`` and ``data``, how network and images are called on
            the command line, so that it need not be said there; ``head``, prefix of the final classifier's tensors;
            ``role``, ``"P-T"`` from pre-trained or ``"RI-T"`` from random weights; ``seed``; ``optimizer``, whose
            learning rate is then recorded; ``weights``, what they are if not as trained; ``resume``, what
            ``state_dict()`` said, to go on with a recording.

    Returns:
        The recorder: call ``step(loss)`` after each step of the optimiser, ``epoch(val_accuracy=…)`` after each
        epoch, ``close()`` at the end, or use it as a context.

    Raises:
        UsageError: for an option that there is not, or cannot be.
        StoreError: when the folder holds something else, or cannot be written.

    >>> import tempfile
    >>> from ..store.recording import Recording
    >>> net = nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with record(net, f"{place}/mine", optimizer=torch.optim.SGD(net.parameters(), lr=0.1)) as recorder:
    ...         for epoch in range(3):
    ...             recorder.step(net(torch.ones(4, 2)).square().mean())
    ...             recorder.epoch(val_loss=1.0)
    ...     print(Recording.open(f"{place}/mine").line())
    mine: finished; 3 epochs, 3 steps; weights kept: epoch 0, epoch 1, epoch 2, final
    """
    check_options(options)
    return Recorder(module, folder, **options)


def check_options(options: Mapping[str, Any]) -> None:
    """Raise unless these are options of :func:`record`.

    Raises:
        UsageError: naming one that is not.
    """
    known = set(Recorder.__init__.__kwdefaults__ or ()) - {"state", "everywhere"}
    for name in options:
        if name not in known:
            raise UsageError(f"there is no option {name!r}{nearest(name, known)}")


def own_params(weights: Mapping[str, Tensor]) -> Params:
    """Return copies on the CPU of weights given as a state dict."""
    return host_copy({k: v for k, v in weights.items() if isinstance(v, Tensor)}).wait()


def _whole(name: str, given: Collection[int], least: int) -> frozenset[int]:
    found = frozenset(given)
    for value in found:
        if not isinstance(value, int) or value < least:
            raise UsageError(f"{name}: {value!r} is wrong; expected whole numbers, each {least} or more")
    return found


def _head(module: nn.Module) -> str:
    """Return the prefix of the last linear layer's tensors by its own name; empty when there is none."""
    linear = [name for name, part in module.named_modules() if isinstance(part, nn.Linear) and name]
    return linear[-1] if linear else ""
