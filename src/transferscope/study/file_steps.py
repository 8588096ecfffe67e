"""Steps that read files of weights a person has, and what to call these files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from ..errors import UsageError
from ..evidence.phrases import listed
from ..models.checkpoint import CheckpointFile
from ..models.locate import content_digest
from ..params import bits_digest
from .graph import Step
from .training_steps import REVISION
from .work.checkpoint import file_into

__all__ = ["File", "FileStep", "alike", "file_step", "labels_of", "names_apart", "with_at"]

File: TypeAlias = tuple[str, str | None]
"""A file, and which of its weights."""


@dataclass(frozen=True)
class FileStep:
    """A file that is to be read.

    Attributes:
        step: that reads it.
        whole: whether it has a final layer for the network's classes.
        bits: of its weights, the same for files with the same weights.
    """

    step: Step
    whole: bool
    bits: str


def file_step(
    file: File,
    label: str,
    network: dict[str, Any],
    classes: int | None,
    head: str,
    read_already: CheckpointFile | None = None,
) -> FileStep:
    """Return the step that reads a file; says what is wrong with the file."""
    path, at = file
    full = str(Path(path).expanduser().absolute())
    body = {
        "revision": REVISION["checkpoint"],
        "network": network,
        "path": full,
        "classes": classes,
        "head": head,
    } | ({} if at is None else {"at": at})
    _, _, loaded = file_into(body, read_already)
    drawn = set(loaded.report.head) - set(loaded.report.fits)
    step = Step("checkpoint", label, {**body, "content": content_digest(full, at)}, cost=100)
    return FileStep(step, not drawn, bits_digest({k: v for k, v in loaded.params.items() if k not in drawn}))


def alike(bits: Mapping[str, str]) -> list[str]:
    """Say which files hold the same weights.

    Args:
        bits: by name of a file, those of its :class:`FileStep`.

    >>> alike({"a.pt": "1f", "b.pt": "07", "c.safetensors": "1f"})
    ['a.pt and c.safetensors are one and the same network: all their weights are equal']
    """
    names: dict[str, list[str]] = {}
    for name, found in bits.items():
        names.setdefault(found, []).append(name)
    return [
        f"{listed(of)} are one and the same network: all their weights are equal"
        for of in names.values()
        if len(of) > 1
    ]


def with_at(paths: Sequence[str], at: Sequence[str], what: str = "checkpoints") -> list[File]:
    """Say of each file which of its weights are meant.

    Args:
        paths: of the files.
        at: nothing, one name for all, or one a file.
        what: the files are.

    Raises:
        UsageError: for another number of names.

    >>> with_at(["a.pt", "b.pt"], ["ema"])
    [('a.pt', 'ema'), ('b.pt', 'ema')]
    """
    if len(at) > 1 and len(at) != len(paths):
        raise UsageError(
            f"--at is given {len(at)} times for {len(paths)} {what}; give it once for all, or once for each"
        )
    names = at if len(at) > 1 else (*(at or (None,)),) * len(paths)
    return list(zip(paths, names, strict=True))


def names_apart(files: Sequence[File]) -> dict[File, str]:
    """Name weights by what tells them apart: the names of their files or folders, and which weights of a file."""
    by_path = labels_of(list(dict.fromkeys(path for path, _ in files)))
    several = len({at for _, at in files}) > 1
    return {(path, at): by_path[path] + (f" at {at}" if several and at else "") for path, at in files}


def labels_of(paths: Sequence[str]) -> dict[str, str]:
    """Name files by what tells them apart: their own names, the names of their folders, or as much as it takes."""
    parts = {path: Path(path).expanduser().absolute().parts for path in paths}
    for depth in range(1, min(map(len, parts.values()))):
        if len({p[-depth] for p in parts.values()}) == len(parts):
            return {path: p[-depth] for path, p in parts.items()}
    return {path: str(Path(*p)) for path, p in parts.items()}
