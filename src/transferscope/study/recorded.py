"""Recordings in studies, and what they say of themselves that need not be said again on the command line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import SpecError, StoreError, UsageError
from ..store.digest import digest, file_digest
from ..store.recording import ABOUT, HISTORY, START, Recording, is_recording
from ..train.recipe import Recipe

__all__ = ["RecordedRun", "filled", "recorded_run"]


@dataclass(frozen=True)
class RecordedRun:
    """A recorded training that a study asks about.

    Attributes:
        root: its folder.
        tags: which weights were kept.
        start: what tells its weights before training from others.
        content: hash of all that was recorded.
        epochs: how many were done, 1 at least.
        lr: the largest learning rate on record.
    """

    root: Path
    tags: tuple[str, ...]
    start: str
    content: str
    epochs: int
    lr: float | None

    def recipe(self, usual: Recipe) -> Recipe:
        """Return how it was trained, as far as that is on record, else as the study says.

        A rate that is on record is that of the steps, so ``batch`` becomes 256, for which rates are given.
        """
        found = replace(usual, epochs=self.epochs, milestones=(), schedule="constant")
        return found if self.lr is None else replace(found, lr=self.lr, batch=256)

    @property
    def between(self) -> bool:
        """Whether weights were kept between start and end."""
        return any(tag not in (START, "best", "final") for tag in self.tags)

    def missing(self, tags: Sequence[str], where: str) -> Iterator[SpecError]:
        """Yield a line for each of some tags that was not kept."""
        for tag in tags:
            if tag not in self.tags:
                yield SpecError(where, f"{self.root} kept no weights at {tag} (kept are: {', '.join(self.tags)})")


def recorded_run(path: str) -> RecordedRun:
    """Open a recording for a study.

    Raises:
        StoreError: when there is none, or it has no weights from before training and some from later.
    """
    full = Path(path).expanduser().absolute()
    if not is_recording(full):
        raise StoreError(f"{path}: is not the folder of a recorder (see 'transferscope.record')")
    return _opened(full, (full / ABOUT).stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _opened(root: Path, changed: int) -> RecordedRun:
    found = Recording.open(root)
    if START not in found.tags or len(found.tags) < 2:
        raise StoreError(
            f"{root}: kept no weights from before training and from later; there is nothing to ask about"
        )
    files = [root / name for name in (HISTORY,) if (root / name).exists()]
    files += [found.file(tag) for tag in found.tags]
    content = digest([dict(found.tags), found.ended, [file_digest(file) for file in files]])
    rates = [row["lr"] for row in found.rows if row["kind"] == "step" and row.get("lr", 0) > 0]
    epochs = max(1, *(at["epoch"] for at in found.tags.values()))
    lr = max((rate for rate in rates if math.isfinite(rate)), default=None)
    return RecordedRun(root, tuple(found.tags), str(found.about.get("start") or content)[:8], content, epochs, lr)


def filled(checkpoints: Sequence[str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a command about files with what recordings among the files say.

    The network and the images are those named when they were recorded; the weights to start from are those before
    training, where all are recordings that share them.

    Args:
        checkpoints: files of weights and folders of recordings.
        given: ``model``, ``data``, ``init`` and others as they were given, ``None`` for what was not.

    Raises:
        UsageError: when network or images are neither given nor recorded, or recorded are several.
        StoreError: when a recording is damaged.
    """
    found = [Recording.open(path) for path in map(Path, checkpoints) if is_recording(path)]
    out = dict(given)
    for key, what in (("model", "network"), ("data", "images")):
        if out[key] is None:
            named = {str(r.about[key]): r.root for r in found if r.about.get(key)}
            if len(named) > 1:
                each = ", ".join(f"{value} in {root}" for value, root in named.items())
                raise UsageError(f"--{key}: the recordings name several ({each}); say which to take")
            if not named:
                why = f"{found[0].root} does not name its {what}, " if found else ""
                raise UsageError(f"--{key}: {why}the {what} must be given; see --help")
            out[key] = next(iter(named))
    starts = {r.about.get("start") for r in found}
    if (
        out["init"] is None
        and found
        and len(found) == len(checkpoints)
        and len(starts) == 1
        and START in found[0].tags
    ):
        out |= {"init": str(found[0].root), "init_at": START}
    return out
