"""Figures drawn by other processes, from the last to the first, while a page is made from the first to the last.

Whoever comes to a figure first draws it, so that all are busy until they meet. What a process cannot draw, or had not
when it ended, is drawn where the page is made: others save time and change nothing.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runtime import usual_threads
from ..study.crew import Crew, Mate
from .figures import Drawn

__all__ = ["Artists", "Order", "artists_for"]

_ARTIST = "transferscope.report.artist"
"""What a process runs that is started to draw."""

_WORTH = 6
"""Figures for which one more process is started: a start takes as long as three of them."""

_WORTH_ASKING = 2
"""Figures for which a process that is there already is asked to draw, too."""

_MOST = 8
"""Processes at most; each has the results, and a torch, in its memory."""


@dataclass(frozen=True)
class Order:
    """A figure to be drawn.

    Attributes:
        item: of the study.
        target: whose answer.
        view: name of what it shows of the answer; empty for the first.
        name: of its files, without an ending.
        numbers: identity of what it shows.
    """

    item: str
    target: str
    view: str
    name: str
    numbers: str


def artists_for(figures: int, processes: int) -> int:
    """Return how many processes are started besides the one that is there.

    >>> artists_for(11, 1), artists_for(11, 4), artists_for(5, 4), artists_for(1000, 64)
    (0, 1, 0, 8)
    """
    return max(0, min(processes - 1, figures // _WORTH, _MOST))


class Artists:
    """Processes that draw figures of one run folder; to be used as a context, whose end is theirs.

    Args:
        folder: the run folder.
        orders: what has to be drawn, in the order of the page.
        processes: that may work, this one among them.
        crew: processes that wait for work already.
    """

    def __init__(self, folder: Path, orders: Iterable[Order], processes: int, crew: Crew | None = None) -> None:
        self._folder, self._crew = folder, crew
        self._waiting = {order.name: order for order in orders}
        self._busy: set[str] = set()
        self._drawn: dict[str, Drawn] = {}
        self._changed = threading.Condition()
        self._others = artists_for(len(self._waiting), processes)
        self._asked = max(0, min(processes - 1, len(self._waiting) // _WORTH_ASKING))
        self._mates: list[Mate] = []

    def __enter__(self) -> Artists:
        """Ask who is there, and start the other processes."""
        while self._crew is not None and len(self._mates) < self._asked and (mate := self._crew.take()) is not None:
            self._mates.append(mate)
        for _ in range(self._others - len(self._mates)):
            try:
                self._mates.append(Mate.start(usual_threads(1), _ARTIST))
            except OSError:  # this machine has no room for one more
                break
        for mate in self._mates:
            mate.say(json.dumps({"figures": str(self._folder)}))
            threading.Thread(target=self._keep_busy, args=(mate.process,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        with self._changed:
            self._waiting.clear()
        for mate in self._mates:
            mate.stop()

    def take(self, name: str) -> Drawn | None:
        """Return a figure as soon as another process has drawn it; ``None``: it is drawn by no other."""
        with self._changed:
            self._waiting.pop(name, None)
            self._changed.wait_for(lambda: name not in self._busy)
            return self._drawn.pop(name, None)

    def kept(self) -> int:
        """Return how many figures are drawn that nobody has taken yet."""
        with self._changed:
            return len(self._drawn)

    def _keep_busy(self, process: subprocess.Popen[str]) -> None:
        """Have a process draw one figure after the other, the last first, until all are taken or it ends."""
        assert process.stdin is not None and process.stdout is not None
        with suppress(OSError), process.stdin, process.stdout:  # it may end with an order half written
            while (order := self._last()) is not None:
                drawn = None
                with suppress(OSError, ValueError, TypeError):
                    process.stdin.write(json.dumps(asdict(order)) + "\n")
                    process.stdin.flush()
                    drawn = Drawn(**json.loads(process.stdout.readline()))
                with self._changed:
                    self._busy.discard(order.name)
                    if drawn is not None:
                        self._drawn[order.name] = drawn
                    self._changed.notify_all()
                if drawn is None and process.poll() is not None:
                    return

    def _last(self) -> Order | None:
        with self._changed:
            if not self._waiting:
                return None
            _, order = self._waiting.popitem()
            self._busy.add(order.name)
            return order
