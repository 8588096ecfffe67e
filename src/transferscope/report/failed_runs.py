"""Which runs of a study failed, and on which targets that leaves nothing to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..evidence.phrases import shortened

if TYPE_CHECKING:
    import pandas as pd

    from ..questions.result import Result

__all__ = ["FailedRuns", "failed_runs"]


@dataclass(frozen=True)
class FailedRuns:
    """Runs that diverged, and runs that learned nothing.

    Attributes:
        lines: a line a target and reason, with the runs.
        lost: targets on which no run is left, each with what happened there: no number on them says anything.
    """

    lines: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)


def failed_runs(results: Iterable[tuple[str, Result]], runs: pd.DataFrame) -> FailedRuns:
    """Say which runs failed.

    Args:
        results: each with its target; empty for all together.
        runs: the study's runs as a table, with ``target``, ``run`` and ``ended``; empty where there are none.
    """
    trained: dict[str, list[str]] = {}
    reasons: dict[str, dict[str, str]] = {}
    if "ended" in runs.columns:
        for target, run, ended in zip(runs["target"], runs["run"], runs["ended"], strict=True):
            trained.setdefault(str(target), []).append(str(run))
            if str(ended).startswith("diverged"):
                reasons.setdefault(str(target), {})[str(run)] = str(ended)
    for target, result in results:
        given = getattr(result, "witnesses", ())
        by_target = given.items() if isinstance(given, Mapping) else [(target, given)]
        for where, witnesses in by_target:
            for w in witnesses:
                if w.unfit and w.role != "P":
                    reasons.setdefault(where, {}).setdefault(w.label, w.unfit)
    lines = [
        f"{shortened([run for run in of if of[run] == reason])} {reason}" + (f" on {target}" if target else "")
        for target, of in reasons.items()
        for reason in dict.fromkeys(of.values())
    ]
    lost = dict[str, str]()
    for target, labels in trained.items():
        of = reasons.get(target, {})
        if set(labels) <= set(of):
            diverged = all(of[run].startswith("diverged") for run in labels)
            lost[target] = "all runs diverged" if diverged else "no run learned"
    return FailedRuns(tuple(lines), lost)
