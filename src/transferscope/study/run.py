"""A whole study: checked, planned, computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..evidence.phrases import listed
from ..store.folder import RunFolder
from .check import Checked, check
from .events import Listener, StepEvent, unheard
from .execute import check_engine, execute
from .graph import Plan, Step
from .load import load_study
from .plan import make_plan
from .schedule import Outcome
from .schema import Study
from .selection import asked_before, names_of, narrowed
from .yaml_output import study_yaml

__all__ = ["leaving_out_unreadable", "remarks_of", "run_study"]


def run_study(
    study: Study | str | Path,
    out: str | Path | None = None,
    *,
    only: str | Sequence[str] | None = None,
    engine: str = "local",
    jobs: int | None = 1,
    device: str = "auto",
    threads: int | None = None,
    skip_unreadable: bool = False,
    listener: Listener = unheard,
) -> tuple[RunFolder, Outcome]:
    """Compute what is missing of a study.

    Args:
        study: a study, its file, or a name of the library.
        out: run folder, or its address (``s3://bucket/run``); by default ``runs/NAME``.
        only: names of items under ``analyses``, or of figures and tables they show, a list or joined by commas: just
            these and what they need. The folder then holds what has been asked for so far, not the whole study.
        engine: ``local``, ``ray`` or ``ray://ADDRESS``; see :func:`~transferscope.study.execute.execute`.
        jobs: how many steps side by side; ``None``: as many as there is room for.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process; by default the processors divided by ``jobs``.
        skip_unreadable: leave out images that cannot be read, whatever the study says.
        listener: told of every event.

    Returns:
        The run folder, and how it ended.

    Raises:
        SpecError: when the study cannot be right; nothing has been written.
        UsageError: for an item, a number of jobs or a device that is not there; nothing has been written.
        StoreError: when the folder is not ours, belongs to another study, or cannot be written.
        TransferscopeError: when images or a checkpoint cannot be used.
        KeyboardInterrupt: when interrupted; what is finished is kept.
    """
    if not isinstance(study, Study):
        study = load_study(study)
    if skip_unreadable:
        study = leaving_out_unreadable(study)
    check_engine(engine, jobs, device, threads)
    place = str(out) if out is not None else str(Path("runs") / study.name)
    checked, plan, steps = _planned(study, place, only)
    for name, remark in remarks_of(checked):
        listener(StepEvent("noted", name, "", text=remark))
    folder = RunFolder.create(place, "study", study.name)
    folder.put("study.yaml", study_yaml(study).encode())
    folder.write("plan.json", plan.to_json())
    outcome = execute(steps, folder, engine=engine, jobs=jobs, device=device, threads=threads, listener=listener)
    return folder, outcome


def leaving_out_unreadable(study: Study) -> Study:
    """Return a study that leaves out images which cannot be read, whatever it says; its steps are other ones."""
    return study.model_copy(update={"images": study.images.model_copy(update={"skip_unreadable": True})})


def remarks_of(checked: Checked) -> list[tuple[str, str]]:
    """Return what there is to say of a study before it begins: what it is about, and a sentence."""
    found = [(name, given.images) for name, given in checked.sources.items() if given.images is not None]
    of_images = (
        (f"data {name}", said) for name, images in (*found, *checked.targets.items()) for said in images.remarks
    )
    return [*of_images, *_outdone(checked.study)]


def _outdone(study: Study) -> Iterator[tuple[str, str]]:
    """Say which settings of a target's recipe do not reach a start, whose own say something else."""
    for name, target in study.targets.items():
        for key, value in target.recipe.items():
            over = [
                start
                for start, settings in study.starts.items()
                if (settings.targets is None or name in settings.targets)
                and settings.recipe.get(key, value) != value
                and key not in target.recipes.get(start, {})
            ]
            if over:
                yield (
                    f"targets.{name}.recipe.{key}",
                    f"is not that of {listed(over)}, whose own recipe says otherwise and goes over it; "
                    f"targets.{name}.recipes.{over[0]} would go over both",
                )


def _planned(study: Study, place: str, only: str | Sequence[str] | None) -> tuple[Checked, Plan, tuple[Step, ...]]:
    """Return the study checked, what the folder will hold of it, and the steps that are asked for now."""
    if only is None:
        checked = check(study)
        plan = make_plan(checked)
        return checked, plan, plan.steps
    names, before = names_of(only), asked_before(place, study.name)
    narrowed(study, names)  # says which names there are
    known = {*study.analyses, *(figure for question in study.analyses.values() for figure in question.shows)}
    asked = None if before is None else [*dict.fromkeys((*(n for n in before if n in known), *names))]
    checked = check(narrowed(study, asked))
    plan = make_plan(checked)
    steps = plan.needed(names)
    return checked, plan if asked is None else plan.only(asked), steps
