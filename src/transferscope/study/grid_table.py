"""What a study's grid of pre-trainings gave, as a table of models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..data.tables.models import ModelTable
from ..errors import UsageError, nearest
from ..questions.grid.measure import Grid
from ..questions.grid.table import models_of
from ..store.folder import MARKER
from ..store.place import Place, is_address
from .stored_study import open_study

__all__ = ["is_run_folder", "read_grid"]


def is_run_folder(path: str | Path) -> bool:
    """Say whether this is a run folder, or the address of one, rather than a table."""
    if is_address(path):
        return Place(str(path)).exists(MARKER)
    return (Path(path) / "plan.json").is_file()


def read_grid(root: str | Path, ds: Sequence[str] = ()) -> ModelTable:
    """Read the pre-trainings of a run folder as a table of models, for ``ts.scaling`` and ``ts.prediction_power``.

    What is finished is read; targets that are missing are in the notes.

    Args:
        root: folder, or address, of a study that asks ``grid``, ``scaling`` or ``prediction_power``.
        ds: only these targets; default: all.

    Raises:
        StoreError: when it is no run folder, or is damaged.
        UsageError: when it has no grid, nothing of it is finished, or it has no such target.
    """
    study = open_study(root)
    planned = [s for s in study.plan.steps if s.kind == "analysis" and s.spec["settings"]["question"] == "grid"]
    if not planned:
        raise UsageError(f"{root}: the study has no grid of pre-trainings; add families under 'grid' and ask 'grid'")
    found: dict[str, Grid] = {}
    missing = []
    for step in planned:
        target = step.spec["targets"][0]
        if ds and target not in ds:
            continue
        if step.digest not in study.stored:
            missing.append(target)
            continue
        result = study.stored[step.digest].result(Grid)
        if target not in found or len(result.shots) > len(found[target].shots):
            found[target] = result
    known = [step.spec["targets"][0] for step in planned]
    for name in ds:
        if name not in known:
            raise UsageError(f"{root}: the grid has no target {name!r}{nearest(name, known)}")
    if not found:
        raise UsageError(f"{root}: nothing of the grid is finished yet; run the study again to go on")
    table = models_of([*found.values()], source=str(root))
    notes = [f"not finished, and left out: {', '.join(dict.fromkeys(t for t in missing if t not in found))}"]
    return table if set(missing) <= set(found) else _noted(table, notes)


def _noted(table: ModelTable, notes: Sequence[str]) -> ModelTable:
    from dataclasses import replace

    return replace(table, notes=(*table.notes, *notes))
