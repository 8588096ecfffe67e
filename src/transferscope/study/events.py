"""What an engine tells while it runs; whoever listens decides where it goes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Listener", "StepEvent", "What", "unheard"]

What: TypeAlias = Literal["reused", "begun", "resumed", "advanced", "waiting", "done", "failed", "skipped", "noted"]


@dataclass(frozen=True)
class StepEvent:
    """Something happened to a step.

    Attributes:
        what: what happened. ``reused``: it was done before. ``waiting``: another process computes it.
            ``skipped``: a step that it needs failed. ``noted``: something the user should know before it begins.
        step: title of the step.
        digest: digest of the step.
        done: for ``advanced``: how much of ``total`` is done.
        total: how much there is to do.
        unit: what is counted, e.g. ``"epochs"``.
        text: for ``failed``, ``skipped`` and ``waiting``: why, in one line; for ``noted``: what.
        seconds: for ``done``: how long it took.
        overall: share that is done by now, 0 to 1, of the work that was missing at the beginning.
    """

    what: What
    step: str
    digest: str
    done: int = 0
    total: int = 0
    unit: str = ""
    text: str = ""
    seconds: float = 0.0
    overall: float = 0.0


Listener: TypeAlias = Callable[[StepEvent], None]


def unheard(event: StepEvent) -> None:
    """Say nothing."""
