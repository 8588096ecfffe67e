"""A training that was recorded: the folder that a recorder leaves, whole at every moment.

::

    DIR/
      transferscope.json    the marker
      recording.json        what was trained, how it ended; nothing is said of its end while it runs, or was killed
      history.jsonl         a row a step and a row an evaluation
      weights/              TAG.safetensors each, and tags.json: after which step and epoch each was kept
      work/                 the lock; nothing here is needed when nothing runs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import StoreError, nearest
from .atomic import read_json
from .folder import MARKER, RunFolder
from .log import read_log
from .tensors import WeightFiles

__all__ = ["ABOUT", "HISTORY", "START", "TAGS", "WEIGHTS", "Recording", "is_recording", "weights_file"]

ABOUT = "recording.json"
HISTORY = "history.jsonl"
WEIGHTS = "weights"
TAGS = "tags.json"
START = "epoch 0"
"""Tag of the weights before training."""


@dataclass(frozen=True)
class Recording:
    """A recorded training, read only.

    Attributes:
        root: its folder.
        about: what ``recording.json`` says.
        tags: which weights were kept, in this order: tag → ``epoch`` and ``step``.
    """

    root: Path
    about: Mapping[str, Any]
    tags: Mapping[str, Mapping[str, int]]

    @classmethod
    def open(cls, root: str | Path) -> Recording:
        """Read the folder of a recorder; also while it records, or after it was killed.

        Raises:
            StoreError: when it is no such folder, or damaged.
        """
        folder = RunFolder.open(root)
        if folder.about != "recording":
            raise StoreError(f"{folder.root}: is a run folder of another kind; expected one that a recorder made")
        about = read_json(folder.root / ABOUT)
        place = folder.root / WEIGHTS / TAGS
        tags = read_json(place) if place.exists() else {}
        try:
            tags = {tag: {key: int(at[key]) for key in ("epoch", "step")} for tag, at in tags.items()}
            ended = about["ended"]
            if ended is not None and not isinstance(ended["reason"], str):
                raise TypeError("ended")
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise StoreError(f"{folder.root}: its {ABOUT} or {TAGS} is damaged ({e!r})") from e
        return cls(folder.root, about, tags)

    @property
    def ended(self) -> str:
        """How it ended: ``finished``, ``diverged at step s``, ``stopped at step s``; empty when nobody said."""
        ended = self.about["ended"]
        return "" if ended is None else str(ended["reason"])

    @property
    def best(self) -> Mapping[str, Any]:
        """Of the best weights ``epoch``, ``step`` and ``by``, the metric; empty when none were chosen."""
        ended = self.about["ended"]
        return {} if ended is None else dict(ended.get("best") or {})

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of the history, ``kind`` being ``step`` or ``epoch``."""
        place = self.root / HISTORY
        return read_log(place) if place.exists() else []

    @property
    def weights(self) -> WeightFiles:
        """The weights by tag, each read when it is asked for."""
        return WeightFiles(self.root / WEIGHTS, tuple(self.tags))

    def file(self, tag: str | None = None) -> Path:
        """Return the file of weights that were kept under a tag, by default the final ones.

        Raises:
            StoreError: when there are none, with the tags there are.
        """
        wanted = {"start": START}.get(tag or "final", tag or "final")
        if wanted not in self.tags:
            there = ", ".join(self.tags) or "none yet"
            if tag is None:
                why = self.ended or "is being recorded, or was stopped before its end"
                raise StoreError(
                    f"{self.root}: {why} and has no final weights; say with --at which to take, kept are: {there}"
                )
            raise StoreError(f"{self.root}: kept no weights {tag!r}{nearest(tag, self.tags)} (kept are: {there})")
        return self.root / WEIGHTS / WeightFiles.file_name(wanted)

    def line(self) -> str:
        """Say in a line what it is and how far it came."""
        rows = self.rows
        step = max((int(row["step"]) for row in rows), default=0)
        epoch = max((int(row["epoch"]) for row in rows if row["kind"] == "epoch"), default=0)
        state = self.ended or "is being recorded, or was killed"
        return f"{self.root.name}: {state}; {epoch} epochs, {step} steps; weights kept: {', '.join(self.tags)}"


def is_recording(path: Path) -> bool:
    """Say whether a folder is one that a recorder made."""
    if not (path / MARKER).is_file():
        return False
    marker = read_json(path / MARKER)
    return isinstance(marker, dict) and marker.get("about") == "recording"


def weights_file(path: Path, at: str | None) -> tuple[Path, str | None]:
    """Return the file of weights that a path stands for, and which of its weights.

    Args:
        path: of a file or folder; that of a recording stands for its final weights.
        at: which weights; of a recording the tag under which they were kept.

    Raises:
        StoreError: when a recording has not kept them.
    """
    return (Recording.open(path).file(at), None) if is_recording(path) else (path, at)
