"""What ``--only`` leaves of a study: a few of its questions, so that nothing else has to be right or there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import StoreError, UsageError, nearest
from ..store.folder import RunFolder
from .library import why_left_out
from .schema import Study

__all__ = ["asked_before", "names_of", "narrowed"]


def names_of(only: str | Sequence[str]) -> list[str]:
    """Return names that are given as a list or joined by commas, each once.

    >>> names_of("fig3, table1,fig3")
    ['fig3', 'table1']
    """
    given = only.split(",") if isinstance(only, str) else only
    return list(dict.fromkeys(name.strip() for name in given))


def narrowed(study: Study, names: Sequence[str] | None) -> Study:
    """Return a study that asks only what these items, figures and tables are about.

    Args:
        study: the whole study.
        names: of items under ``analyses``, or of what they show; ``None`` for all.

    Raises:
        UsageError: for a name that the study has not.
    """
    if names is None:
        return study
    shown = {figure: item for item, question in study.analyses.items() for figure in question.shows}
    known = [*study.analyses, *shown]
    for name in names:
        if name not in known:
            why = why_left_out(name, study.name, study.targets)
            raise UsageError(f"--only {name}: {why or 'the study has no such analysis' + nearest(name, known)}")
    items = {name if name in study.analyses else shown[name] for name in names}
    kept = {item: question for item, question in study.analyses.items() if item in items}
    return study.model_copy(update={"analyses": kept})


def asked_before(folder: str | Path, name: str) -> tuple[str, ...] | None:
    """Return what a run folder of this study has been asked for so far; ``None`` for all of it.

    What was asked before stays in the plan, so that a report shows it all.
    """
    try:
        found = RunFolder.open(folder)
        asked = found.read("plan.json").get("asked")
    except StoreError:
        return ()
    if found.name != name:
        return ()
    return None if asked is None else tuple(asked)
