"""Decoding in processes of their own.

PIL holds the interpreter for most of a small image's time, so threads gain little there (measured: 1.1 to 1.6 times
with two, against 2 to 2.8 with processes). The processes are plain children that run :func:`serve` and talk over
their standard streams: nothing is forked from a program with threads, and a script needs no ``__main__`` guard.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import numpy as np

from ..errors import DataError
from .decode import Block, Failure, Form, decode_files

__all__ = ["Decoders", "decoders", "serve"]


class Decoders:
    """Child processes that decode image files; used by as many threads as there are children."""

    def __init__(self, children: list[subprocess.Popen[bytes]]) -> None:
        self._free: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for child in children:
            self._free.put(child)

    def decode(self, paths: list[str], form: Form) -> Block:
        """Decode files in the next free child; the same as :func:`decode_files`.

        Raises:
            DataError: when the child ended, which is then laid at the door of these images.
        """
        child = self._free.get()
        try:
            return _ask(child, paths, form)
        except (OSError, ValueError) as e:
            child.kill()  # it has ended, or is of no use any more
            raise DataError(
                f"the process that decodes images ended (exit code {child.wait()}) at one of {len(paths)} images "
                f"from {paths[0]} on; is one of them harmful, or is memory short?"
            ) from e
        finally:
            self._free.put(child)


@contextmanager
def decoders(count: int) -> Iterator[Decoders]:
    """Start ``count`` children and end them on the way out, however that is."""
    root = str(Path(__file__).resolve().parents[2])
    paths = [*filter(None, sys.path), *([] if root in sys.path else [root])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    # -P: the current folder may hold a json.py of somebody's, which is not to be run for being there.
    command = [sys.executable, "-P", "-c", f"from {__name__} import serve; serve()"]
    with ExitStack() as stack:
        children = []
        for _ in range(count):
            # What libjpeg and libtiff say on the error stream is in the reasons already.
            child = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
            stack.callback(_end, child)
            children.append(child)
        yield Decoders(children)


def serve() -> None:
    """Answer requests on the standard streams until they end: the child's side."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to handle
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    while line := requests.readline():
        request = json.loads(line)
        block = decode_files(request["paths"], Form(**request["form"]))
        answers.write(json.dumps({"failures": block.failures}).encode() + b"\n")
        answers.write(np.ascontiguousarray(block.images).data)
        answers.flush()


def _ask(child: subprocess.Popen[bytes], paths: list[str], form: Form) -> Block:
    assert child.stdin is not None and child.stdout is not None
    child.stdin.write(json.dumps({"paths": paths, "form": asdict(form)}).encode() + b"\n")
    child.stdin.flush()
    answer = json.loads(child.stdout.readline())
    images = np.empty((len(paths), *form.shape), np.uint8)
    _read_into(child.stdout, images.reshape(-1).data)
    return Block(images, [Failure(*f) for f in answer["failures"]])


def _read_into(stream: IO[bytes], view: memoryview) -> None:
    while len(view):
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise OSError("the stream ended")
        view = view[count:]


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.communicate()
