"""Which runs of a study failed, and on which targets that leaves nothing to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..evidence.phrases import count, shortened

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

    Runs that a question trained under conditions of its own, as with shuffled images, are counted: they have names of
    the study's own.

    Args:
        results: each with its target; empty for all together.
        runs: the study's runs as a table, as :meth:`~transferscope.study.stored_study.StoredStudy.runs` returns it;
            empty where there are none.
    """
    trained: dict[str, list[str]] = {}
    reasons: dict[str, dict[tuple[str, str], str]] = {}
    if "ended" in runs.columns:
        columns = (runs[name].astype(str) for name in ("target", "run", "start", "seed", "condition", "ended"))
        for target, run, start, seed, condition, ended in zip(*columns, strict=True):
            if not condition:
                trained.setdefault(target, []).append(run)
            if ended.startswith("diverged"):
                reasons.setdefault(target, {})[f"{start} {seed}" if condition else run, condition] = ended
    for target, result in results:
        given = getattr(result, "witnesses", ())
        by_target = given.items() if isinstance(given, Mapping) else [(target, given)]
        for where, witnesses in by_target:
            for w in witnesses:
                if w.unfit and w.role != "P":
                    reasons.setdefault(where, {}).setdefault((w.label, w.condition), w.unfit)
    lines = [
        f"{_named([run for run in of if of[run] == reason])} {reason}" + (f" on {target}" if target else "")
        for target, of in reasons.items()
        for reason in dict.fromkeys(of.values())
    ]
    lost = dict[str, str]()
    for target, labels in trained.items():
        of = {run: reason for (run, condition), reason in reasons.get(target, {}).items() if not condition}
        if set(labels) <= set(of):
            diverged = all(of[run].startswith("diverged") for run in labels)
            lost[target] = "all runs diverged" if diverged else "no run learned"
    return FailedRuns(tuple(lines), lost)


def _named(runs: Sequence[tuple[str, str]]) -> str:
    """Name runs, and count those under conditions, which are named once.

    >>> _named([("P-T 0", ""), ("P-T 0", "with blocks of 1"), ("P-T 1", "from epoch 0")])
    'P-T 0 and 2 runs with blocks of 1 or from epoch 0'
    """
    own = [run for run, condition in runs if not condition]
    conditions = list(dict.fromkeys(condition for _, condition in runs if condition))
    others = f"{count(len(runs) - len(own), 'run')} {' or '.join(conditions)}" if conditions else ""
    return " and ".join(filter(None, [shortened(own) if own else "", others]))
