"""What benchmarks share: each side runs in a process of its own, and says what it took as one line of JSON."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

CLASSES = 12


@dataclass
class Taken:
    """Wall and processor seconds of a block."""

    seconds: float = 0.0
    cpu: float = 0.0


def cpu_seconds() -> float:
    """Processor time of this process and of its children that ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in parts)


@contextmanager
def clock() -> Iterator[Taken]:
    """Measure a block."""
    taken, begun, used = Taken(), time.perf_counter(), cpu_seconds()
    yield taken
    taken.seconds, taken.cpu = time.perf_counter() - begun, cpu_seconds() - used


def in_bfloat16(asked: str) -> bool:
    """Whether bfloat16 is measured too: ``yes``, ``no``, or ``auto`` for where this processor is fast at it."""
    import torch

    from transferscope.runtime import fast_bfloat16

    return asked == "yes" or (asked == "auto" and fast_bfloat16(torch.device("cpu")))


def measure(file: str, side: str, settings: argparse.Namespace) -> dict[str, Any]:
    """Run one side of a benchmark file in a process of its own and return what it printed last."""
    options = [f"--{k.replace('_', '-')}={v}" for k, v in vars(settings).items() if k not in ("side",)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(settings.threads))
    command = [sys.executable, file, *options, f"--side={side}"]
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def trained(network: str, images: int, epochs: int) -> tuple[Any, Any, Any, Any]:
    """A network trained for a little while on clipart at 32 px: the network, its start, its end, and the images."""
    import numpy as np

    from transferscope.data.augmentation import Augmentation
    from transferscope.data.imageset import ImageSet, ImageSplits
    from transferscope.data.synthetic import render
    from transferscope.models.build import build, initialise
    from transferscope.runtime import keep_freed_memory
    from transferscope.train.events import Ended, Snapshot
    from transferscope.train.fit import fit
    from transferscope.train.recipe import Recipe

    keep_freed_memory()
    pixels, labels = render("clipart", images, 32, 0)
    names = tuple(map(str, range(CLASSES)))
    every = ImageSet(pixels, labels, names, np.arange(images).astype(str), name="clipart")
    net = build(network, CLASSES)
    start = initialise(net, 0)
    end = start
    if epochs:
        splits = ImageSplits(train=every, val=every.subset(np.arange(8)), test=every.subset(np.arange(8)))
        plain = Augmentation(crop="none", flip=False)
        recipe = Recipe(epochs=epochs, batch=32, lr=0.8, schedule="cosine", augmentation=plain)
        for event in fit(net, start, splits, recipe, seed=0):
            if isinstance(event, Snapshot) and event.tag == "final":
                end = event.params
            if isinstance(event, Ended):
                break
    return net, start, end, every
