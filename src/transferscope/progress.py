"""How long work tells its caller how far it is; the caller decides where that goes."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

__all__ = ["Bar", "Progress", "shifted", "silent", "watched"]

_AFTER = 2.0
"""Seconds of work before a bar appears."""

F = TypeVar("F", bound=Callable[..., Any])


class Progress(Protocol):
    """Called with what is done of what is to do, e.g. ``progress(3, 21, "points")``."""

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Take note; raising here stops the work (that is how an interrupt arrives)."""


def silent(done: int, total: int, unit: str) -> None:
    """Say nothing."""


def shifted(progress: Progress, before: int, total: int) -> Progress:
    """Return what tells of a part as of the whole, some of which was done before.

    >>> shifted(lambda *told: print(told), 20, 50)(3, 10, "points")
    (23, 50, 'points')
    """
    return lambda done, _total, unit: progress(before + done, total, unit)


class Bar:
    """A bar in a terminal or a notebook, once the work has taken two seconds; nothing anywhere else.

    Args:
        title: what stands before it.
        after: seconds before it appears.
    """

    def __init__(self, title: str = "", after: float = _AFTER) -> None:
        self._title, self._began, self._after = title, time.monotonic(), after
        self._bar: Any = None

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Move the bar."""
        if self._bar is None:
            if time.monotonic() - self._began < self._after or done >= total or not _seen():
                return
            self._bar = _bar_class()(total=total, unit=f" {unit}", desc=self._title or None, leave=False)
        if self._bar.total != total or self._bar.unit != f" {unit}":
            self._bar.reset(total)
            self._bar.unit = f" {unit}"
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()


def watched(function: F) -> F:
    """Give a function that takes ``progress`` a bar of its own: ``progress=False`` ends it, a callback replaces it.

    >>> @watched
    ... def work(progress=silent):
    ...     return type(progress).__name__
    >>> work(), work(progress=False), work(progress=print)
    ('Bar', 'function', 'builtin_function_or_method')
    """
    if "progress" not in inspect.signature(function).parameters:
        return function

    @wraps(function)
    def shown(*arguments: Any, **options: Any) -> Any:
        told, bar = _told(options.pop("progress", True), function.__name__)
        try:
            return function(*arguments, progress=told, **options)
        finally:
            bar.close()

    if inspect.isgeneratorfunction(function):

        @wraps(function)
        def step_by_step(*arguments: Any, **options: Any) -> Any:
            told, bar = _told(options.pop("progress", True), function.__name__)
            try:
                return (yield from function(*arguments, progress=told, **options))
            finally:
                bar.close()

        return step_by_step  # type: ignore[return-value]
    return shown  # type: ignore[return-value]


def _told(wanted: Progress | bool | None, title: str) -> tuple[Progress, Bar]:
    """Who is told how far the work is, and the bar that is to be taken away in the end."""
    bar = Bar(title)
    if wanted is False:
        return silent, bar
    return (bar if wanted is True or wanted is None else wanted), bar


def _notebook() -> bool:
    """Whether this runs in a notebook that can show a bar of its own."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and type(shell).__name__ == "ZMQInteractiveShell"


def _seen() -> bool:
    return _notebook() or bool(getattr(sys.stderr, "isatty", lambda: False)())


def _bar_class() -> Any:
    from tqdm import tqdm

    if not _notebook():
        return tqdm
    try:
        import ipywidgets  # type: ignore[import-not-found]  # noqa: F401
        from tqdm.notebook import tqdm_notebook
    except ImportError:
        return tqdm
    return tqdm_notebook
