"""What an engine has evaluated so far, kept by whoever calls it, so that long evaluations survive being stopped."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from .metrics import Meter
from .points import Points

__all__ = ["Keeper", "Kept", "digest_of"]

_SECONDS = 10.0
"""Least time between two savings: what a stopped evaluation loses at most, besides the points under way."""


class Kept(Protocol):
    """A place for arrays by key; what is saved again is replaced."""

    def load(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Return what was saved last, ``None`` when there is nothing."""

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save arrays, whole or not at all."""


class Keeper:
    """Keeps the metrics of one run of an engine.

    Args:
        kept: where; ``None`` for nowhere.
        key: of the run; the same for the same points, images and metrics.
        meters: of the run, by image set.
    """

    def __init__(self, kept: Kept | None, key: str, meters: Mapping[str, Meter]) -> None:
        self._kept, self._key, self._meters = kept, key, meters
        self._last = time.monotonic()

    def restore(self) -> int:
        """Give the meters what was saved, and return how many points that is."""
        found = None if self._kept is None else self._kept.load(self._key)
        if found is None:
            return 0
        done = int(found["done"])
        for name, meter in self._meters.items():
            meter.restore(found[f"{name}/values"], found[f"{name}/examples"], done)
        return done

    def save(self, done: int, total: int) -> None:
        """Save what the meters hold once in a while, and at the end."""
        if self._kept is None or (done < total and time.monotonic() - self._last < _SECONDS):
            return
        arrays: dict[str, np.ndarray] = {"done": np.array(done)}
        for name, meter in self._meters.items():
            arrays[f"{name}/values"], arrays[f"{name}/examples"] = meter.state(done)
        self._kept.save(self._key, arrays)
        self._last = time.monotonic()


def digest_of(points: Points, *about: object) -> str:
    """Return a digest of points and of what else decides their metrics.

    >>> import torch
    >>> line = Points.line({"w": torch.zeros(1)}, {"w": torch.ones(1)}, [0.0, 1.0])
    >>> digest_of(line, "loss") == digest_of(line, "loss"), digest_of(line, "loss") == digest_of(line, "error")
    (True, False)
    """
    hashed = hashlib.blake2b(repr(about).encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(points.coefficients).data)
    for operand in points.basis:
        for name, value in operand.items():
            hashed.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            hashed.update(value.detach().cpu().contiguous().reshape(-1).numpy().data)
    return hashed.hexdigest()
