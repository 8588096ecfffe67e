"""What of a study is done, running, stopped, failed or missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import StoreError
from ..store.folder import RunFolder
from .graph import Plan, Step

__all__ = ["State", "Status", "StepStatus", "not_there", "status", "status_of"]

_MISSING = 12
"""Steps not begun that are printed."""

State = Literal["done", "running", "stopped", "failed", "skipped", "missing"]


@dataclass(frozen=True)
class StepStatus:
    """How it stands with one step.

    Attributes:
        title: kind and name.
        state: ``stopped`` is begun and will be gone on with; ``skipped`` needs one that failed.
        seconds: what it cost; 0 until it is done.
        text: the error, or who computes it.
    """

    title: str
    state: State
    seconds: float
    text: str


@dataclass(frozen=True)
class Status:
    """How it stands with a study.

    Attributes:
        name: of the study.
        steps: in the plan's order.
        left_over: finished steps that the plan does not have: of earlier versions of the study.
    """

    name: str
    steps: tuple[StepStatus, ...]
    left_over: int

    @property
    def unfinished(self) -> str:
        """What is missing or failed, in one sentence; empty when all is there."""
        count: Counter[str] = Counter(s.state for s in self.steps)
        parts = [
            f"{count[state]} {words}"
            for state, words in (
                ("running", "running"),
                ("stopped", "begun and stopped"),
                ("missing", "not begun"),
                ("failed", "failed"),
                ("skipped", "waiting for a failed one"),
            )
            if count[state]
        ]
        if not parts:
            return ""
        return f"{count['done']} of {len(self.steps)} steps are done; {', '.join(parts)}."

    def lines(self) -> list[str]:
        """Return what to print: a line for every step that is not done, of many not begun a few, and a sum."""
        width = max((len(s.state) for s in self.steps), default=0)
        begun = [s for s in self.steps if s.state not in ("done", "missing")]
        missing = [s for s in self.steps if s.state == "missing"]
        told = [
            f"{s.state:{width}}  {s.title}" + (f": {s.text}" if s.text else "") for s in (*begun, *missing[:_MISSING])
        ]
        if len(missing) > _MISSING:
            told.append(f"{'missing':{width}}  and {len(missing) - _MISSING} more")
        seconds = sum(s.seconds for s in self.steps)
        total = self.unfinished or f"all {len(self.steps)} steps are done."
        more = f" {self.left_over} finished steps belong to earlier versions of the study." if self.left_over else ""
        return [*told, f"{self.name}: {total} {seconds:.0f} s of computing so far.{more}"]


def status(root: str | Path) -> Status:
    """Say how it stands with the study in a run folder.

    Raises:
        StoreError: when it is not a run folder, was written by a newer version, or is damaged.
    """
    folder = RunFolder.open(root)
    return status_of(folder, Plan.from_json(folder.read("plan.json")))


def not_there(steps: Sequence[Step], root: str | Path) -> tuple[Step, ...]:
    """Return the steps that the run folder of a study does not hold; all where there is no such folder yet."""
    try:
        folder = RunFolder.open(root)
    except StoreError:
        return tuple(steps)
    return tuple(step for step in steps if folder.find(step.identity) is None)


def status_of(folder: RunFolder, plan: Plan) -> Status:
    """Say how it stands with the steps of a plan."""
    found: dict[str, StepStatus] = {}
    for step in plan.steps:
        broken = [s for s in step.inputs.values() if found[s.digest].state in ("failed", "skipped")]
        stored = folder.find(step.identity)
        owner = folder.owner(step.identity) if stored is None else None
        failure = folder.failure(step.identity) if stored is None else None
        if stored is not None:
            state = StepStatus(step.title, "done", stored.record.seconds, "")
        elif owner is not None:
            state = StepStatus(step.title, "running", 0.0, owner)
        elif failure is not None:
            state = StepStatus(step.title, "failed", 0.0, failure.error)
        elif broken:
            state = StepStatus(step.title, "skipped", 0.0, f"needs {broken[0].title}")
        elif folder.in_work(step.identity):
            state = StepStatus(step.title, "stopped", 0.0, "goes on from its last saved state")
        else:
            state = StepStatus(step.title, "missing", 0.0, "")
        found[step.digest] = state
    known = {step.digest for step in plan.steps}
    left_over = sum(s.record.identity.digest not in known for s in folder.steps())
    return Status(folder.name, tuple(found.values()), left_over)
