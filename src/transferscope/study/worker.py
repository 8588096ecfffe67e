"""A process that performs steps for an engine: these come in on stdin, events go out on stdout, a line each.

Started as ``python -P -m transferscope.study.worker``. It ends when stdin ends, in the middle of a step too, so that
no worker outlives its engine however that died.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import TransferscopeError

if TYPE_CHECKING:
    import torch

    from ..store.folder import RunFolder
    from .graph import Step

__all__ = ["Send", "answer", "connected", "main", "serve"]

Send = Callable[[dict[str, Any]], None]
"""Takes what is said on the way and at the end of a step: an event, or that it is finished, or failed, and why."""


def main() -> None:
    """Perform what is asked for on stdin until there is no more."""
    lines, out = connected()
    for order in serve(lines, out):
        raise ValueError(f"not a step: {order}")


def connected() -> tuple[Iterator[str], TextIO]:
    """Return the lines of stdin, with whose end the process ends, and a stream that no library writes to."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    from .. import runtime

    runtime.keep_freed_memory()
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    return iter(asked.get, None), out


def _listen(asked: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        asked.put(line.strip())
    os._exit(0)  # the engine is gone, or has no more to ask; whatever is half done goes on from its state next time


def serve(lines: Iterator[str], out: TextIO) -> Iterator[dict[str, Any]]:
    """Perform the steps that are asked for; yield what is asked for that is no step.

    Args:
        lines: an order each: ``folder``, ``device``, ``threads``, ``plan`` with the step and all it needs, and
            ``digest`` of the step; or ``{}``, which is answered with ``{"idle": true}`` when all before it is done.
        out: where events go.
    """
    from ..runtime import pick_device
    from ..store.folder import RunFolder
    from .graph import Plan

    def send(message: dict[str, Any]) -> None:
        try:
            out.write(json.dumps(message) + "\n")
        except BrokenPipeError:
            os._exit(0)  # the engine is gone: not a failure of the step

    opened = cache(RunFolder.open)
    for line in lines:
        order = json.loads(line)
        if not order:
            send({"idle": True})
        elif "digest" not in order:
            yield order
        else:
            try:
                folder = opened(order["folder"])
                steps = {step.digest: step for step in Plan.from_json(order["plan"]).steps}
            except TransferscopeError as e:
                send({"fatal": str(e)})
            else:
                answer(steps[order["digest"]], folder, pick_device(order["device"]), order["threads"], send)


def answer(step: Step, folder: RunFolder, device: torch.device, threads: int, send: Send) -> None:
    """Perform a step, and say how it goes and went.

    Args:
        step: what to compute; its inputs are there.
        folder: where it goes.
        device: where to compute.
        threads: how many threads torch uses.
        send: told.
    """
    from .perform import StepFailedError, perform

    try:
        reused, _ = perform(
            step, folder, device=device, threads=threads, listener=lambda event: send({"event": asdict(event)})
        )
    except StepFailedError as e:
        send({"failed": step.digest, "error": str(e)})
    except TransferscopeError as e:
        send({"fatal": str(e)})
    else:
        send({"finished": step.digest, "reused": reused})


if __name__ == "__main__":
    main()
