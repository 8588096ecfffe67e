"""Steps as tasks of a Ray cluster: one started here (``ray``), or one that runs (``ray://ADDRESS``).

Ray is an optional dependency, imported when this engine is asked for. The store is the same as that of the local
engine: a task claims its step in the run folder, computes it and publishes it, so a cluster, a node or this process
can end at any moment, and the same command goes on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import TransferscopeError, UsageError
from ..runtime import pick_device
from ..store.folder import RunFolder, software
from .events import Listener, StepEvent
from .execute import usual_jobs
from .graph import Plan, Step, in_order
from .needs import Needs, needs_of
from .ray_cluster import connected, is_here, library, lost, nodes_of, processors_a_gpu, said
from .ray_task import Mailbox, task
from .schedule import Schedule

__all__ = ["run_on_ray"]

_TRIES = 3
"""How often a step is begun whose process or node dies before it has come farther than ever."""

_LOOK = 5.0
"""Seconds between two looks at which nodes there are."""

_ANEW = 0.5
"""Seconds between two looks at a mailbox whose node died, which fail at once until it is there again."""


def run_on_ray(
    schedule: Schedule,
    folder: RunFolder,
    *,
    engine: str,
    jobs: int | None,
    device: str,
    threads: int | None,
    heard: Listener,
) -> None:
    """Run a schedule to its end on a cluster.

    Args:
        schedule: which step next.
        folder: a run folder that all nodes see at its place.
        engine: ``ray``, ``ray://auto`` for the cluster that this machine is a node of, or ``ray://HOST:PORT``.
        jobs: how many steps at most side by side; by default as many as the cluster has room for.
        device: ``cpu``, ``cuda`` or ``auto``, which is CUDA where a node has a GPU.
        threads: threads of a step, which asks for so many processors; by default 1, and of a step on a GPU the
            processors that its node has for each.
        heard: told of every event.

    Raises:
        TransferscopeError: what a task found wrong with the user's input or with the folder, or when the cluster is
            lost.
        UsageError: when the cluster cannot be reached, or has no GPU where one is asked for.
    """
    ray = library()
    here = is_here(engine)
    if here and jobs is None and pick_device(device).type == "cpu":
        jobs = usual_jobs(pick_device(device))
    with connected(ray, engine, jobs, threads):
        nodes = nodes_of(ray)
        gpu = device != "cpu" and any(node.get("GPU", 0) >= 1 for node in nodes)
        if device == "cuda" and not gpu:
            raise UsageError("device 'cuda': no node of the cluster has a GPU; use --device cpu or auto")
        count = threads or (processors_a_gpu(nodes) if gpu else 1)
        try:
            _Driver(ray, schedule, folder, jobs, count, gpu, here, heard).run()
        except Exception as e:
            if isinstance(e, TransferscopeError) or not lost(ray, e):
                raise
            raise TransferscopeError(
                f"--engine {engine}: the cluster does not answer any more ({said(e)}); what is finished is kept: "
                "give the same command again"
            ) from e


@dataclass
class _Task:
    """A step that was handed over."""

    step: Step
    attempt: int


@dataclass
class _Driver:
    """Hands out steps while there is room, and hears of them.

    Attributes:
        ray: the library.
        schedule: which step next.
        folder: the store.
        jobs: how many at most.
        threads: of each step.
        gpu: whether steps compute on GPUs.
        here: whether the cluster is this machine alone.
        heard: told of every event.
    """

    ray: Any
    schedule: Schedule
    folder: RunFolder
    jobs: int | None
    threads: int
    gpu: bool
    here: bool
    heard: Listener
    _running: dict[Any, _Task] = field(default_factory=dict)
    _again: list[Step] = field(default_factory=list)
    _begun: Counter[str] = field(default_factory=Counter)
    _deaths: Counter[str] = field(default_factory=Counter)  # since it last came farther than ever
    _farthest: Counter[tuple[str, str]] = field(default_factory=Counter)
    _room: int = 0
    _looked: float = float("-inf")
    _warned: bool = False

    def run(self) -> None:
        """Run the schedule to its end."""
        self._post = self.ray.remote(num_cpus=0, max_restarts=-1)(Mailbox).remote()
        # Repeated by us, not by Ray, so that whoever listens hears of it.
        self._compute = self.ray.remote(max_retries=0)(task)
        news = self._post.take.remote()
        try:
            while True:
                self._hand_out()
                if not self._running:
                    return
                ready, _ = self.ray.wait([*self._running, news], num_returns=1, timeout=_LOOK)
                for ref in ready:
                    if ref == news:
                        self._tell(news)
                        news = self._post.take.remote()
                    else:
                        self._settle(ref, self._running.pop(ref))
        finally:
            for ref in self._running:
                with suppress(Exception):  # the cluster may be what failed
                    self.ray.cancel(ref, force=True)

    def _hand_out(self) -> None:
        while len(self._running) < self._most():
            step = self._again.pop() if self._again else self.schedule.take()
            if step is None:
                return
            needs = self._needs(step)
            self._begun[step.digest] += 1
            attempt = self._begun[step.digest]
            order = {
                "folder": self.folder.address,
                "plan": Plan(in_order([step]), {}, {}).to_json(),
                "digest": step.digest,
                "device": "cuda" if needs.gpus else "cpu",
                "threads": self.threads,
                "version": software(),
            }
            asked = self._compute.options(num_cpus=needs.cpus, num_gpus=needs.gpus, memory=needs.memory)
            self._running[asked.remote(order, attempt, self._post)] = _Task(step, attempt)

    def _needs(self, step: Step) -> Needs:
        needs = needs_of(step, threads=self.threads, gpu=self.gpu)
        if not self.here:
            return needs
        # On this machine --jobs says what it has room for.
        (node, *_) = nodes_of(self.ray)
        share = int(node.get("memory", needs.memory)) // max(1, self.jobs or 1)
        return Needs(needs.cpus, needs.gpus, min(needs.memory, share))

    def _most(self) -> int:
        """Return how many steps to have handed over: one more than there is room for, unless ``jobs`` is less.

        So no node waits for this process, and a cluster that grows sees that more would be used.
        """
        if time.monotonic() - self._looked >= _LOOK:
            self._looked = time.monotonic()
            usual = max((self._needs(s) for s in self.schedule.steps), key=lambda n: (n.gpus, n.memory))
            nodes = nodes_of(self.ray)
            self._room = sum(usual.fitting(node) for node in nodes)
            self.schedule.jobs = max(1, min(self._room, self.jobs or self._room))
            if not self._room and not self._warned:
                self._warned = True
                most = "; ".join(_described(node) for node in nodes)
                text = f"no node of the cluster has {usual.text()} (there are: {most}); waiting for one"
                self.heard(StepEvent("noted", "cluster", "", text=text))
        return self.jobs if self.jobs is not None else self._room + 1

    def _tell(self, news: Any) -> None:
        try:
            letters = self.ray.get(news)
        except self.ray.exceptions.RayError:  # its node died: it begins anew on another
            time.sleep(_ANEW)
            return
        attempts = {task.step.digest: task.attempt for task in self._running.values()}
        for attempt, event in letters:
            if attempts.get(event["digest"]) == attempt:
                self._note_progress(told := StepEvent(**event))
                self.heard(told)

    def _note_progress(self, event: StepEvent) -> None:
        """Forget deaths before a step came farther than ever: nodes that are taken away one by one are no fault."""
        if event.what == "advanced" and event.done > self._farthest[event.digest, event.unit]:
            self._farthest[event.digest, event.unit] = event.done
            self._deaths[event.digest] = 0

    def _settle(self, ref: Any, task: _Task) -> None:
        step = task.step
        try:
            answer = self.ray.get(ref)
        except self.ray.exceptions.RayError as e:
            if lost(self.ray, e):
                raise  # no step can be handed out any more
            why = str(e).strip().split("\n")[0].split(". ")[0]  # sentences follow on where logs are
            error = f"its process or node died ({why})"
            self._deaths[step.digest] += 1
            if self._deaths[step.digest] < _TRIES:
                self._again.append(step)
                self.heard(StepEvent("noted", step.title, step.digest, text=f"{error}; begun again"))
                return
            error = f"{error}, {_TRIES} times at one place; out of memory?"
            self.folder.fail(step.identity, error, "")
            self.heard(StepEvent("failed", step.title, step.digest, text=error))
            self.schedule.drop(step, error, self.heard)
            return
        if "finished" in answer:
            self.schedule.advance(step.digest, 1.0)  # the last word on the way may have been lost
        for event in answer["events"]:
            self.heard(StepEvent(**event))
        if "fatal" in answer:
            raise TransferscopeError(str(answer["fatal"]))
        if "failed" in answer:
            self.schedule.drop(step, str(answer["failed"]), self.heard)
        else:
            self.schedule.finish(step, reused=bool(answer["reused"]))


def _described(node: Mapping[str, float]) -> str:
    found = Needs(int(node.get("CPU", 0)), 0, int(node.get("memory", 0))).text()
    return f"{int(node['GPU'])} × GPU, {found}" if node.get("GPU") else found
