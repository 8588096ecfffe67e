"""Which step next: dependencies, what is waited for first, and what falls when a step fails."""

from __future__ import annotations

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .events import Listener, StepEvent
from .graph import Step

__all__ = ["Outcome", "Schedule"]


@dataclass(frozen=True)
class Outcome:
    """How it ended.

    Attributes:
        done: steps computed now.
        reused: steps that were there.
        failed: steps that ended in an error, with it.
        skipped: steps that need a failed one, with its name.
        seconds: time that passed.
    """

    done: tuple[Step, ...]
    reused: tuple[Step, ...]
    failed: tuple[tuple[Step, str], ...]
    skipped: tuple[tuple[Step, str], ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything is there now."""
        return not self.failed and not self.skipped


class Schedule:
    """Hands out steps whose inputs are there: data first, then what others wait for, then questions.

    Of what others wait for, the step with the most work behind it comes first. Questions come cheapest first, so that
    a study that is stopped has answered most; but one that would keep one process busy when the others have nothing
    left to do is begun in time, before trainings too.

    Args:
        steps: each after its inputs.
        jobs: how many are run side by side.
    """

    def __init__(self, steps: Sequence[Step], jobs: int = 1) -> None:
        self.steps = tuple(steps)
        self.jobs = jobs
        self.done: list[Step] = []
        self.reused: list[Step] = []
        self.failed: dict[str, tuple[Step, str]] = {}
        self.skipped: dict[str, tuple[Step, str]] = {}
        self._waiting = {s.digest: s for s in steps}
        self._place = {s.digest: place for place, s in enumerate(self.steps)}
        # What is not among the steps is taken to be there; if it is not, the step that needs it says so.
        self._missing = {s.digest: {i.digest for i in s.inputs.values()} & self._waiting.keys() for s in self.steps}
        self._users: dict[str, list[Step]] = {}
        for step in self.steps:
            for digest in self._missing[step.digest]:
                self._users.setdefault(digest, []).append(step)
        self._fractions: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._priority = _work_behind(self.steps)
        waited_for = {i.digest for s in steps for i in s.inputs.values()}
        self._questions = {s.digest for s in steps if s.kind == "analysis" and s.digest not in waited_for}
        self._asked: dict[str, Step] = {}  # questions that could be begun
        self._ready: list[tuple[bool, float, int, Step]] = []  # the same of other steps, a heap: next comes first
        for step in self.steps:
            self._make_ready(step)

    def take(self) -> Step | None:
        """Hand out a step to run, or ``None`` when none is ready now."""
        ready = [s for s in self._asked.values() if s.digest in self._waiting]
        dearest = max(ready, key=lambda s: (s.cost, -self._place[s.digest]), default=None)
        if dearest is not None and self.jobs > 1 and dearest.cost * (self.jobs - 1) >= self._left() - dearest.cost:
            return self._taken(dearest)
        while self._ready:
            *_, chosen = heapq.heappop(self._ready)
            if chosen.digest in self._waiting:  # it was not dropped or found since
                return self._taken(chosen)
        if not ready:
            return None
        return self._taken(min(ready, key=lambda s: (s.cost, self._place[s.digest])))

    def _taken(self, step: Step) -> Step:
        self._asked.pop(step.digest, None)
        return self._waiting.pop(step.digest)

    def _left(self) -> float:
        """Return the cost of all that is not handed out."""
        return sum(s.cost for s in self._waiting.values())

    def _make_ready(self, step: Step) -> None:
        if self._missing[step.digest]:
            return
        if step.digest in self._questions:
            self._asked[step.digest] = step
        else:
            place = self._place[step.digest]
            heapq.heappush(self._ready, (bool(step.inputs), -self._priority[step.digest], place, step))

    def finish(self, step: Step, *, reused: bool) -> None:
        """Take note that a step is there."""
        self._waiting.pop(step.digest, None)
        for user in self._users.pop(step.digest, ()):
            self._missing[user.digest].discard(step.digest)
            self._make_ready(user)
        self._fractions[step.digest] = 1.0
        if reused:
            self._before[step.digest] = 1.0
        (self.reused if reused else self.done).append(step)

    def resume(self, digest: str) -> None:
        """Take note that a step goes on where it was stopped; how far that was, its first advance says."""
        self._before[digest] = math.nan

    def drop(self, step: Step, error: str, heard: Listener) -> None:
        """Take note that a step failed, and tell which others will therefore not be run."""
        self.failed[step.digest] = (step, error)
        self._fractions[step.digest] = 1.0
        for other in self.steps:  # in order, so that what needs a dropped one is met after it
            needs = {needed.digest for needed in other.inputs.values()}
            if other.digest in self._waiting and needs & (self.failed.keys() | self.skipped.keys()):
                del self._waiting[other.digest]
                self.skipped[other.digest] = (other, step.title)
                self._fractions[other.digest] = 1.0
                heard(StepEvent("skipped", other.title, other.digest, text=f"{step.title} failed"))

    def advance(self, digest: str, fraction: float) -> None:
        """Take note of how far a running step is."""
        self._fractions[digest] = fraction
        if math.isnan(self._before.get(digest, 0.0)):
            self._before[digest] = fraction

    @property
    def overall(self) -> float:
        """Share that is done, 0 to 1, of the work that was missing at the beginning, by the steps' costs."""
        done = missing = 0.0
        for step in self.steps:
            before, now = self._before.get(step.digest, 0.0), self._fractions.get(step.digest, 0.0)
            before = now if math.isnan(before) else before
            done += step.cost * (now - before)
            missing += step.cost * (1.0 - before)
        return done / missing if missing else 1.0

    def outcome(self, seconds: float) -> Outcome:
        """Say how it ended."""
        return Outcome(
            tuple(self.done), tuple(self.reused), tuple(self.failed.values()), tuple(self.skipped.values()), seconds
        )


def _work_behind(steps: Sequence[Step]) -> Mapping[str, float]:
    longest: dict[str, float] = {s.digest: s.cost for s in steps}
    for step in reversed(steps):
        for needed in step.inputs.values():
            if needed.digest in longest:
                longest[needed.digest] = max(longest[needed.digest], needed.cost + longest[step.digest])
    return longest
