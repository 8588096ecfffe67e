"""Perform one step in this process: claim it, compute it, publish it."""

from __future__ import annotations

import errno
import platform
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import StoreError, TransferscopeError
from ..progress import Progress
from ..store.atomic import said_plainly
from ..store.folder import RunFolder, now, software
from ..store.step import Draft, StepRecord, StoredStep
from .events import Listener, StepEvent
from .graph import Step

if TYPE_CHECKING:
    import torch

__all__ = ["Context", "StepFailedError", "perform"]

_WORK = {
    "data": "transferscope.study.work.data:prepare",
    "train": "transferscope.study.work.train:train",
    "checkpoint": "transferscope.study.work.checkpoint:take",
    "head": "transferscope.study.work.probed:fit_head",
    "recording": "transferscope.study.work.recording:take",
    "analysis": "transferscope.study.work.analysis:analyse",
}
_RESUMABLE = {"train", "analysis"}
_INPUT = {"data", "checkpoint", "recording"}
"""Steps that only read what the user gave: what is wrong with that is said at once, before time is spent on more."""


class StepFailedError(Exception):
    """A step ended in an error, which is on record; the message is one line."""


@dataclass(eq=False)
class Context:
    """What the code of a step gets.

    Attributes:
        step: what to compute.
        folder: where inputs are found.
        draft: where the outcome goes.
        device: where to compute.
        progress: how to say how far it is.
        earlier: seconds computed in earlier sittings, set by a step that resumes.
        started: when the first sitting began.
    """

    step: Step
    folder: RunFolder
    draft: Draft
    device: torch.device
    progress: Progress
    earlier: float = 0.0
    started: str = field(default_factory=now)
    _begun: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Time computed so far, over all sittings."""
        return self.earlier + time.perf_counter() - self._begun

    def stored(self, role: str) -> StoredStep:
        """Return the outcome of an input."""
        step = self.step.inputs[role]
        stored = self.folder.find(step.identity)
        if stored is None:
            raise StoreError(f"{self.folder.root}: the step {step.title!r} is needed and not there; was it deleted?")
        return stored


def perform(
    step: Step, folder: RunFolder, *, device: torch.device, threads: int, listener: Listener
) -> tuple[bool, StoredStep]:
    """Compute a step unless it is there.

    Args:
        step: what to compute; its inputs are there.
        folder: where it goes.
        device: where to compute.
        threads: how many threads torch uses; on CPU the bits are the same for the same number.
        listener: told when it begins, advances, waits and ends.

    Returns:
        Whether it was there, and the outcome.

    Raises:
        StepFailedError: when the step's own code raised; the error is on record in the folder.
        TransferscopeError: when images or a checkpoint of the user cannot be used.
        StoreError: when the folder cannot be written or the disk is full: no other step would fare better.
    """
    from .. import runtime

    def tell(what: Any, **more: Any) -> None:
        listener(StepEvent(what, step.title, step.digest, **more))

    if (stored := folder.find(step.identity)) is not None:
        tell("reused")
        return True, stored
    with folder.claim(step.identity, lambda owner: tell("waiting", text=f"{owner} computes it")):
        if (stored := folder.find(step.identity)) is not None:
            tell("reused")
            return True, stored
        resumed = step.kind in _RESUMABLE and folder.in_work(step.identity)
        draft = folder.draft(step.identity, resume=resumed)
        tell("resumed" if resumed else "begun")
        context = Context(step, folder, draft, device, _throttled(tell))
        try:
            with runtime.threads(threads):
                _work(step.kind)(context)
        except (StoreError, BrokenPipeError):  # the folder, or whoever listens: not the step's fault
            raise
        except Exception as e:
            if isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT):
                with said_plainly(folder.root):
                    raise
            known = isinstance(e, TransferscopeError)
            error = " ".join(str(e).split()) if known else _unforeseen(e)
            with suppress(StoreError):
                folder.fail(step.identity, error, "" if known else traceback.format_exc())
            if known and step.kind in _INPUT:
                raise  # ends the study with this one line
            tell("failed", text=error)
            raise StepFailedError(error) from e
        record = StepRecord(
            identity=step.identity,
            spec=step.spec,
            inputs={role: needed.digest for role, needed in step.inputs.items()},
            started=context.started,
            finished=now(),
            seconds=round(context.seconds, 3),
            machine={
                **runtime.machine(device),
                "threads": threads,
                "transferscope": software(),
                "host": platform.node(),
            },
            notes=tuple(draft.notes),
        )
        stored = draft.finish(record, folder.place(step.identity))
        folder.forgive(step.identity)
        if step.kind == "data":  # test images among those of training: to be known before the page
            for note in draft.notes:
                tell("noted", text=note.text)
        tell("done", seconds=record.seconds)
        return False, stored


def _work(kind: str) -> Callable[[Context], None]:
    module, name = _WORK[kind].split(":")
    work: Callable[[Context], None] = getattr(import_module(module), name)
    return work


def _unforeseen(e: Exception) -> str:
    error = f"{type(e).__name__}: {' '.join(str(e).split())}"
    if isinstance(e, ImportError) and (e.name or "").startswith("transferscope"):
        # A worker reads a module when a step first wants it, which may be hours after the others.
        error += "; was transferscope updated while this ran? Give the same command again"
    return error


def _throttled(tell: Callable[..., None], interval: float = 0.1) -> Progress:
    last = 0.0

    def progress(done: int, total: int, unit: str) -> None:
        nonlocal last
        if done >= total or time.monotonic() - last >= interval:
            last = time.monotonic()
            tell("advanced", done=done, total=total, unit=unit)

    return progress
