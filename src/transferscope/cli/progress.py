"""Progress on a terminal as one bar with the time left; elsewhere as plain lines, a few a minute at most."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Display", "duration"]

_PLAIN_EVERY = 15.0
_SURE_AFTER, _SURE_FROM = 10.0, 0.03
"""Seconds and share before which the time left would be a wild guess."""


def duration(seconds: float) -> str:
    """Write a length of time as a person would.

    >>> duration(4.2), duration(75), duration(3700)
    ('4 s', '1 min 15 s', '1 h 1 min')
    """
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class Display:
    """Shows how far the work is, out of a total of 1, with what is being done and an estimate of the time left.

    Args:
        stream: where it goes; a bar when it is a terminal, plain lines otherwise.
        clock: seconds, for the estimate.
        patient: whether the first plain line, too, comes only after some seconds: of work that is often short.
    """

    def __init__(self, stream: TextIO | None = None, clock: Any = time.monotonic, *, patient: bool = False) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._started = clock()
        self._last_line = self._started if patient else -1e9
        self._bar: tqdm[Any] | None = None
        if self._stream.isatty():
            from tqdm import tqdm as make

            layout = "{percentage:3.0f}% {bar} {desc}"
            self._bar = make(
                total=1.0, file=self._stream, bar_format=layout, miniters=0, dynamic_ncols=True, leave=False
            )

    def update(self, fraction: float, what: str) -> None:
        """Show that ``fraction`` (0…1) of all the work is done and ``what`` is being done."""
        now = self._clock()
        gone = now - self._started
        sure = gone >= _SURE_AFTER and fraction >= _SURE_FROM
        times = f"{duration(gone)} gone" + (f", about {duration(gone / fraction - gone)} left" if sure else "")
        if self._bar is not None:
            self._bar.set_description_str(f"{times}  {what}", refresh=False)
            self._bar.update(max(0.0, fraction - self._bar.n))
        elif now - self._last_line >= _PLAIN_EVERY:
            self._last_line = now
            print(f"{100 * fraction:3.0f}%  {times}  {what}", file=self._stream, flush=True)

    def say(self, line: str) -> None:
        """Print a line of its own, above the bar when there is one."""
        if self._bar is not None:
            self._bar.write(line, file=self._stream)
        else:
            print(line, file=self._stream, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
