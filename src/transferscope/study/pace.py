"""How long a call takes on this machine, told apart from what other programs take meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

__all__ = ["Pace", "pace"]


@dataclass(frozen=True)
class Pace:
    """How long something takes.

    Attributes:
        quiet: seconds on a quiet machine.
        busy: how often as long it took here and now; 1 is not at all.
    """

    quiet: float
    busy: float


def pace(step: Callable[[], None], device: torch.device, most: float) -> Pace:
    """Return how long a call takes, in seconds, from some of about so many seconds together, after two that warm up.

    On a processor that other programs use, too, the time on the clock is theirs. What it would be without them lies
    between the processor time of all threads and its part for one thread, and the fastest call says where: with one
    thread it is the processor time, however busy the machine.

    Args:
        step: what to call.
        device: where it computes.
        most: seconds to spend on it, about.
    """
    clock: list[float] = []
    processor: list[float] = []

    def timed() -> None:
        begun, spent = time.perf_counter(), time.process_time()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        clock.append(time.perf_counter() - begun)
        processor.append(time.process_time() - spent)

    for _ in range(2):
        timed()
    clock.clear()
    processor.clear()
    while len(clock) < 3 or (sum(clock) < most and len(clock) < 200):
        timed()
    if device.type == "cuda":
        return Pace(float(np.median(clock)), 1.0)
    one = float(np.median(processor))
    quiet = min(one, max(one / torch.get_num_threads(), min(clock)))
    return Pace(quiet, max(1.0, float(np.mean(clock)) / quiet))
