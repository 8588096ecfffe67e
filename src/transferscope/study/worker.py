"""A process that performs steps for an engine: these come in on stdin, events go out on stdout, a line each.

Started as ``python -P -m transferscope.study.worker DIR --device DEVICE --threads N``. It ends when stdin ends, in
the middle of a step too, so that no worker outlives its engine however that died.
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import sys
import threading
from dataclasses import asdict
from typing import Any, TextIO

from ..errors import TransferscopeError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Perform what is asked for on stdin until there is no more."""
    parser = argparse.ArgumentParser(prog="transferscope.study.worker")
    parser.add_argument("folder")
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    options = parser.parse_args(arguments)

    # What a library prints must not be read as an event.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    from .. import runtime

    runtime.keep_freed_memory()
    asked: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    _serve(options.folder, options.device, options.threads, asked, out)
    return 0


def _listen(asked: queue.SimpleQueue[str]) -> None:
    for line in sys.stdin:
        asked.put(line.strip())
    os._exit(0)  # the engine is gone, or has no more to ask; whatever is half done goes on from its state next time


def _serve(root: str, device_name: str, threads: int, asked: queue.SimpleQueue[str], out: TextIO) -> None:
    from ..runtime import pick_device
    from ..store.folder import RunFolder
    from .graph import Plan
    from .perform import StepFailedError, perform

    def send(message: dict[str, Any]) -> None:
        try:
            out.write(json.dumps(message) + "\n")
        except BrokenPipeError:
            os._exit(0)  # the engine is gone: not a failure of the step

    folder = RunFolder.open(root)
    device = pick_device(device_name)
    send({"ready": True})
    while True:
        order = json.loads(asked.get())
        digest = order["digest"]
        try:
            steps = {step.digest: step for step in Plan.from_json(order["plan"]).steps}
            reused, _ = perform(
                steps[digest],
                folder,
                device=device,
                threads=threads,
                listener=lambda event: send({"event": asdict(event)}),
            )
            send({"finished": digest, "reused": reused})
        except StepFailedError as e:
            send({"failed": digest, "error": str(e)})
        except TransferscopeError as e:
            send({"fatal": str(e)})


if __name__ == "__main__":
    sys.exit(main())
