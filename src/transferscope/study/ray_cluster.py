"""How a Ray cluster is reached: one that is started here, or one that runs; what it has, and when it is lost."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import UsageError
from ..runtime import cores, python_path

__all__ = [
    "check_name", "check_ray", "connected", "is_here", "library", "lost", "nodes_of", "processors_a_gpu", "said",
]  # fmt: skip

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


def _installed() -> bool:
    return importlib.util.find_spec("ray") is not None


def library() -> Any:
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


def is_here(engine: str) -> bool:
    """Whether a cluster of this machine alone is to be started."""
    return engine == "ray" and not os.environ.get("RAY_ADDRESS")


@contextmanager
def connected(ray: Any, engine: str, jobs: int | None, threads: int | None) -> Iterator[None]:
    """Be connected inside the block; a connection that the caller has is used and stays."""
    if ray.is_initialized():
        yield
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Ray will do one day with tasks that ask for no GPU; what an error says
        if is_here(engine):
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
                raise UsageError(f"--engine {engine}: the cluster takes no client ({said(e)})") from e
        except Exception as e:  # ConnectionError, RuntimeError, ValueError and others, by version
            raise UsageError(f"--engine {engine}: no cluster answers there ({said(e)})") from e


def said(e: Exception) -> str:
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
                    raise UsageError(f"--engine ray: Ray does not start on this machine ({said(e)})") from e


def nodes_of(ray: Any) -> list[dict[str, float]]:
    """Return what each node has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def processors_a_gpu(nodes: list[dict[str, float]]) -> int:
    """Return how many processors there are for each GPU, on the node with the fewest."""
    return max(1, int(min(node.get("CPU", 1) // node["GPU"] for node in nodes if node.get("GPU", 0) >= 1)))


def lost(ray: Any, e: Exception) -> bool:
    """Whether an error says that the connection is lost, which is by way of this process's own node.

    Ray's client raises errors of grpc as they come.
    """
    kind = type(e)
    gone = kind is ConnectionError or kind.__name__ == "LocalRayletDiedError" or kind.__module__.startswith("grpc")
    return gone or not ray.is_initialized()
