"""Identity is content: the digest of what is asked for."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import StoreError

__all__ = ["NOT_IDENTITY", "canonical", "digest", "file_digest"]

NOT_IDENTITY = frozenset({"device", "workers", "jobs", "threads", "cache", "path"})
"""Top-level keys of a specification that say where it lies or runs and how fast, not what it is."""


def canonical(value: Any) -> str:
    """Write plain data as JSON in the one way that equal data share.

    Keys are sorted, tuples are lists, numbers that are not finite are strings, and there is no white space.

    Args:
        value: nested mappings with string keys, lists, tuples, strings, numbers, booleans and ``None``.

    Raises:
        StoreError: when something in it is none of these.

    >>> canonical({"b": (1, 2.0), "a": None})
    '{"a":null,"b":[1,2.0]}'
    """
    return json.dumps(_plain(value, ""), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(spec: Any) -> str:
    """Hash plain data to 32 hex digits (BLAKE2b); of a mapping, :data:`NOT_IDENTITY` is left out.

    >>> digest({"lr": 0.1, "device": "cpu"}) == digest({"device": "cuda", "lr": 0.1})
    True
    >>> digest({"lr": 0.1}) == digest({"lr": 0.2})
    False
    """
    if isinstance(spec, Mapping):
        spec = {k: v for k, v in spec.items() if k not in NOT_IDENTITY}
    return hashlib.blake2b(canonical(spec).encode(), digest_size=16).hexdigest()


def file_digest(path: Path) -> str:
    """Hash the bytes of a file to 32 hex digits (BLAKE2b)."""
    h = hashlib.blake2b(digest_size=16)
    with path.open("rb") as f:
        while block := f.read(2**20):
            h.update(block)
    return h.hexdigest()


def _plain(value: Any, place: str) -> Any:
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise StoreError(f"{place or 'specification'}: the key {key!r} is not a string")
        return {k: _plain(v, f"{place}.{k}".lstrip(".")) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, f"{place}.{i}") for i, v in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise StoreError(f"{place or 'specification'}: a {type(value).__name__} has no canonical form")
