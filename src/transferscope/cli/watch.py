"""A page that is kept fresh while a study is under way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["watch"]

_TO_COME = frozenset({"running", "stopped", "missing"})


def watch(
    folder: str | Path,
    seconds: float,
    failed: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> Path:
    """Write the report of a run folder whenever a step has been done, until nothing more is to come.

    While something is, the page asks its browser to load it again.

    Args:
        folder: the run folder.
        seconds: between two looks.
        failed: told what could not be made, a line each.
        sleep: waits.

    Returns:
        The page's path.

    Raises:
        StoreError: when it is no run folder.
    """
    from ..report import write_report
    from ..study.status import status

    seen: list[str] = []
    while True:
        states = [step.state for step in status(folder).steps]
        under_way = not _TO_COME.isdisjoint(states)
        if states != seen or not under_way:
            lines: list[str] = []
            page = write_report(folder, lines.append, refresh=max(1, round(seconds)) if under_way else 0)
            if not under_way:
                for line in lines:
                    failed(line)
                return page
            seen = list(states)
        sleep(seconds)
