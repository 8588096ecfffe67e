"""An interrupt, or SIGTERM as schedulers send it, is answered soon, whatever the main thread is at."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["INTERRUPTED", "answered_soon", "leave"]

INTERRUPTED = 130
"""Exit code after an interrupt, as shells have it: 128 + SIGINT."""


@contextmanager
def answered_soon(words: str, seconds: float = 1.5) -> Iterator[None]:
    """Take SIGTERM for an interrupt, and end the process when either has not led out of the block within ``seconds``.

    Python runs signal handlers between two steps of the main thread; a backward pass or a decomposition can be one
    step of many seconds. What is in the store is safe from an end at any moment, and child processes end with the
    streams they read from.

    Args:
        words: what to say then.
        seconds: how long the usual way out may take.
    """
    read, write = os.pipe()
    os.set_blocking(write, False)
    out = threading.Event()

    def watch() -> None:
        while number := os.read(read, 1):
            if number[0] in (signal.SIGINT, signal.SIGTERM) and not out.wait(seconds):
                print(f"\n{words}", file=sys.stderr)
                leave()

    thread = threading.Thread(target=watch, daemon=True)
    before = signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    ended = signal.signal(signal.SIGTERM, signal.default_int_handler)
    thread.start()
    try:
        yield
    finally:
        out.set()
        signal.signal(signal.SIGTERM, ended)
        signal.set_wakeup_fd(before)
        os.close(write)
        thread.join()
        os.close(read)


def leave() -> None:
    """End the process now: to take the libraries apart would take a second."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)
