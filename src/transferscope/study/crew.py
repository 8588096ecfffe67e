"""Processes that are started before there is work for them, and load what any work needs meanwhile.

To load torch and what stands on it takes a process some seconds of one core: as long as it takes the first one to
read the files it is asked about.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from ..runtime import python_path, sleep_while_waiting

__all__ = ["Crew", "Mate"]

_WORKER = "transferscope.study.worker"


@dataclass(frozen=True)
class Mate:
    """A process that takes orders on its stdin.

    Attributes:
        process: with text streams.
        log: what it writes to standard error.
        threads: of the libraries it loads.
    """

    process: subprocess.Popen[str]
    log: IO[bytes]
    threads: int

    @classmethod
    def start(cls, threads: int, module: str = _WORKER) -> Mate:
        """Start a process.

        Args:
            threads: of the libraries it loads.
            module: what it runs.
        """
        environment = {**os.environ, "PYTHONPATH": python_path(), "OMP_NUM_THREADS": str(threads)}
        sleep_while_waiting(environment)
        log = tempfile.TemporaryFile()  # noqa: SIM115
        process = subprocess.Popen(
            # -P: the folder a study is run from may hold a queue.py or a json.py, which is nobody's business here.
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            # In a session of its own, so that an interrupt from the keyboard reaches only who gives the orders.
            start_new_session=True,
        )
        return cls(process, log, threads)

    def say(self, line: str) -> None:
        """Hand over an order; a process that has ended takes none, of which its reader tells."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(f"{line}\n")
            self.process.stdin.flush()

    def stop(self) -> None:
        """End the process, whatever it is doing, and wait for it."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.log):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()

    def last_words(self) -> str:
        """Return the last line the process wrote to standard error."""
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


class Crew:
    """Processes that wait for work; a context, with whose end they end.

    Args:
        count: how many.
        threads: of the libraries they load.
        module: what they run.
    """

    def __init__(self, count: int, threads: int, module: str = _WORKER) -> None:
        self._waiting: list[Mate] = []
        for _ in range(count):
            with suppress(OSError):  # this machine has no room for one more: whoever wants it will see
                self._waiting.append(Mate.start(threads, module))

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for mate in self._waiting:
            mate.stop()
        self._waiting.clear()

    def take(self, threads: int | None = None) -> Mate | None:
        """Return one that waits, if there is one with so many threads; it is the taker's from now on."""
        for mate in self._waiting:
            if threads in (None, mate.threads) and mate.process.poll() is None:
                self._waiting.remove(mate)
                return mate
        return None

    def back(self, mate: Mate) -> None:
        """Take one back that waits again."""
        self._waiting.append(mate)
