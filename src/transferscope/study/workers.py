"""Steps side by side, each in a process of its own (:mod:`transferscope.study.worker`)."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from ..errors import TransferscopeError
from ..runtime import python_path, sleep_while_waiting
from ..store.folder import RunFolder
from .events import Listener, StepEvent
from .graph import Plan, Step, in_order
from .schedule import Schedule

__all__ = ["run_in_workers"]


class _Worker:
    """One process and the step it is at."""

    def __init__(
        self, number: int, command: list[str], threads: int, log: Path, heard: queue.SimpleQueue[Any]
    ) -> None:
        self.number = number
        self.step: Step | None = None
        self.ready = False
        self.log = log
        environment = {**os.environ, "PYTHONPATH": python_path(), "OMP_NUM_THREADS": str(threads)}
        sleep_while_waiting(environment)
        self._log_file: IO[bytes] = log.open("wb")
        # In a session of its own, so that an interrupt from the keyboard reaches only the engine, which then decides.
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log_file,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(heard,), daemon=True)
        self._reader.start()

    def _read(self, heard: queue.SimpleQueue[Any]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            heard.put((self, json.loads(line)))
        heard.put((self, {"ended": self.process.wait()}))

    def ask(self, step: Step) -> None:
        """Hand over a step with all it needs, as the folder's plan may become that of an edited study meanwhile."""
        assert self.process.stdin is not None
        self.step = step
        order = {"digest": step.digest, "plan": Plan(in_order([step]), {}, {}).to_json()}
        with suppress(BrokenPipeError):  # it ended, of which its reader tells
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        """End the process, whatever it is doing, and wait for it."""
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self._log_file):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def last_words(self) -> str:
        """Return the last line the process wrote to standard error."""
        lines = self.log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def run_in_workers(
    schedule: Schedule, folder: RunFolder, *, jobs: int, device: str, threads: int, heard: Listener
) -> None:
    """Run a schedule to its end in at most ``jobs`` processes.

    Raises:
        TransferscopeError: what a worker found wrong with the user's input or with the folder.
    """
    messages: queue.SimpleQueue[tuple[_Worker, dict[str, Any]]] = queue.SimpleQueue()
    workers: list[_Worker] = []
    module = "transferscope.study.worker"
    # -P: the folder a study is run from may hold a queue.py or a json.py, which is nobody's business here.
    command = [sys.executable, "-P", "-m", module, folder.address, "--device", device, "--threads", str(threads)]
    (folder.root / "work").mkdir(exist_ok=True)

    def employ(step: Step) -> None:
        idle = next((w for w in workers if w.step is None), None)
        if idle is None:
            number = len(workers)
            log = folder.root / "work" / f"worker-{os.getpid()}-{number}.log"
            idle = _Worker(number, command, threads, log, messages)
            workers.append(idle)
        idle.ask(step)

    try:
        while True:
            while sum(w.step is not None for w in workers) < jobs and (step := schedule.take()) is not None:
                employ(step)
            if not any(w.step is not None for w in workers):
                return
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
                workers.remove(worker)
                words = worker.last_words()
                worker.stop()
                if worker.step is not None:
                    code = message["ended"]
                    how = f"was killed (signal {-code}); out of memory?" if code < 0 else f"ended with status {code}"
                    error = f"its process {how}" + (f": {words}" if words else "")
                    folder.fail(worker.step.identity, error, "")
                    heard(StepEvent("failed", worker.step.title, worker.step.digest, text=error))
                    schedule.drop(worker.step, error, heard)
    finally:
        for worker in workers:
            worker.stop()
            worker.log.unlink(missing_ok=True)
