"""What a question leaves out of the runs it is given, told once a start instead of once a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._phrases import count, listed

__all__ = ["LeftOutRun", "by_start"]


@dataclass(frozen=True)
class LeftOutRun:
    """A run that is not compared.

    Attributes:
        label: the run.
        start: name of its start.
        target: what it was trained on.
        why: what it has or does, to follow its name.
    """

    label: str
    start: str
    target: str
    why: str

    @property
    def told(self) -> str:
        """The run, and why it is left out."""
        return f"{self.label} on {self.target} {self.why}"


def by_start(runs: Sequence[LeftOutRun]) -> list[str]:
    """Put together what is said of runs that differ in nothing but seed and target.

    >>> why = "has no head"
    >>> by_start([LeftOutRun(f"top {seed}", "top", "clipart", why) for seed in (0, 1)])
    ['top (2 runs on clipart) has no head']
    """
    groups: dict[tuple[str, str], list[LeftOutRun]] = {}
    for run in runs:
        groups.setdefault((run.start, run.why), []).append(run)
    return [
        of[0].told
        if len(of) == 1
        else f"{start} ({count(len(of), 'run')} on {listed(list(dict.fromkeys(run.target for run in of)))}) {why}"
        for (start, why), of in groups.items()
    ]
