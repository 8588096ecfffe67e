"""Steps side by side, each in a process of its own (:mod:`transferscope.study.worker`) or in a thread of this one."""

from __future__ import annotations

import json
import queue
import threading
from typing import Any, Protocol

from ..errors import TransferscopeError
from ..runtime import pick_device
from ..store.folder import RunFolder
from .crew import Crew, Mate
from .events import Listener, StepEvent
from .graph import Plan, Step, in_order
from .schedule import Schedule
from .worker import answer

__all__ = ["run_in_workers"]

_Heard = queue.SimpleQueue[tuple["_Worker", dict[str, Any]]]


class _Worker(Protocol):
    """Who performs steps, and the one at hand."""

    step: Step | None

    def ask(self, step: Step) -> None:
        """Hand over a step."""

    def stop(self) -> None:
        """End, whatever is being done."""


class _Process:
    """A process and the step it is at."""

    def __init__(self, mate: Mate, folder: RunFolder, device: str, threads: int, heard: _Heard) -> None:
        self.mate = mate
        self.step: Step | None = None
        self._where = {"folder": folder.address, "device": device, "threads": threads}
        self._reader = threading.Thread(target=self._read, args=(heard,), daemon=True)
        self._reader.start()

    def _read(self, heard: _Heard) -> None:
        assert self.mate.process.stdout is not None
        for line in self.mate.process.stdout:
            message = json.loads(line)
            if "idle" in message:
                return
            heard.put((self, message))
        heard.put((self, {"ended": self.mate.process.wait()}))

    def ask(self, step: Step) -> None:
        """Hand over a step with all it needs, as the folder's plan may become that of an edited study meanwhile."""
        self.step = step
        order = {**self._where, "digest": step.digest, "plan": Plan(in_order([step]), {}, {}).to_json()}
        self.mate.say(json.dumps(order))

    def stop(self) -> None:
        self.mate.stop()
        self._reader.join()
        assert self.mate.process.stdout is not None
        self.mate.process.stdout.close()

    def dismissed(self) -> Mate:
        """Return the process, which waits for other work."""
        self.mate.say("{}")
        self._reader.join()
        return self.mate


class _StoppedError(BaseException):
    """Leads out of a step that nobody wants any more; no error, which would go on record."""


class _Thread:
    """A thread of this process, which has loaded all it needs, and the step it is at."""

    def __init__(self, folder: RunFolder, device: str, threads: int, heard: _Heard) -> None:
        self.step: Step | None = None
        self._folder, self._device, self._threads, self._heard = folder, pick_device(device), threads, heard
        self._orders: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="transferscope worker", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while (step := self._orders.get()) is not None:
                answer(step, self._folder, self._device, self._threads, self._send)
        except _StoppedError:
            pass
        except BaseException as e:
            self._heard.put((self, {"fatal": f"{type(e).__name__}: {e}"}))

    def _send(self, message: dict[str, Any]) -> None:
        if self._stopped.is_set():
            raise _StoppedError
        self._heard.put((self, message))

    def ask(self, step: Step) -> None:
        self.step = step
        self._orders.put(step)

    def stop(self) -> None:
        """Lead out of the step at its next word, and wait for that: torch is not left while it computes."""
        self._stopped.set()
        self._orders.put(None)
        self._thread.join()


def run_in_workers(
    schedule: Schedule,
    folder: RunFolder,
    *,
    jobs: int,
    device: str,
    threads: int,
    heard: Listener,
    crew: Crew | None = None,
) -> None:
    """Run a schedule to its end, at most ``jobs`` steps at the same time.

    Args:
        schedule: what to do.
        folder: where it goes.
        jobs: how many steps side by side.
        device: where to compute.
        threads: of each step.
        heard: told of every event.
        crew: processes that wait already; one step at a time is then performed by a thread of this process, too.

    Raises:
        TransferscopeError: what a worker found wrong with the user's input or with the folder.
    """
    messages: _Heard = queue.SimpleQueue()
    workers: list[_Worker] = [] if crew is None else [_Thread(folder, device, threads, messages)]

    def employ(step: Step) -> None:
        idle = next((w for w in workers if w.step is None), None)
        if idle is None:
            mate = (None if crew is None else crew.take(threads)) or Mate.start(threads)
            idle = _Process(mate, folder, device, threads, messages)
            workers.append(idle)
        idle.ask(step)

    try:
        while True:
            while sum(w.step is not None for w in workers) < jobs and (step := schedule.take()) is not None:
                employ(step)
            if not any(w.step is not None for w in workers):
                break
            worker, message = messages.get()
            if "event" in message:
                heard(StepEvent(**message["event"]))
            elif "finished" in message:
                assert worker.step is not None
                schedule.finish(worker.step, reused=bool(message["reused"]))
                worker.step = None
            elif "failed" in message:
                assert worker.step is not None
                step, worker.step = worker.step, None
                schedule.drop(step, str(message["error"]), heard)
            elif "fatal" in message:
                raise TransferscopeError(str(message["fatal"]))
            elif "ended" in message:
                assert isinstance(worker, _Process)
                workers.remove(worker)
                words = worker.mate.last_words()
                worker.stop()
                if worker.step is not None:
                    code = message["ended"]
                    how = f"was killed (signal {-code}); out of memory?" if code < 0 else f"ended with status {code}"
                    error = f"its process {how}" + (f": {words}" if words else "")
                    folder.fail(worker.step.identity, error, "")
                    heard(StepEvent("failed", worker.step.title, worker.step.digest, text=error))
                    schedule.drop(worker.step, error, heard)
        while crew is not None and any(isinstance(w, _Process) for w in workers):
            done = next(w for w in workers if isinstance(w, _Process))
            workers.remove(done)
            crew.back(done.dismissed())
    finally:
        for worker in workers:
            worker.stop()
