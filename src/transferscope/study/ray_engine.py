"""Steps as tasks of a Ray cluster: one started here (``ray``), or one that runs (``ray://ADDRESS``).

Ray is an optional dependency, imported when this engine is asked for. The store is the same as that of the local
engine: a task claims its step in the run folder, computes it and publishes it, so a cluster, a node or this process
can end at any moment, and the same command goes on.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..errors import TransferscopeError, UsageError
from ..runtime import cores, pick_device, python_path
from ..store.folder import RunFolder, software
from .events import Listener, StepEvent
from .execute import usual_jobs
from .graph import Plan, Step, in_order
from .needs import Needs, needs_of
from .ray_task import Mailbox, task
from .schedule import Schedule

__all__ = ["check_ray", "run_on_ray"]

_TRIES = 3
"""How often a step is begun whose process or node dies."""

_LOOK = 5.0
"""Seconds between two looks at which nodes there are."""

_ANEW = 0.5
"""Seconds between two looks at a mailbox whose node died, which fail at once until it is there again."""

_STARTS = 3
"""How often a cluster is started here, or a client: on a machine that is busy, Ray's own time can be too short."""

_OBJECTS = 2**27
"""Bytes of the store for objects of a cluster started here; only small messages pass."""


def check_name(engine: str) -> None:
    """Refuse what names no cluster; it need not be there, as when a study is only planned.

    Raises:
        UsageError: saying what would be right.
    """
    if engine not in ("ray", "ray://auto") and not (engine.startswith("ray://") and ":" in engine[6:]):
        raise UsageError(f"--engine {engine!r}: expected local, ray, ray://auto or ray://HOST:PORT")


def check_ray(engine: str, jobs: int | None, device: str, threads: int | None) -> None:
    """Refuse what cannot be right of this engine, before anything is written.

    Raises:
        UsageError: for another engine, no jobs or threads, a device that Ray would choose, or where Ray is missing.
    """
    check_name(engine)
    if (jobs is not None and jobs < 1) or (threads is not None and threads < 1):
        raise UsageError(f"jobs and threads must be at least 1, got {jobs} and {threads}")
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(
            f"device {device!r}: with --engine {engine} expected cpu, cuda or auto; Ray chooses which GPU"
        )
    if not _installed():
        raise UsageError(f"--engine {engine} wants Ray, which is not installed: pip install 'transferscope[ray]'")


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
    ray = _library()
    here = _is_here(engine)
    if here and jobs is None and pick_device(device).type == "cpu":
        jobs = usual_jobs(pick_device(device))
    with _connected(ray, engine, jobs, threads):
        nodes = _nodes(ray)
        gpu = device != "cpu" and any(node.get("GPU", 0) >= 1 for node in nodes)
        if device == "cuda" and not gpu:
            raise UsageError("device 'cuda': no node of the cluster has a GPU; use --device cpu or auto")
        count = threads or (_processors_a_gpu(nodes) if gpu else 1)
        try:
            _Driver(ray, schedule, folder, jobs, count, gpu, here, heard).run()
        except Exception as e:
            if isinstance(e, TransferscopeError) or not _lost(ray, e):
                raise
            raise TransferscopeError(
                f"--engine {engine}: the cluster does not answer any more ({_said(e)}); what is finished is kept: "
                "give the same command again"
            ) from e


def _lost(ray: Any, e: Exception) -> bool:
    """Whether an error says that the connection is lost, which is by way of this process's own node.

    Ray's client raises errors of grpc as they come.
    """
    kind = type(e)
    lost = kind is ConnectionError or kind.__name__ == "LocalRayletDiedError" or kind.__module__.startswith("grpc")
    return lost or not ray.is_initialized()


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
    _tries: Counter[str] = field(default_factory=Counter)
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
            self._tries[step.digest] += 1
            attempt = self._tries[step.digest]
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
        (node, *_) = _nodes(self.ray)
        share = int(node.get("memory", needs.memory)) // max(1, self.jobs or 1)
        return Needs(needs.cpus, needs.gpus, min(needs.memory, share))

    def _most(self) -> int:
        """Return how many steps to have handed over: one more than there is room for, unless ``jobs`` is less.

        So no node waits for this process, and a cluster that grows sees that more would be used.
        """
        if time.monotonic() - self._looked >= _LOOK:
            self._looked = time.monotonic()
            usual = max((self._needs(s) for s in self.schedule.steps), key=lambda n: (n.gpus, n.memory))
            nodes = _nodes(self.ray)
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
                self.heard(StepEvent(**event))

    def _settle(self, ref: Any, task: _Task) -> None:
        step = task.step
        try:
            answer = self.ray.get(ref)
        except self.ray.exceptions.RayError as e:
            if _lost(self.ray, e):
                raise  # no step can be handed out any more
            why = str(e).strip().split("\n")[0].split(". ")[0]  # sentences follow on where logs are
            error = f"its process or node died ({why})"
            if task.attempt < _TRIES:
                self._again.append(step)
                self.heard(StepEvent("noted", step.title, step.digest, text=f"{error}; begun again"))
                return
            error = f"{error}, {_TRIES} times; out of memory?"
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


def _installed() -> bool:
    return importlib.util.find_spec("ray") is not None


def _library() -> Any:
    """Import Ray, which would write to standard output of nodes that end, also without ``log_to_driver``.

    Answers go to standard output, and listeners hear of steps that are lost. And where a cluster is lost, it would
    start another.
    """
    with _environment({"RAY_DEDUP_LOGS_SKIP_REGEX": ".", "RAY_ENABLE_AUTO_CONNECT": "0"}):  # read by the import
        return importlib.import_module("ray")


@contextmanager
def _environment(usual: Mapping[str, str], **always: str) -> Iterator[None]:
    """Have environment variables inside the block; the usual ones only where the user has not set them."""
    given = {key: value for key, value in usual.items() if key not in os.environ} | always
    before = {key: os.environ.get(key) for key in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


def _is_here(engine: str) -> bool:
    return engine == "ray" and not os.environ.get("RAY_ADDRESS")


@contextmanager
def _connected(ray: Any, engine: str, jobs: int | None, threads: int | None) -> Iterator[None]:
    """Be connected inside the block; a connection that the caller has is used and stays."""
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Ray will do one day with tasks that ask for no GPU; what an error says
        if _is_here(engine):
            _start_here(ray, (jobs or cores()) * (threads or 1), quiet)
        else:
            _join(ray, engine, quiet)
    try:
        yield
    finally:
        ray.shutdown()


def _join(ray: Any, engine: str, quiet: Mapping[str, Any]) -> None:
    """Connect to a cluster that runs."""
    address = {"ray": os.environ.get("RAY_ADDRESS"), "ray://auto": "auto"}.get(engine, engine)
    for start in range(_STARTS):
        try:
            ray.init(address=address, **quiet)
            return
        except ConnectionAbortedError as e:  # it answers, but the process that it starts for each client does not
            if start == _STARTS - 1:
                raise UsageError(f"--engine {engine}: the cluster takes no client ({_said(e)})") from e
        except Exception as e:  # ConnectionError, RuntimeError, ValueError and others, by version
            raise UsageError(f"--engine {engine}: no cluster answers there ({_said(e)})") from e


def _said(e: Exception) -> str:
    """Return what an error of Ray says, in one line: of a traceback that it holds, the last."""
    text = e.details() if hasattr(e, "details") else str(e)  # of grpc without its own form
    lines = [line.strip() for line in str(text).split("\n") if line.strip()]
    return " ".join(lines[-1:] if any(line.startswith("Traceback ") for line in lines) else lines)[:200]


def _start_here(ray: Any, cpus: int, quiet: Mapping[str, Any]) -> None:
    """Start a cluster of this machine alone, which ends with this process."""
    # What is computed here is nobody's business; and a busy machine takes its time to start processes.
    usual = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_register_timeout_seconds": "600"}
    with _environment(usual, PYTHONPATH=python_path()):
        for start in range(_STARTS):
            try:
                ray.init(
                    address="local",
                    num_cpus=cpus,
                    include_dashboard=False,
                    object_store_memory=_OBJECTS,
                    _node_ip_address="127.0.0.1",  # whoever reaches a cluster can run code there
                    **quiet,
                )
                return
            except Exception as e:
                ray.shutdown()
                if start == _STARTS - 1:
                    raise UsageError(f"--engine ray: Ray does not start on this machine ({_said(e)})") from e


def _nodes(ray: Any) -> list[dict[str, float]]:
    """Return what each node has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def _processors_a_gpu(nodes: list[dict[str, float]]) -> int:
    """Return how many processors there are for each GPU, on the node with the fewest."""
    return max(1, int(min(node.get("CPU", 1) // node["GPU"] for node in nodes if node.get("GPU", 0) >= 1)))


def _described(node: Mapping[str, float]) -> str:
    found = Needs(int(node.get("CPU", 0)), 0, int(node.get("memory", 0))).text()
    return f"{int(node['GPU'])} × GPU, {found}" if node.get("GPU") else found
