"""Read one file under watch: did it end in a result or one line, in time, and was nothing run?"""

from __future__ import annotations

import ast
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any

from transferscope.errors import TransferscopeError
from transferscope.study.problems import StudyError

__all__ = ["LIMIT", "judged", "watch"]

LIMIT = 10
"""Seconds after which a file counts as one that hangs."""

_RUNS = ("os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn", "socket.connect",
         "webbrowser.open")  # fmt: skip
_PACKAGE = f"{os.sep}transferscope{os.sep}"
_LONGEST = 4000

_seen: list[str] = []
_state = {"watching": False}


class _HangError(BaseException):
    """Time is up; not an ``Exception``, so that nothing swallows it."""


def watch() -> None:
    """Note from now on whatever this process would run, open outside, or connect to, while a file is read."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if _state["watching"] and event.startswith(_RUNS):
            _seen.append(f"{event}{arguments!r}"[:200])

    sys.addaudithook(hook)


def judged(read: Callable[[Path], object], path: Path, marker: Path) -> str:
    """Return what is wrong with how a file is read, ``""`` for nothing.

    Args:
        read: reads it.
        path: of the file.
        marker: a file that is written when code in it is run.
    """
    _seen.clear()
    try:
        with _limited():
            _state["watching"] = True
            try:
                read(path)
            finally:
                _state["watching"] = False
        wrong = ""
    except TransferscopeError as e:
        wrong = _of_refusal(e)
    except _HangError:
        wrong = f"hangs: not read after {LIMIT} s"
    except BaseException as e:
        wrong = f"traceback: {type(e).__name__}: {e} at {_place(e.__traceback__)}"
    if marker.exists():
        marker.unlink()
        wrong = f"code run: the marker is there; {wrong}"
    return f"code run: {_seen[0]}; {wrong}" if _seen else wrong


def _of_refusal(e: TransferscopeError) -> str:
    """Say what is wrong with an error: several lines, words of a fault, or a fault that a wide ``except`` hides."""
    text = str(e)
    if isinstance(e, StudyError):  # all that is wrong with a study, a line each
        text = text.replace("\n", " ")
    if "\n" in text or "\r" in text:
        return f"message of several lines: {text[:300]!r}"
    if len(text) > _LONGEST:
        return f"message of {len(text)} characters: {text[:200]!r}"
    if "internal error" in text or "fault of transferscope" in text:
        return f"internal error: {text}"
    cause = e.__cause__
    if cause is not None and not isinstance(cause, TransferscopeError) and _PACKAGE in _file(cause.__traceback__):
        at = e.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        if at is not None and at.tb_lineno in _wide(at.tb_frame.f_code.co_filename):
            return f"a wide except hides {type(cause).__name__}: {cause} at {_place(cause.__traceback__)}"
    return ""


@lru_cache(maxsize=64)
def _wide(file: str) -> frozenset[int]:
    """Return the lines of a file that lie in a handler of every exception."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(Path(file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            kind = node.type
            if kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException")):
                found.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return frozenset(found)


def _file(at: TracebackType | None) -> str:
    frames = traceback.extract_tb(at)
    return frames[-1].filename if frames else ""


def _place(at: TracebackType | None) -> str:
    frames = traceback.extract_tb(at)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-4:]))


@contextmanager
def _limited() -> Iterator[None]:
    def up(*_: object) -> None:
        raise _HangError

    # Of the time this process computes, as a busy machine is no fault of the file's; and of the clock: it may wait.
    timers = ((signal.ITIMER_VIRTUAL, signal.SIGVTALRM, LIMIT), (signal.ITIMER_REAL, signal.SIGALRM, 30 * LIMIT))
    before = [(timer, number, signal.signal(number, up)) for timer, number, _ in timers]
    for timer, _, seconds in timers:
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer, number, handler in before:
            signal.setitimer(timer, 0)
            signal.signal(number, handler)
