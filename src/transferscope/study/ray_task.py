"""A step on a node of a Ray cluster: the other end of :mod:`.ray_engine`."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

__all__ = ["Mailbox", "compute", "task"]

_EVERY = 0.5
"""Seconds between two messages of how far a step is: of a hundred steps, one mailbox hears."""

_SOON = ("begun", "resumed", "waiting", "advanced")
"""Events that are sent at once; the others are part of the answer, so that they come before it is settled."""


def compute(order: dict[str, Any], send: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Perform one step here.

    Args:
        order: ``folder`` where the store is, ``plan`` with the step and all it needs, ``digest`` of the step,
            ``device``, ``threads``, and the ``version`` of this package that asks.
        send: takes events on the way; nobody has to listen.

    Returns:
        ``events`` of the end, and one of ``finished`` (with ``reused``), ``failed`` and ``fatal``, an error each.
    """
    # The bits of a sum depend on the number of threads: of libraries that are still to be loaded, which read this,
    # and below of those that Ray has loaded.
    os.environ["OMP_NUM_THREADS"] = str(order["threads"])
    from threadpoolctl import threadpool_limits

    from ..errors import StoreError, TransferscopeError
    from ..runtime import pick_device
    from ..store.folder import RunFolder, software
    from .events import StepEvent
    from .graph import Plan
    from .perform import StepFailedError, perform

    _prepared()
    node = platform.node()
    if software() != order["version"]:
        return _fatal(
            f"node {node}: has transferscope {software()}, and {order['version']} asks; install the same on all nodes"
        )
    try:
        folder = RunFolder.open(order["folder"])
    except StoreError as e:
        return _fatal(f"{e} on node {node}; the run folder of a cluster lies where all its nodes see it")
    steps = {step.digest: step for step in Plan.from_json(order["plan"]).steps}
    events: list[dict[str, Any]] = []
    last = float("-inf")

    def heard(event: StepEvent) -> None:
        nonlocal last
        if event.what not in _SOON:
            events.append(asdict(event))
        elif event.what != "advanced":
            send(asdict(event))
        elif time.monotonic() - last >= _EVERY:
            last = time.monotonic()
            send(asdict(event))

    try:
        with threadpool_limits(order["threads"]):
            reused, _ = perform(
                steps[order["digest"]],
                folder,
                device=pick_device(order["device"]),
                threads=order["threads"],
                listener=heard,
            )
    except StepFailedError as e:
        return {"events": events, "failed": str(e)}
    except TransferscopeError as e:
        return _fatal(f"{e} (on node {node})")
    return {"events": events, "finished": True, "reused": reused}


def _fatal(text: str) -> dict[str, Any]:
    return {"events": [], "fatal": text}


@cache
def _prepared() -> None:
    """Set up the process once, before its first large allocation."""
    from ..runtime import keep_freed_memory

    keep_freed_memory()


class Mailbox:
    """Where tasks leave word; an actor of the cluster. Whoever takes waits until there is something."""

    def __init__(self) -> None:
        import asyncio

        self._letters: asyncio.Queue[tuple[int, dict[str, Any]]] = asyncio.Queue()

    async def put(self, attempt: int, event: dict[str, Any]) -> None:
        """Leave an event of an attempt at a step."""
        await self._letters.put((attempt, event))

    async def take(self) -> list[tuple[int, dict[str, Any]]]:
        """Return all that was left, once there is something."""
        found = [await self._letters.get()]
        while not self._letters.empty():
            found.append(self._letters.get_nowait())
        return found


def task(order: dict[str, Any], attempt: int, mailbox: Any) -> dict[str, Any]:
    """Perform a step as a task of Ray, with its events in a mailbox."""
    return compute(order, lambda event: mailbox.put.remote(attempt, event))
