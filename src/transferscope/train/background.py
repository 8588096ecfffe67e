"""Work for a thread of its own, in order, so that training does not wait for a disk."""

from __future__ import annotations

import atexit
import os
import queue
import threading
from collections.abc import Callable

__all__ = ["Background"]

_WAITING = 4
"""Most jobs that wait: each may hold a copy of all weights."""


class Background:
    """Jobs are done one after the other; what one of them raises is raised by the next call here.

    >>> done = []
    >>> work = Background()
    >>> work.do(lambda: done.append(1))
    >>> work.finish()
    >>> done
    [1]
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[Callable[[], None] | None] = queue.Queue(_WAITING)
        self._error: BaseException | None = None
        self._owner = os.getpid()
        self._thread = threading.Thread(target=self._run, name="transferscope recorder", daemon=True)
        self._thread.start()
        atexit.register(self._last)

    def do(self, job: Callable[[], None]) -> None:
        """Queue a job; waits when many are queued already.

        Raises:
            Exception: what an earlier job raised, once.
        """
        self._complain()
        if os.getpid() == self._owner:  # a process that was forked off has no such thread
            self._jobs.put(job)

    def finish(self) -> None:
        """Wait until all jobs are done, and end the thread.

        Raises:
            Exception: what a job raised.
        """
        if os.getpid() == self._owner and self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()
        atexit.unregister(self._last)
        self._complain()

    def _last(self) -> None:
        """Do what is queued still where a program ends without saying so."""
        if os.getpid() == self._owner and self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            if self._error is not None:
                continue  # what follows an error would leave gaps
            try:
                job()
            except BaseException as e:
                self._error = e

    def _complain(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
