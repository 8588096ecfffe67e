"""Logits that one question has computed and another needs, kept by what decides their bits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..errors import StoreError
from ..params import floating
from .partial_results import Kept

__all__ = ["Shelf"]

_ROOM = 2**26
"""Bytes that one evaluation may put there: what others would need of more networks than fit, they compute."""


class _Digested(Protocol):
    """What can be told apart by what it holds."""

    @property
    def digest(self) -> str:
        """The same for the same content."""


class Shelf:
    """Logits on image sets, by the weights they are of and all else that decides them.

    Networks that are compared are looked at by several questions at the same points: as they are, half-way between
    them. What one question has computed, in this process or in one beside it, no other computes again.

    Args:
        kept: where they lie; ``None`` for nowhere.
        about: what decides the bits besides weights and images: the network, the number format, the device.

    >>> class Memory(dict):
    ...     load, save = dict.get, dict.__setitem__
    >>> class Pictures:
    ...     digest = "0a1b"
    >>> shelf, weights = Shelf(Memory(), "net", "float32"), {"w": torch.ones(2)}
    >>> key = shelf.key(weights, Pictures())
    >>> of = (2, 2), torch.float32
    >>> shelf.load(key, *of) is None, shelf.save(key, torch.eye(2)), shelf.load(key, *of).tolist()
    (True, None, [[1.0, 0.0], [0.0, 1.0]])
    """

    def __init__(self, kept: Kept | None, *about: object) -> None:
        self._kept, self._about, self._room = kept, repr(about), _ROOM

    def key(
        self, weights: Mapping[str, Tensor], images: _Digested, calibration: _Digested | None = None, batch: int = 0
    ) -> str:
        """Return by what logits are found; empty when nothing is kept.

        Args:
            weights: all of the network, on any device; counters play no part.
            images: the set.
            calibration: what statistics of batch norm are collected on for these weights, if they are.
            batch: images at a time.
        """
        if self._kept is None:  # a set may be large, and no digest of it is wanted
            return ""
        seen = (images.digest, "" if calibration is None else calibration.digest, batch)
        hashed = hashlib.blake2b(f"{self._about} {seen} {torch.__version__}".encode(), digest_size=16)
        hashed.update(f" {torch.get_num_threads()} {torch.backends.cpu.get_cpu_capability()}".encode())
        for value in floating(weights).values():
            hashed.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return hashed.hexdigest()

    def load(self, key: str, shape: tuple[int, int], dtype: torch.dtype) -> Tensor | None:
        """Return the logits under a key, on the CPU; what is damaged counts as not there.

        Args:
            key: see :meth:`key`.
            shape: of logits of this network on this set, ``(n, classes)``.
            dtype: of them.
        """
        found = None if self._kept is None else self._kept.load(key)
        if found is None or "logits" not in found or found["logits"].dtype.kind != "f":
            return None
        logits = torch.from_numpy(np.array(found["logits"]))
        return logits if logits.shape == shape and logits.dtype == dtype else None

    def save(self, key: str, logits: Tensor) -> None:
        """Keep logits, as long as there is room; they are of use, and nothing is lost without them."""
        size = logits.numel() * logits.element_size()
        if self._kept is not None and size <= self._room:
            self._room -= size
            try:
                self._kept.save(key, {"logits": logits.cpu().numpy().copy()})
            except StoreError:
                self._room = 0
