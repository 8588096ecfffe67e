"""A run folder at an address, such as ``s3://bucket/run``, with a mirror of it on this machine.

The objects are the files of a local run folder, under the same names; whoever copies them has a run folder. A step is
computed in the mirror, its files are put one by one, and ``step.json`` last, by a conditional put: where it is, the
whole step is, and of two that computed the same one is believed. What is under way is put as it is saved, so that
another machine goes on with it. Files are fetched when they are asked for.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ..errors import StoreError
from ..runtime import cache_folder
from .atomic import json_bytes, publish, read_json, said_plainly, write_bytes
from .claims import claimant, claimed
from .digest import digest
from .folder import MARKER, About, Failure, RunFolder, checked_marker, marker
from .partial_results import KeptArrays
from .place import Place
from .step import HEADER, KEPT, STATE, Draft, Identity, StepRecord, StoredStep, folder_name
from .tensors import WeightFiles

__all__ = ["RemoteDraft", "RemoteFolder", "RemoteStep", "mirror_of", "shared"]

T = TypeVar("T")
_SYNC = 30.0
"""Least seconds between two times that a state under way is put: what another machine computes again, at most."""

_FRESH = 2.0
"""Seconds for which a listing of the finished steps is believed, outside of a claim."""


def mirror_of(place: Place) -> Path:
    """Return where on this machine the files of an address lie; the folder need not be there."""
    return cache_folder() / "runs" / digest({"address": place.address})[:16]


def shared(place: Place, root: Path, *names: str) -> None:
    """Put files, or folders of files, of a mirror under the same names at its address.

    Args:
        place: the address.
        root: its mirror.
        names: in the order in which they are put.
    """
    for name in names:
        path = root / name
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            place.upload(file, str(file.relative_to(root)))


@dataclass(frozen=True)
class RemoteFolder(RunFolder):
    """A run folder at an address.

    Attributes:
        objects: what lies at the address.
    """

    objects: Place = field(compare=False)
    _listed: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def made(cls, address: str, about: About, name: str) -> RemoteFolder:
        """Make a run folder, or take up one of the same study; see :meth:`RunFolder.create`."""
        place = Place(address)
        content = json_bytes(marker(about, name))
        if not place.exists(MARKER):
            if strangers := place.folders(""):
                raise StoreError(
                    f"{place.address}: is not empty and not a run folder (it holds {strangers[0]!r}); "
                    "nothing was written: give a new or empty place"
                )
            place.create(MARKER, content)  # or somebody else does at this moment
            if place.create(MARKER, content):
                place.delete(MARKER)
                raise StoreError(
                    f"{place.address}: this place puts an object over one that is there, also on the condition that "
                    "there is none (no conditional puts), so nothing could say who computes a step; give a place on "
                    "S3 or Google Cloud Storage, or a folder"
                )
        found = cls.at(address)
        found._same(about, name)
        return found

    @classmethod
    def at(cls, address: str) -> RemoteFolder:
        """Read a run folder; see :meth:`RunFolder.open`."""
        place = Place(address)
        content = place.read(MARKER)
        if content is None:
            raise StoreError(f"{place.address}: is not a run folder (there is no {MARKER} in it)")
        try:
            tree = json.loads(content)
        except ValueError:
            tree = None
        about, name = checked_marker(tree, place.address)
        root = mirror_of(place)
        with said_plainly(root):
            (root / "work").mkdir(parents=True, exist_ok=True)
            (root / "steps").mkdir(exist_ok=True)
        write_bytes(root / MARKER, content)
        for file in ("study.yaml", "plan.json"):
            place.download(file, root / file)
        return cls(root, about, name, place)

    @property
    def address(self) -> str:
        """Its address."""
        return self.objects.address

    def put(self, name: str, content: bytes) -> None:
        """Put a file beside the marker."""
        super().put(name, content)
        self.objects.write(name, content)

    def read(self, name: str) -> Any:
        """Read plain data beside the marker."""
        self.objects.download(name, self.root / name)
        return super().read(name)

    def share(self, *names: str) -> None:
        """Put files, or folders of files, that were made in the mirror."""
        shared(self.objects, self.root, *names)

    def find(self, identity: Identity) -> StoredStep | None:
        """Return the finished step of this digest, whatever it was called then, or ``None``."""
        for name in self._finished():
            stored = self._stored(name) if name.endswith(f"-{identity.digest[:10]}") else None
            if stored is not None and stored.record.identity.digest == identity.digest:
                return stored
        return None

    def steps(self) -> list[StoredStep]:
        """Return all finished steps, by name."""
        return [stored for name in self._finished() if (stored := self._stored(name)) is not None]

    @contextmanager
    def claim(self, identity: Identity, waiting: Callable[[str], None]) -> Iterator[None]:
        """Be the only process that computes this step, inside the block."""
        with claimed(self.objects, self._key(identity), waiting):
            self._listed.clear()  # what others finished meanwhile must be seen now
            yield

    def owner(self, identity: Identity) -> str | None:
        """Return which process computes this step now, or ``None``."""
        return claimant(self.objects, self._key(identity))

    def draft(self, identity: Identity, *, resume: bool) -> Draft:
        """Begin a step, or go on with it where ``resume`` finds a saved state; only inside :meth:`claim`."""
        draft = RemoteDraft(self.root / "work" / folder_name(identity), place=self.objects)
        draft.begin(resume=resume)
        return draft

    def in_work(self, identity: Identity) -> bool:
        """Whether some of this step has been computed and kept."""
        under = f"work/{folder_name(identity)}/"
        return any(name.startswith((under + STATE, under + KEPT + "/")) for name in self.objects.names(under))

    def fail(self, identity: Identity, error: str, trace: str) -> None:
        """Put a failure on record; it goes when the step succeeds."""
        super().fail(identity, error, trace)
        file = self._failure(identity)
        self.objects.upload(file, f"failed/{file.name}")

    def forgive(self, identity: Identity) -> None:
        """Take a failure off the record."""
        super().forgive(identity)
        self.objects.delete(f"failed/{self._failure(identity).name}")

    def failure(self, identity: Identity) -> Failure | None:
        """Return how this step failed last, or ``None``."""
        file = self._failure(identity)
        if not self.objects.download(f"failed/{file.name}", file):
            file.unlink(missing_ok=True)
        return super().failure(identity)

    def _finished(self) -> list[str]:
        if time.monotonic() - self._listed.get("when", float("-inf")) > _FRESH:
            self._listed.update(when=time.monotonic(), names=self.objects.folders("steps/"))
        names: list[str] = self._listed["names"]
        return names

    def _stored(self, name: str) -> StoredStep | None:
        folder = self.root / "steps" / name
        if not self.objects.exists(f"steps/{name}/{HEADER}"):
            return None  # its files are being put
        return RemoteStep(folder, self.objects)

    @staticmethod
    def _key(identity: Identity) -> str:
        return f"work/claims/{identity.digest[:20]}/"


class RemoteStep(StoredStep):
    """A finished step whose files are fetched when they are asked for.

    Args:
        folder: of the mirror.
        place: the objects of the run folder.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self._place, self._under = place, f"steps/{folder.name}/"
        self.folder = folder
        self._fetch(HEADER)
        super().__init__(folder)

    def result(self, kind: type[T]) -> T:
        """Read the step's result."""
        self._fetch("result.json", "arrays.npz")
        return super().result(kind)

    def weights(self) -> WeightFiles:
        """Return the step's weights by tag, in the order they were recorded."""
        self._fetch("weights/tags.json")
        tags = read_json(self.folder / "weights" / "tags.json")
        self._fetch(*(f"weights/{WeightFiles.file_name(tag)}" for tag in tags))
        return super().weights()

    def history(self) -> list[dict[str, Any]]:
        """Read the rows logged along the way."""
        self._fetch("history.jsonl")
        return super().history()

    def _fetch(self, *names: str) -> None:
        for name in names:
            if not (self.folder / name).exists():
                self._place.download(self._under + name, self.folder / name)


class _SharedArrays(KeptArrays):
    """Arrays under way that another machine finds, too."""

    def __init__(self, folder: Path, seconds: Callable[[], float], put: Callable[[Path], None]) -> None:
        super().__init__(folder, seconds)
        self._put = put

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save arrays under a key, in place of what was there."""
        super().save(key, arrays)
        self._put(self._folder / f"{key}.npz")


@dataclass(eq=False)
class RemoteDraft(Draft):
    """A step being computed in the mirror; what is saved of it is put under ``work/``."""

    place: Place = field(kw_only=True)
    _put: dict[str, tuple[int, int]] = field(default_factory=dict, kw_only=True)
    _synced: float = field(default=float("-inf"), kw_only=True)

    def begin(self, *, resume: bool) -> None:
        """Make the folder, empty unless ``resume`` finds a saved state at the address."""
        with said_plainly(self.folder):
            if self.folder.exists():
                shutil.rmtree(self.folder)
        names = self.place.names(self._under)
        for name in names:
            if resume:
                self.place.download(name, self.folder / name.removeprefix(self._under))
            else:
                self.place.delete(name)
        super().begin(resume=resume)

    def save_state(self, tensors: Mapping[str, Any], numbers: Any) -> None:
        """Replace the state from which the step can go on, here and, once in a while, at the address."""
        super().save_state(tensors, numbers)
        if time.monotonic() - self._synced < _SYNC:
            return
        files = [p for p in sorted(self.folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
        for file in (*(p for p in files if p.name != STATE), self.folder / STATE):  # the state refers to the others
            self._upload(file)
        self._synced = time.monotonic()

    def kept(self, seconds: Callable[[], float]) -> KeptArrays:
        """Return the arrays of a step that can be stopped; ``seconds`` says for how long it has been computed."""
        return _SharedArrays(self.folder / KEPT, seconds, self._upload)

    def finish(self, record: StepRecord, place: Path) -> StoredStep:
        """Write ``step.json``, put all files of the step and it last, and drop what was under way."""
        self._end(record)
        under, header = f"steps/{place.name}/", self.folder / HEADER
        for file in sorted(p for p in self.folder.rglob("*") if p.is_file() and p != header):
            self.place.upload(file, under + str(file.relative_to(self.folder)))
        if not self.place.create(under + HEADER, header.read_bytes()):
            self.place.download(under + HEADER, header)  # somebody was first, with the same numbers
        # In the mirror only now: a step that is there is one of the address.
        with said_plainly(place):
            if place.exists():
                shutil.rmtree(place)
        publish(self.folder, place)
        for name in self.place.names(self._under):
            self.place.delete(name)
        return RemoteStep(place, self.place)

    @property
    def _under(self) -> str:
        return f"work/{self.folder.name}/"

    def _upload(self, file: Path) -> None:
        about = file.stat()
        name = self._under + str(file.relative_to(self.folder))
        if self._put.get(name) != (about.st_mtime_ns, about.st_size):
            self.place.upload(file, name)
            self._put[name] = (about.st_mtime_ns, about.st_size)
