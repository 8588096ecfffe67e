"""Which of several processes of one training this is."""

from __future__ import annotations

import os

import torch

__all__ = ["processes", "rank"]


def rank() -> int:
    """Return the number of this process: 0 is the one that writes."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank()
    return int(os.environ.get("RANK", "0") or 0)  # said by torchrun before processes know each other


def processes() -> int:
    """Return how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_world_size()
    return int(os.environ.get("WORLD_SIZE", "1") or 1)
