"""What of a study is still to come: trainings, and for each item the targets that have no answer yet."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.phrases import count
from .graph import Plan, Step
from .status import State, Status

__all__ = ["Coming", "coming_of"]

_WORDS = {
    "running": "under way",
    "stopped": "begun and stopped",
    "failed": "failed",
    "skipped": "not possible: something it needs failed",
}


@dataclass(frozen=True)
class Coming:
    """What is not there yet.

    Attributes:
        what: trainings, or an item of the study.
        there: how many of its answers there are.
        total: how many there will be.
        waits: each that is missing, and what for.
    """

    what: str
    there: int
    total: int
    waits: tuple[str, ...]


def coming_of(plan: Plan, status: Status) -> tuple[Coming, ...]:
    """Return what is not there yet, trainings first; nothing when all is done.

    Args:
        plan: of the study.
        status: how it stands with its steps.
    """
    states = {step.digest: now.state for step, now in zip(plan.steps, status.steps, strict=True)}
    found = []
    trainings = [step for step in plan.steps if step.kind == "train"]
    done = sum(states[step.digest] == "done" for step in trainings)
    if done < len(trainings):
        now = [step.name for step in trainings if states[step.digest] == "running"]
        found.append(Coming("trainings", done, len(trainings), tuple(f"{name} under way" for name in now)))
    for item, answers in plan.items.items():
        left = {target: step for target, step in answers.items() if states[step.digest] != "done"}
        if left:
            waits = tuple(f"{target}{': ' * bool(target)}{_waits(step, states)}" for target, step in left.items())
            found.append(Coming(item, len(answers) - len(left), len(answers), waits))
    return tuple(found)


def _waits(step: Step, states: dict[str, State]) -> str:
    """Say how it stands with a step that is not done."""
    if states[step.digest] in _WORDS:
        return _WORDS[states[step.digest]]
    needed: dict[str, Step] = {}
    open_ones = list(step.inputs.values())
    while open_ones:
        one = open_ones.pop()
        if states[one.digest] != "done" and one.digest not in needed:
            needed[one.digest] = one
            open_ones += one.inputs.values()
    trainings = sum(one.kind == "train" for one in needed.values())
    if trainings:
        return f"waits for {count(trainings, 'training')}"
    return f"waits for {count(len(needed), 'step')}" if needed else "next"
