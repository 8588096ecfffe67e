"""Which runs are a new head only, fine-tuned, or from scratch, and whether a question can be asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import UsageError
from ..train.run import Run

__all__ = ["FINE_TUNED", "HEAD_ONLY", "KINDS", "SCRATCH", "check_runs", "kind_of", "metric_name", "told_start"]

HEAD_ONLY, FINE_TUNED, SCRATCH = "head only", "fine-tuned", "scratch"
KINDS = (HEAD_ONLY, FINE_TUNED, SCRATCH)
"""What a run can be, in the order of Liu et al.'s tables."""


def kind_of(run: Run) -> str:
    """Return one of :data:`KINDS`; empty for a run that is none of them (altered start, random body kept fixed)."""
    if run.role == "P-T":
        return HEAD_ONLY if run.recipe.frozen == "body" else FINE_TUNED
    return SCRATCH if run.role == "RI-T" and run.recipe.frozen == "none" else ""


def told_start(run: Run) -> str:
    """Return the name of a run's start, or its role where it has none."""
    return run.start_name or run.role or run.label


def check_runs(what: str, runs: Sequence[Run], **by_target: Mapping[str, object]) -> None:
    """Refuse runs that cannot be told apart, and targets of which something was not given.

    Args:
        what: the question, for the error.
        runs: what was given.
        by_target: what must hold something for each target, by the name of the argument.

    Raises:
        UsageError: naming what is wrong.
    """
    if not runs:
        raise UsageError(f"{what} of no runs; give at least one")
    seen: set[tuple[str, str]] = set()
    for run in runs:
        if (run.target, run.label) in seen:
            raise UsageError(f"two runs on {run.target} are called {run.label!r}; give each a label of its own")
        seen.add((run.target, run.label))
        for name, mapping in by_target.items():
            if run.target not in mapping:
                raise UsageError(
                    f"{name} has no {run.target!r}, the target of run {run.label!r}; "
                    f"give {name}={{{run.target!r}: …}}"
                )


def metric_name(metric: str) -> str:
    """Return what a metric is called in a sentence.

    >>> metric_name("auc"), metric_name("accuracy")
    ('AUC', 'accuracy')
    """
    return "AUC" if metric == "auc" else metric
