"""What is missing is computed: in this process, in several side by side, or by a cluster."""

from __future__ import annotations

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import UsageError
from ..runtime import cores, free_memory, pick_device, usual_threads
from ..store.folder import RunFolder
from .events import Listener, StepEvent, unheard
from .graph import Step
from .needs import PROCESS_BYTES
from .perform import StepFailedError, perform
from .schedule import Outcome, Schedule

if TYPE_CHECKING:
    import torch

    from .crew import Crew

__all__ = ["check_engine", "execute", "resources", "usual_jobs"]


def usual_jobs(device: torch.device) -> int:
    """Return how many steps run side by side unless told: one on a GPU, else one a core as far as memory has room."""
    if device.type == "cuda":
        return 1
    free = free_memory()
    return cores() if free is None else max(1, min(cores(), free // PROCESS_BYTES))


def resources(jobs: int | None, device: str, threads: int | None) -> tuple[torch.device, int]:
    """Return the device, and the threads of each process: the processors divided by ``jobs`` unless told.

    ``OMP_NUM_THREADS``, where it is set, is the most.

    Raises:
        UsageError: for no jobs or threads, or a device that is not there.
    """
    jobs = usual_jobs(pick_device(device)) if jobs is None else jobs
    if jobs < 1:
        raise UsageError(f"jobs must be at least 1, got {jobs}")
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    return pick_device(device), threads or usual_threads(jobs)


def check_engine(engine: str, jobs: int | None, device: str, threads: int | None) -> None:
    """Refuse before anything is written what cannot be right of an engine.

    Args:
        engine: ``local``, ``ray`` or ``ray://ADDRESS``.
        jobs: how many steps side by side.
        device: where to compute.
        threads: of each step.

    Raises:
        UsageError: with what would be right.
    """
    if engine == "local":
        resources(jobs, device, threads)
    else:
        from .ray_cluster import check_ray

        check_ray(engine, jobs, device, threads)


def execute(
    steps: Sequence[Step],
    folder: RunFolder,
    *,
    engine: str = "local",
    jobs: int | None = 1,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = unheard,
    crew: Crew | None = None,
) -> Outcome:
    """Compute the steps that are missing in a run folder.

    A step that fails takes with it only the steps that need it. Stopped at any moment (an interrupt, ``kill -9``, the
    power), the same call goes on where it was: finished steps are kept, training goes on from its last saved state.

    Args:
        steps: each after its inputs.
        folder: where they go.
        engine: ``local`` for processes of this machine; ``ray`` for a Ray cluster that is started here,
            ``ray://auto`` for the one that this machine is a node of, ``ray://HOST:PORT`` for another.
        jobs: how many at the same time, each in a process of its own; ``None``: as many as there is room for.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: threads of torch in each process; by default the processors divided by ``jobs``. On CPU a step's
            numbers are the same bits for the same number of threads, however many jobs there are.
        listener: told of every event.
        crew: processes that wait already. Where there are several jobs, this process then performs steps, too: what
            kills a step, as too little memory does, kills it.

    Returns:
        What was computed, was there, failed, and was skipped.

    Raises:
        TransferscopeError: when the user's images or checkpoints cannot be used, or the folder not be written.
        UsageError: for what the engine cannot do, as with a folder in the memory of this process and several jobs.
        KeyboardInterrupt: when interrupted; its message says what is kept.
    """
    check_engine(engine, jobs, device, threads)
    if engine == "local" and jobs is None:
        jobs = usual_jobs(pick_device(device))
    if folder.address.startswith("memory://") and (engine, jobs) != ("local", 1):
        raise UsageError(
            f"{folder.address}: other processes do not see this one's memory; give --jobs 1, or a folder"
        )
    schedule = Schedule(steps, jobs or 1)
    started = time.perf_counter()

    def heard(event: StepEvent) -> None:
        if event.what == "resumed":
            schedule.resume(event.digest)
        elif event.what == "advanced" and event.total:
            schedule.advance(event.digest, event.done / event.total)
        listener(replace(event, overall=schedule.overall))

    try:
        for step in schedule.steps:  # first, so that what is missing is known from the beginning
            if folder.find(step.identity) is not None:
                schedule.finish(step, reused=True)
                heard(StepEvent("reused", step.title, step.digest))
        if engine != "local":
            from .ray_engine import run_on_ray

            run_on_ray(schedule, folder, engine=engine, jobs=jobs, device=device, threads=threads, heard=heard)
        else:
            _on_this_machine(schedule, folder, schedule.jobs, device, threads, heard, crew)
    except KeyboardInterrupt:
        there = len(schedule.done) + len(schedule.reused)
        raise KeyboardInterrupt(
            f"interrupted: {there} of {len(schedule.steps)} steps are done and kept, what was under way goes on "
            f"where it was last saved; give the same command again\nfor the report of what is there: "
            f"transferscope report {shlex.quote(folder.shown)}"
        ) from None
    return schedule.outcome(time.perf_counter() - started)


def _on_this_machine(
    schedule: Schedule,
    folder: RunFolder,
    jobs: int,
    device: str,
    threads: int | None,
    heard: Listener,
    crew: Crew | None,
) -> None:
    chosen, count = resources(jobs, device, threads)
    if jobs == 1:
        _inline(schedule, folder, chosen, count, heard)
        return
    from .workers import run_in_workers

    run_in_workers(schedule, folder, jobs=jobs, device=str(chosen), threads=count, heard=heard, crew=crew)


def _inline(schedule: Schedule, folder: RunFolder, device: torch.device, threads: int, heard: Listener) -> None:
    while (step := schedule.take()) is not None:
        try:
            reused, _ = perform(step, folder, device=device, threads=threads, listener=heard)
        except StepFailedError as e:
            schedule.drop(step, str(e), heard)
        else:
            schedule.finish(step, reused=reused)
