"""Random numbers that depend on what they are for, not on what was drawn before.

A stream is named by a path, e.g. ``("fit", seed, "augment", epoch, step)``; the path is hashed to the seed of a
fresh generator. So a run that is stopped and started again draws the same numbers without keeping any state.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

__all__ = ["generator", "numpy_generator", "seed_of"]

Part = str | int | float


def seed_of(*path: Part) -> int:
    """Hash a path of names and numbers to a seed of 63 bits.

    >>> seed_of("fit", 0) == seed_of("fit", 0), seed_of("fit", 0) == seed_of("fit", 1)
    (True, False)
    """
    text = "\x1f".join(f"{type(p).__name__}:{p!r}" for p in path)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def generator(*path: Part, device: str | torch.device = "cpu") -> torch.Generator:
    """Return a fresh torch generator for this path.

    Args:
        path: what the numbers are for.
        device: where they are drawn; streams of different devices differ.
    """
    import torch

    return torch.Generator(device=device).manual_seed(seed_of(*path))


def numpy_generator(*path: Part) -> np.random.Generator:
    """Return a fresh NumPy generator for this path."""
    return np.random.Generator(np.random.PCG64(seed_of(*path)))
