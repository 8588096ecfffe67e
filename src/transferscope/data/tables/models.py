"""A table of models: accuracies upstream and downstream, and what else is known of each model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, UsageError
from .cells import Unit, accuracies, missing, number, numbers
from .columns import (
    NAME_WORDS,
    find,
    guess_covariates,
    guess_named,
    looks_like_accuracy,
    shots_in,
)
from .longform import Long, is_long, wide_of
from .reading import RawTable, raw_table

__all__ = ["Covariate", "Duplicates", "ModelTable", "Task", "read_models"]

Duplicates = Literal["refuse", "best", "mean"]
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Task:
    """Accuracies of all models on one downstream task.

    Attributes:
        name: of the task, without shots.
        shots: images a class that the models were trained on; ``None`` where nothing is said, infinite for all.
        accuracy: shares, one a model, nan where it is missing.
        images: how many test images; ``None`` where nothing is said.
        whole: what it is called where shots are infinite.
    """

    name: str
    shots: float | None
    accuracy: Array
    images: int | None = None
    whole: str = "all images"

    @property
    def label(self) -> str:
        """The task with its shots.

        >>> Task("cars", 5.0, np.zeros(1)).label, Task("cars", np.inf, np.zeros(1)).label
        ('cars, 5 shots', 'cars, all images')
        """
        if self.shots is None:
            return self.name
        if np.isinf(self.shots):
            return f"{self.name}, {self.whole}"
        return f"{self.name}, {self.shots:g} shot{'s' * (self.shots != 1)}"


@dataclass(frozen=True, eq=False)
class Covariate:
    """What is known of the models besides their accuracy.

    Attributes:
        name: of the column.
        values: float64 numbers, nan where missing; or words, of which an empty one is one.
    """

    name: str
    values: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether it is a number, not one of some words."""
        return self.values.dtype.kind == "f"


@dataclass(frozen=True, eq=False)
class ModelTable:
    """Models with their accuracies, as shares of one.

    Attributes:
        source: the file, as it is named in sentences.
        names: of the models, all different.
        upstream: accuracy of all models by upstream task.
        images: test images of the upstream tasks that something is said of.
        tasks: the downstream tasks.
        covariates: what else is known.
        families: a word for each model that several of them share, from the first column that names them; empty where
            no two share one.
        notes: what was guessed, renamed, dropped or changed.
        configurations: what each model of a grid is but for its seed; empty where no two share one.
    """

    source: str
    names: tuple[str, ...]
    upstream: Mapping[str, Array]
    tasks: tuple[Task, ...]
    covariates: tuple[Covariate, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)
    families: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    configurations: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def averaged(self) -> ModelTable:
        """Return one model for each configuration, with the mean accuracy of its seeds, as far as they have one.

        >>> table = ModelTable("t", ("a 0", "a 1"), {"us": np.array([0.4, 0.6])}, (), configurations=("a", "a"))
        >>> table.averaged().names, table.averaged().upstream["us"].tolist()
        (('a',), [0.5])
        """
        if not self.configurations:
            return self
        of = np.array(self.configurations)
        names, first, place = np.unique(of, return_index=True, return_inverse=True)
        order = np.argsort(first)

        def mean(values: Array) -> Array:
            there = np.isfinite(values)
            total, count = (np.bincount(place, w, len(names)) for w in (np.where(there, values, 0.0), there))
            return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan)[order])

        kept = first[order]
        said = f"{len(self)} models are {len(names)} configurations; of each the mean accuracy of its seeds counts"
        return replace(
            self, names=tuple(str(of[i]) for i in kept), upstream={k: mean(v) for k, v in self.upstream.items()},
            tasks=tuple(replace(task, accuracy=mean(task.accuracy)) for task in self.tasks),
            covariates=tuple(Covariate(c.name, c.values[kept]) for c in self.covariates),
            families=tuple(self.families[i] for i in kept) if self.families else (), notes=(*self.notes, said),
            configurations=(),
        )  # fmt: skip


def read_models(
    path: str | Path,
    us: str | Sequence[str],
    ds: str | Sequence[str] = (),
    *,
    name: str | Sequence[str] = (),
    dataset: str | None = None,
    value: str | None = None,
    shots: str | None = None,
    covariates: Sequence[str] | None = None,
    images: Mapping[str, int] | None = None,
    unit: Unit = "guess",
    duplicates: Duplicates = "refuse",
) -> ModelTable:
    """Read a table of models: a row a model (wide), or a row for each model and task (long); CSV, TSV or JSON.

    Names are matched without regard to case, spaces and dashes, and a part is enough where only one name has it.
    What is not given is guessed from the names of columns, and ``notes`` says how.

    Args:
        path: of the file.
        us: the upstream tasks; columns of a wide table, words in the ``dataset`` column of a long one.
        ds: the downstream tasks; default: all other columns that look like accuracies, or all other words.
        name: columns that together name a model.
        dataset: in a long table the column of the tasks.
        value: in a long table the column of the accuracies.
        shots: in a long table the column of the shots; in a wide one they are in the names (``cars_5shot``).
        covariates: what else is known of the models; default: columns called like size, data, compute, settings.
        images: test images by task, for noise that comes from them.
        unit: whether accuracies are shares or percentages; default: seen from the numbers.
        duplicates: what to make of several values of one model on one task in a long table.

    Raises:
        DataError: with file and line, for what cannot be read or understood.
        UsageError: without an upstream task.
    """
    upstream = (us,) if isinstance(us, str) else tuple(us)
    downstream = (ds,) if isinstance(ds, str) else tuple(ds)
    named = (name,) if isinstance(name, str) else tuple(name)
    if not upstream:
        raise UsageError("no upstream task; give the column of the upstream accuracy with --us")
    raw = raw_table(path)
    notes = list(raw.notes)
    sizes: dict[tuple[str, str], int] = {}
    if is_long(raw, upstream, dataset):
        long = Long(upstream, downstream, named, dataset, value, shots, covariates, duplicates, unit)
        raw, downstream, kept, sizes = wide_of(raw, long, notes)
        upstream, named, covariates, unit = kept.upstream, kept.names, kept.covariates, kept.unit
    elif value is not None or shots is not None:
        option = "--value" if value is not None else "--shots"
        raise DataError(
            f"{raw.path}: {option} is for tables with a row for each model and task, this has one a model"
        )
    return _wide(raw, upstream, downstream, named, covariates, dict(images or {}), sizes, unit, notes)


def _wide(
    raw: RawTable,
    us: Sequence[str],
    ds: Sequence[str],
    named: Sequence[str],
    covariates: Sequence[str] | None,
    images: Mapping[str, int],
    sizes: Mapping[tuple[str, str], int],
    unit: Unit,
    notes: list[str],
) -> ModelTable:
    columns = raw.columns
    ups = [_found(w, columns, raw.path, notes) for w in us]
    names_of = [_found(w, columns, raw.path, notes) for w in named]
    if not names_of and (guess := guess_named(NAME_WORDS, columns)) is not None and guess not in ups:
        names_of = _told_by(raw, guess, {*ups})
        notes.append(f"models are named by {' and '.join(map(repr, names_of))} (guessed)")
    others = None if covariates is None else [_found(w, columns, raw.path, notes) for w in covariates]
    taken = {*ups, *names_of, *(others or ())}
    if ds:
        downs = _downstream(ds, columns, raw.path, notes)
    else:
        downs = [c for c in columns if c not in taken and looks_like_accuracy(raw, c)]
        if not downs:
            raise DataError(f"{raw.path}: no column besides {ups[0]!r} looks like accuracies; name some with --ds")
        notes.append(
            f"downstream tasks are all other columns that look like accuracies (guessed): {', '.join(downs)}"
        )
    if both := [c for c in downs if c in ups]:
        raise DataError(f"{raw.path}: {both[0]!r} is upstream and downstream; leave it out of --ds")
    if others is None:
        others = list(guess_covariates(raw, {*taken, *downs}))
        if others:
            notes.append(f"covariates are {', '.join(others)} (guessed)")
    raw = _without_copies(raw, notes)
    units: dict[str, Unit] = {}
    read: dict[str, Array] = {}
    for column in dict.fromkeys((*ups, *downs)):
        read[column], units[column] = accuracies(raw, column, unit)
    _say_units(units, unit, notes)
    known = {_found(w, (*ups, *downs), raw.path, []): n for w, n in images.items()}
    tasks = []
    for column in downs:
        task, shots = shots_in(column) or (column, None)
        tasks.append(Task(task, shots, read[column], known.get(column) or sizes.get((task, ""))))
    tasks = _told_apart(tasks, downs)
    tasks = _with_numbers(tasks, raw.path, notes)
    counted = [(c, read[c]) for c in ups] + [(t.label, t.accuracy) for t in tasks]
    gone = [f"{int(np.isnan(v).sum())} in {label}" for label, v in counted if np.isnan(v).any()]
    if gone:
        notes.append(
            f"accuracies are missing of {', '.join(gone)} (of {len(raw.rows)} models); they play no part there"
        )
    ups_images = {c: n for c in ups if (n := known.get(c) or sizes.get((c, "")))}
    made = tuple(_covariate(raw, c) for c in others)
    families = tuple(raw.column(names_of[0])) if names_of else ()
    if len(set(families)) == len(families):
        families = ()
    return ModelTable(
        raw.path,
        _names(raw, names_of, notes),
        {c: read[c] for c in ups},
        tuple(tasks),
        made,
        ups_images,
        families,
        tuple(notes),
    )


def _found(wanted: str, columns: Sequence[str], path: str, notes: list[str]) -> str:
    name = find(wanted, columns, "column", path)
    if name != wanted:
        notes.append(f"{wanted!r} is the column {name!r}")
    return name


def _downstream(ds: Sequence[str], columns: Sequence[str], path: str, notes: list[str]) -> list[str]:
    """A task may have a column for each number of shots; its bare name then means all of them."""
    found: list[str] = []
    for wanted in ds:
        of_shots = [c for c in columns if (s := shots_in(c)) is not None and s[0].lower() == wanted.lower()]
        if of_shots and wanted not in columns:
            notes.append(f"{wanted!r} is {', '.join(of_shots)}, by shots")
            found += of_shots
        else:
            found.append(_found(wanted, columns, path, notes))
    return list(dict.fromkeys(found))


def _told_apart(tasks: list[Task], columns: Sequence[str]) -> list[Task]:
    """Two columns that come to one label keep the whole names of their columns."""
    labels = [task.label for task in tasks]
    return [
        Task(column, None, task.accuracy, task.images) if labels.count(task.label) > 1 else task
        for task, column in zip(tasks, columns, strict=True)
    ]


def _with_numbers(tasks: Sequence[Task], path: str, notes: list[str]) -> list[Task]:
    """Leave out tasks without any accuracy."""
    empty = [task.label for task in tasks if np.isnan(task.accuracy).all()]
    if len(empty) == len(tasks):
        raise DataError(f"{path}: no downstream task has an accuracy; {', '.join(empty[:4])} are empty")
    if empty:
        notes.append(f"without any accuracy, and left out: {', '.join(empty)}")
    return [task for task in tasks if task.label not in empty]


def _told_by(raw: RawTable, first: str, taken: set[str]) -> list[str]:
    """Add columns of words to a guessed name while rows have the same one and a column helps."""
    words = [
        c for c in raw.columns if c not in taken and c != first and any(number(v) is None for v in raw.column(c))
    ]
    chosen = [first]

    def different(by: Sequence[str]) -> int:
        return len(set(zip(*(raw.column(c) for c in by), strict=True)))

    while (now := different(chosen)) < len(raw.rows) and words:
        best = max(words, key=lambda c: different([*chosen, c]))
        if different([*chosen, best]) == now or len(chosen) > 3:
            break
        chosen.append(best)
        words.remove(best)
    return chosen


def _without_copies(raw: RawTable, notes: list[str]) -> RawTable:
    """Leave out rows that say the same as one before, but for a running number."""
    keep: list[int] = []
    seen: set[tuple[str, ...]] = set()
    running = [i for i, c in enumerate(raw.columns) if c.startswith("column ") and _counts(raw.column(c))]
    for i, row in enumerate(raw.rows):
        said = tuple(cell for j, cell in enumerate(row) if j not in running)
        if said not in seen:
            keep.append(i)
        seen.add(said)
    if gone := len(raw.rows) - len(keep):
        notes.append(f"{gone} rows say the same as one before and are left out")
    return RawTable(
        raw.path,
        raw.columns,
        tuple(raw.rows[i] for i in keep),
        tuple(raw.lines[i] for i in keep),
        raw.place,
        raw.notes,
    )


def _counts(cells: Sequence[str]) -> bool:
    return len(set(cells)) == len(cells) and all(cell.isdigit() for cell in cells)


def _say_units(units: Mapping[str, Unit], unit: Unit, notes: list[str]) -> None:
    percent = [c for c, u in units.items() if u == "percent"]
    share = [c for c, u in units.items() if u == "share"]
    if percent and unit == "guess":
        which = "accuracies are" if not share else f"{', '.join(percent)} {'is' if len(percent) == 1 else 'are'}"
        notes.append(f"{which} percentages (seen from the numbers), and are divided by 100")
    if percent and share:
        notes.append(f"{', '.join(share)}: at most 1 where others are percentages; taken as shares of one")


def _names(raw: RawTable, columns: Sequence[str], notes: list[str]) -> tuple[str, ...]:
    plain = [" ".join(c for c in cells if c) for cells in zip(*(raw.column(c) for c in columns), strict=True)]
    if not columns:
        plain = [f"{raw.place} {n}" for n in raw.lines]
    seen: dict[str, int] = {}
    names = []
    for i, name in enumerate(plain):
        name = name or f"{raw.place} {raw.lines[i]}"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    if again := sum(n - 1 for n in seen.values()):
        notes.append(
            f"{again} rows have a name that another row has, and other numbers; each row is a model of its own, "
            "numbered #2, #3, …"
        )
    return tuple(names)


def _covariate(raw: RawTable, column: str) -> Covariate:
    cells = raw.column(column)
    if all(missing(c) or number(c) is not None for c in cells):
        return Covariate(column, numbers(raw, column))
    return Covariate(column, np.array(cells, dtype=np.str_))
