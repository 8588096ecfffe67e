"""A run folder: marked as ours, of one study, of a format that we know.

::

    DIR/
      transferscope.json    the marker: format, what it is, its name
      study.yaml            what was asked, with all paths absolute
      plan.json             its steps
      steps/NAME-DIGEST/    one finished step each: step.json, result.json, arrays.npz, history.jsonl, weights/
      failed/NAME.json      the steps that ended in an error, with the error
      work/                 what is being computed, and locks; nothing here is needed when nothing runs
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_args

from ..errors import StoreError
from .atomic import json_bytes, read_json, said_plainly, write_bytes, write_json
from .lock import locked, owner_of
from .place import is_address
from .step import Draft, Identity, StoredStep, folder_name

__all__ = ["FORMAT", "MARKER", "About", "Failure", "RunFolder", "checked_marker", "marker"]

MARKER = "transferscope.json"
FORMAT = 1
About = Literal["study", "compare", "inspect", "rank", "recording"]
_WORDS: dict[About, str] = {
    "study": "study", "compare": "comparison", "inspect": "inspection", "rank": "ranking", "recording": "recording",
}  # fmt: skip

_DIGEST = re.compile(r" \([0-9a-f]{8}\)$")
"""At the end of a name made from files: of their content."""


@dataclass(frozen=True)
class Failure:
    """A step that ended in an error.

    Attributes:
        identity: which step.
        error: the message, one line.
        trace: where it happened; empty when the message says everything.
        when: ISO 8601, UTC.
    """

    identity: Identity
    error: str
    trace: str
    when: str


@dataclass(frozen=True)
class RunFolder:
    """A folder of ours; :meth:`create` and :meth:`open` check that it is.

    Attributes:
        root: where it is.
        about: what was run here.
        name: the study's name.
    """

    root: Path
    about: About
    name: str

    @classmethod
    def create(cls, root: str | Path, about: About, name: str) -> RunFolder:
        """Make a run folder, or take up one of the same study.

        Raises:
            StoreError: when the folder holds anything that is not ours, belongs to another study, was written by a
                newer version, or cannot be written. Nothing that was there is changed.
        """
        if is_address(root):
            from .remote import RemoteFolder

            return RemoteFolder.made(str(root), about, name)
        root = Path(root)
        with said_plainly(root):
            if root.exists() and not root.is_dir():
                raise StoreError(f"{root}: is a file; give a new or empty folder")
            if (root / MARKER).exists():
                found = cls.open(root)
                found._same(about, name)
                return found
            existed = root.exists()
            # A marker cut while it was written leaves a file of ours with another name: not a stranger's.
            strangers = (
                sorted(p.name for p in root.iterdir() if not p.name.startswith(".writing-")) if existed else []
            )
            if strangers:
                raise StoreError(
                    f"{root}: is not empty and not a run folder (it holds {strangers[0]!r}); "
                    "nothing was written: give a new or empty folder"
                )
            _make(root)
            try:
                write_json(root / MARKER, marker(about, name))
            except StoreError:
                if not existed:
                    with suppress(OSError):
                        root.rmdir()
                raise
        return cls(root, about, name)

    @classmethod
    def open(cls, root: str | Path) -> RunFolder:
        """Read a run folder.

        Raises:
            StoreError: when there is none, or it was written by a newer version.
        """
        if is_address(root):
            from .remote import RemoteFolder

            return RemoteFolder.at(str(root))
        root = Path(root)
        if not root.is_dir():
            raise StoreError(f"{root}: there is no such folder")
        if not (root / MARKER).exists():
            raise StoreError(f"{root}: is not a run folder (there is no {MARKER} in it)")
        return cls(root, *checked_marker(read_json(root / MARKER), str(root)))

    @property
    def address(self) -> str:
        """By what :meth:`open` finds it, from any working directory."""
        return str(self.root.absolute())

    @property
    def shown(self) -> str:
        """What to call it: its address, or its path as it was given."""
        return self.address if is_address(self.address) else str(self.root)

    def put(self, name: str, content: bytes) -> None:
        """Put a file beside the marker."""
        write_bytes(self.root / name, content)

    def share(self, *names: str) -> None:
        """Let others see files, or folders of files, that were made in :attr:`root`: of a local folder, they do."""

    def write(self, name: str, value: Any) -> None:
        """Put plain data beside the marker, e.g. ``plan.json``."""
        self.put(name, json_bytes(value))

    def read(self, name: str) -> Any:
        """Read plain data beside the marker."""
        return read_json(self.root / name)

    def find(self, identity: Identity) -> StoredStep | None:
        """Return the finished step of this digest, whatever it was called then, or ``None``."""
        for place in sorted((self.root / "steps").glob(f"*-{identity.digest[:10]}")):
            stored = StoredStep(place)
            if stored.record.identity.digest == identity.digest:
                return stored
        return None

    def steps(self) -> list[StoredStep]:
        """Return all finished steps, by name."""
        return [StoredStep(place) for place in sorted((self.root / "steps").glob("*")) if place.is_dir()]

    @contextmanager
    def claim(self, identity: Identity, waiting: Callable[[str], None]) -> Iterator[None]:
        """Be the only process that computes this step, inside the block."""
        with locked(self._lock(identity), waiting):
            yield

    def owner(self, identity: Identity) -> str | None:
        """Return which process computes this step now, or ``None``."""
        return owner_of(self._lock(identity))

    def draft(self, identity: Identity, *, resume: bool) -> Draft:
        """Begin a step, or go on with it where ``resume`` finds a saved state; only inside :meth:`claim`."""
        draft = Draft(self.root / "work" / folder_name(identity))
        draft.begin(resume=resume)
        return draft

    def place(self, identity: Identity) -> Path:
        """Where the step goes when it is finished."""
        return self.root / "steps" / folder_name(identity)

    def in_work(self, identity: Identity) -> bool:
        """Whether some of this step has been computed and kept."""
        folder = self.root / "work" / folder_name(identity)
        return any((folder / name).exists() for name in ("state.safetensors", "kept"))

    def fail(self, identity: Identity, error: str, trace: str) -> None:
        """Put a failure on record; it goes when the step succeeds."""
        with said_plainly(self.root):
            (self.root / "failed").mkdir(exist_ok=True)
        about = {"kind": identity.kind, "name": identity.name, "digest": identity.digest}
        write_json(self._failure(identity), {**about, "error": error, "trace": trace, "when": now()})

    def forgive(self, identity: Identity) -> None:
        """Take a failure off the record."""
        with said_plainly(self.root):
            self._failure(identity).unlink(missing_ok=True)

    def failure(self, identity: Identity) -> Failure | None:
        """Return how this step failed last, or ``None``."""
        if not self._failure(identity).exists():
            return None
        tree = read_json(self._failure(identity))
        return Failure(identity, str(tree["error"]), str(tree["trace"]), str(tree["when"]))

    def _same(self, about: About, name: str) -> None:
        """Refuse to be taken for the folder of something else."""
        if (self.about, self.name) != (about, name):
            alike = self.about == about and _DIGEST.sub("", self.name) == _DIGEST.sub("", name) != name
            why = " (weights, images or the network have changed since)" if alike else ""
            raise StoreError(
                f"{self.shown}: holds the {_WORDS[self.about]} "
                f"{self.name!r}, not the {_WORDS[about]} {name!r}{why}; give another folder with --out"
            )

    def _lock(self, identity: Identity) -> Path:
        return self.root / "work" / "locks" / f"{identity.digest[:20]}.lock"

    def _failure(self, identity: Identity) -> Path:
        return self.root / "failed" / f"{folder_name(identity)}.json"


def marker(about: About, name: str) -> dict[str, Any]:
    """Return what the marker of a new run folder says."""
    return {"format": FORMAT, "about": about, "name": name, "created": now(), "version": software()}


def checked_marker(tree: Any, root: str) -> tuple[About, str]:
    """Return what a marker says a run folder is about, and its name.

    Raises:
        StoreError: when it is damaged, or of a newer version; ``root`` names the folder.
    """
    if not isinstance(tree, dict) or not isinstance(tree.get("format"), int):
        raise StoreError(f"{root}/{MARKER}: is damaged; expected the marker of a run folder")
    if tree["format"] > FORMAT:
        raise StoreError(
            f"{root}: was written in format {tree['format']} by transferscope {tree.get('version')}, "
            f"this version reads up to {FORMAT}; install the newer version"
        )
    if tree.get("about") not in get_args(About) or not isinstance(tree.get("name"), str):
        raise StoreError(f"{root}/{MARKER}: is damaged; expected the marker of a run folder")
    return tree["about"], tree["name"]


def _make(root: Path) -> None:
    try:
        root.mkdir(parents=True, exist_ok=True)
    except FileNotFoundError as e:
        # What is above it is made as well, so this is a place that takes no folders, such as /proc.
        raise StoreError(f"{root}: no folder can be made there; choose another folder with --out") from e


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def software() -> str:
    """Return the version of this package."""
    try:
        return version("transferscope")
    except PackageNotFoundError:
        return "not installed"
