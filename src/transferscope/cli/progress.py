"""Progress on a terminal as one bar with the time left; elsewhere as plain lines, a few a minute at most."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["Display", "duration"]

_PLAIN_EVERY = 15.0


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
    """

    def __init__(self, stream: TextIO | None = None, clock: Any = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._started = clock()
        self._last_line = -1e9
        self._bar: tqdm[Any] | None = None
        if self._stream.isatty():
            from tqdm import tqdm as make

            layout = "{percentage:3.0f}% {bar} {elapsed} gone, {remaining} left  {postfix}"
            self._bar = make(total=1.0, file=self._stream, bar_format=layout, dynamic_ncols=True, leave=False)

    def update(self, fraction: float, what: str) -> None:
        """Show that ``fraction`` (0…1) of all the work is done and ``what`` is being done."""
        if self._bar is not None:
            self._bar.set_postfix_str(what, refresh=False)
            self._bar.update(max(0.0, fraction - self._bar.n))
            return
        now = self._clock()
        if now - self._last_line < _PLAIN_EVERY:
            return
        self._last_line = now
        gone = now - self._started
        left = f", about {duration(gone / fraction - gone)} left" if fraction > 0.02 and gone > 2 else ""
        print(f"{100 * fraction:3.0f}%  {duration(gone)} gone{left}  {what}", file=self._stream, flush=True)

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
