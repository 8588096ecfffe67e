"""What a recorder writes: every file whole or not there, so that the folder is readable at any moment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import StoreError
from ..store.atomic import said_plainly, write_json
from ..store.folder import RunFolder, now, software
from ..store.lock import locked
from ..store.log import Log
from ..store.recording import ABOUT, HISTORY, TAGS, WEIGHTS, Recording
from ..store.tensors import WeightFiles, write_tensors

__all__ = ["RecorderFolder"]


class RecorderFolder:
    """The folder of a recording while it is written; only one process at a time has it.

    Args:
        root: its place.
        about: what there is to say of the training.
        resume: the step up to which what is there stays; ``None`` begins a new recording.

    Raises:
        StoreError: when the folder is not ours, holds a recording already, has none to go on with, is being written
            by another process, or cannot be written.
    """

    def __init__(self, root: str | Path, about: Mapping[str, Any], resume: int | None) -> None:
        self.root = Path(root)
        name = Path(root).absolute().name
        folder = RunFolder.create(root, "recording", name)
        self._open = ExitStack()
        self._open.enter_context(_alone(folder.root))
        try:
            there = (self.root / ABOUT).exists()
            if there and resume is None:
                raise StoreError(
                    f"{root}: holds a recording already; give a new folder, or resume= what its state_dict() said"
                )
            if resume is not None and not there:
                raise StoreError(f"{root}: holds no recording to go on with; leave resume out to begin one")
            self.tags: dict[str, dict[str, int]] = {}
            kept = self._cut(resume) if resume is not None else 0
            with said_plainly(self.root):
                (self.root / WEIGHTS).mkdir(exist_ok=True)
            self._log = self._open.enter_context(Log(self.root / HISTORY, kept))
            self.about = dict(Recording.open(root).about) if resume is not None else {**about, "started": now()}
            self.about |= {"ended": None, "transferscope": software()}
            self._write_about()
        except BaseException:
            self._open.close()
            raise

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add to the history, and see it on the disk."""
        for row in rows:
            self._log.row(row)
        self._log.flush()

    def weights(self, tag: str, params: Mapping[str, Tensor], epoch: int, step: int) -> None:
        """Keep weights under a tag, in place of others: first the file, then the list that names it."""
        at = {"epoch": epoch, "step": step}
        write_tensors(self.root / WEIGHTS / WeightFiles.file_name(tag), params, at)
        self.tags = {**{t: a for t, a in self.tags.items() if t != tag}, tag: at}
        write_json(self.root / WEIGHTS / TAGS, self.tags)

    def values(self, metric: str) -> list[float]:
        """Return the values of a metric on record, in order."""
        return [float(row[metric]) for row in Recording.open(self.root).rows if metric in row]

    def say(self, **about: Any) -> None:
        """Add to what is said of the training."""
        self.about |= about
        self._write_about()

    def end(self, ended: Mapping[str, Any]) -> None:
        """Say how it ended, and let go of the folder."""
        self._log.flush()
        self.say(ended={**ended, "when": now()})
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        self._open.close()

    def _write_about(self) -> None:
        write_json(self.root / ABOUT, self.about)

    def _cut(self, step: int) -> int:
        """Drop what was recorded after a step: it is done again. Return the bytes of the history that stay."""
        found = Recording.open(self.root)
        self.tags = {tag: dict(at) for tag, at in found.tags.items() if at["step"] <= step and tag != "final"}
        write_json(self.root / WEIGHTS / TAGS, self.tags)
        kept, place = 0, self.root / HISTORY
        for line in place.read_bytes().splitlines(keepends=True) if place.exists() else ():
            try:
                if not line.endswith(b"\n") or json.loads(line)["step"] > step:
                    break
            except (ValueError, KeyError, TypeError) as e:
                raise StoreError(f"{place}: is damaged ({e!r}); give a new folder") from e
            kept += len(line)
        return kept


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    def refuse(owner: str) -> None:
        raise StoreError(f"{root}: {owner} records there now; give each training its own folder")

    with locked(root / "work" / "recording.lock", refuse):
        yield
