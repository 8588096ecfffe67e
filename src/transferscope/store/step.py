"""One step on disk: what was asked, what came out, what it cost."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import StoreError
from ..records import load_record, save_record
from .atomic import publish, read_json, said_plainly, sweep, write_json
from .log import Log, read_log
from .partial_results import KeptArrays
from .tensors import WeightFiles, read_about, read_tensors, write_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from ..params import Params

__all__ = [
    "HEADER",
    "KEPT",
    "STATE",
    "UNANSWERED",
    "Draft",
    "Identity",
    "Note",
    "StepRecord",
    "StoredStep",
    "folder_name",
]

T = TypeVar("T")
HEADER = "step.json"
STATE = "state.safetensors"
_HISTORY = "history.jsonl"
_WEIGHTS = "weights"
KEPT = "kept"
UNANSWERED = "unanswered"
"""Topic of the note that says why a step is done without a result."""


@dataclass(frozen=True)
class Identity:
    """What a step is: enough to find it again.

    Attributes:
        kind: ``data``, ``train``, ``checkpoint`` or ``analysis``.
        name: for people, e.g. ``"clipart P-T 0"``.
        digest: hash of the specification and of the inputs' digests.
    """

    kind: str
    name: str
    digest: str


@dataclass(frozen=True)
class Note:
    """Something that was not as plain as asked: nothing is silent.

    Attributes:
        topic: ``skipped``, ``dropped``, ``norms``, ``diverged`` …: reports group by it.
        text: one sentence.
    """

    topic: str
    text: str


@dataclass(frozen=True)
class StepRecord:
    """What ``step.json`` says.

    Attributes:
        identity: kind, name and digest.
        spec: everything that decides the numbers, resolved.
        inputs: role → digest of the step it took.
        started: when, in ISO 8601, UTC.
        finished: when it ended.
        seconds: time computed, over all sittings.
        machine: device, threads, processor and versions.
        notes: what was skipped, dropped, recalibrated, or diverged.
    """

    identity: Identity
    spec: Mapping[str, Any]
    inputs: Mapping[str, str]
    started: str
    finished: str
    seconds: float
    machine: Mapping[str, str | int]
    notes: tuple[Note, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``step.json``."""
        tree = asdict(self)
        identity = tree.pop("identity")
        return {**identity, **tree}

    @classmethod
    def from_json(cls, tree: Mapping[str, Any], path: Path) -> StepRecord:
        """Read the content of ``step.json``, which stands at ``path``."""
        try:
            return cls(
                identity=Identity(tree["kind"], tree["name"], tree["digest"]),
                spec=tree["spec"],
                inputs=tree["inputs"],
                started=tree["started"],
                finished=tree["finished"],
                seconds=float(tree["seconds"]),
                machine=tree["machine"],
                notes=tuple(Note(**n) for n in tree["notes"]),
            )
        except (KeyError, TypeError, ValueError) as e:
            raise StoreError(f"{path}: is damaged ({e!r}); delete its folder to compute the step again") from e


def folder_name(identity: Identity) -> str:
    """Name a step's folder so that people can read it and no two are the same.

    >>> folder_name(Identity("train", "clipart P-T 0", "0123456789abcdef"))
    'train-clipart-P-T-0-0123456789'
    """
    readable = re.sub(r"[^A-Za-z0-9._+]+", "-", f"{identity.kind} {identity.name}").strip("-")[:80]
    return f"{readable}-{identity.digest[:10]}"


class StoredStep:
    """A finished step, read only.

    Args:
        folder: where it is.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = StepRecord.from_json(read_json(folder / HEADER), folder / HEADER)

    def result(self, kind: type[T]) -> T:
        """Read the step's result."""
        return load_record(kind, self.folder)

    @property
    def unanswered(self) -> str:
        """Why there is no result although all is done: what a question was to be asked of is not there."""
        return next((note.text for note in self.record.notes if note.topic == UNANSWERED), "")

    def weights(self) -> WeightFiles:
        """Return the step's weights by tag, in the order they were recorded."""
        tags = read_json(self.folder / _WEIGHTS / "tags.json")
        return WeightFiles(self.folder / _WEIGHTS, tuple(tags))

    def history(self) -> list[dict[str, Any]]:
        """Read the rows logged along the way."""
        return read_log(self.folder / _HISTORY)


@dataclass(eq=False)
class Draft:
    """A step being computed: a folder that nobody sees as a step before :meth:`finish`.

    Attributes:
        folder: ``work/NAME``, on the same disk as the finished steps.
        notes: what has been noted so far.
    """

    folder: Path
    notes: list[Note] = field(default_factory=list)

    def begin(self, *, resume: bool) -> None:
        """Make the folder, empty unless ``resume`` finds a saved state in it; what is half-written goes."""
        with said_plainly(self.folder):
            saved = (self.folder / STATE, self.folder / KEPT)
            if self.folder.exists() and not (resume and any(path.exists() for path in saved)):
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
            sweep(self.folder)

    def note(self, topic: str, text: str) -> None:
        """Put something on record, once."""
        if (note := Note(topic, text)) not in self.notes:
            self.notes.append(note)

    def save(self, result: object) -> None:
        """Write the step's result, a record."""
        with said_plainly(self.folder):
            save_record(result, self.folder)

    def log(self, keep: int = 0) -> Log:
        """Open the step's history, keeping its first ``keep`` bytes."""
        return Log(self.folder / _HISTORY, keep)

    def save_weights(self, tag: str, params: Mapping[str, Tensor], about: Any = None) -> None:
        """Write weights under a tag; a tag written again is replaced."""
        folder = self.folder / _WEIGHTS
        with said_plainly(folder):
            folder.mkdir(exist_ok=True)
        write_tensors(folder / WeightFiles.file_name(tag), params, about)

    def list_weights(self, tags: Iterable[str]) -> None:
        """Say which tags there are, in order; files of no tag, of a sitting that was cut, go."""
        folder = self.folder / _WEIGHTS
        with said_plainly(folder):
            folder.mkdir(exist_ok=True)
            wanted = list(tags)
            names = {WeightFiles.file_name(tag) for tag in wanted}
            for path in folder.glob("*.safetensors"):
                if path.name not in names:
                    path.unlink()
        write_json(folder / "tags.json", wanted)

    def save_state(self, tensors: Mapping[str, Tensor], numbers: Any) -> None:
        """Replace the state from which the step can go on."""
        write_tensors(self.folder / STATE, tensors, numbers)

    def load_state(self) -> tuple[Params, Any] | None:
        """Return the tensors and numbers saved last, or ``None`` when there are none."""
        path = self.folder / STATE
        if not path.exists():
            return None
        return read_tensors(path), read_about(path)

    def kept(self, seconds: Callable[[], float]) -> KeptArrays:
        """Return the arrays of a step that can be stopped; ``seconds`` says for how long it has been computed."""
        return KeptArrays(self.folder / KEPT, seconds)

    def finish(self, record: StepRecord, place: Path) -> StoredStep:
        """Write ``step.json``, drop the state and move the folder to its place, in one move."""
        self._end(record)
        publish(self.folder, place)
        return StoredStep(place)

    def _end(self, record: StepRecord) -> None:
        with said_plainly(self.folder):
            (self.folder / STATE).unlink(missing_ok=True)
            if (self.folder / KEPT).exists():
                shutil.rmtree(self.folder / KEPT)
            sweep(self.folder)
        write_json(self.folder / HEADER, record.to_json())
