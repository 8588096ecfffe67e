"""A whole study: checked, planned, computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..store.atomic import write_bytes
from ..store.folder import RunFolder
from .check import check
from .events import Listener, unheard
from .execute import execute
from .load import load_study
from .plan import make_plan, only_these
from .schedule import Outcome
from .schema import Study
from .written import study_yaml

__all__ = ["run_study"]


def run_study(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    only: str | Sequence[str] | None = None,
    jobs: int = 1,
    device: str = "auto",
    threads: int | None = None,
    skip_unreadable: bool = False,
    listener: Listener = unheard,
) -> tuple[RunFolder, Outcome]:
    """Compute what is missing of a study.

    Args:
        study: a study, its file, or a name of the library.
        out: run folder; by default ``runs/NAME``.
        only: names of items under ``analyses``, a list or joined by commas: just these and what they need.
        jobs: how many steps side by side.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process; by default the processors divided by ``jobs``.
        skip_unreadable: leave out images that cannot be read, whatever the study says.
        listener: told of every event.

    Returns:
        The run folder, and how it ended.

    Raises:
        SpecError: when the study cannot be right; nothing has been written.
        StoreError: when the folder is not ours, belongs to another study, or cannot be written.
        TransferscopeError: when images or a checkpoint cannot be used.
        KeyboardInterrupt: when interrupted; what is finished is kept.
    """
    if not isinstance(study, Study):
        study = load_study(study)
    if skip_unreadable:
        images = study.images.model_copy(update={"skip_unreadable": True})
        study = study.model_copy(update={"images": images})
    plan = make_plan(check(study))
    steps = plan.needed(only_these(plan, only))
    folder = RunFolder.create(out if out is not None else Path("runs") / study.name, "study", study.name)
    write_bytes(folder.root / "study.yaml", study_yaml(study).encode())
    folder.write("plan.json", plan.to_json())
    outcome = execute(steps, folder, jobs=jobs, device=device, threads=threads, listener=listener)
    return folder, outcome
