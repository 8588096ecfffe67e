"""A row for each model and task, turned into a row a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ...errors import DataError
from .cells import Unit, accuracies, missing, number
from .columns import (
    DATASET_WORDS,
    IMAGE_WORDS,
    NAME_WORDS,
    SHOT_WORDS,
    VALUE_WORDS,
    find,
    guess_covariates,
    guess_named,
    is_setting,
    key_of,
    looks_like_accuracy,
)
from .reading import RawTable

__all__ = ["Kept", "Long", "is_long", "wide_of"]

_ALL = frozenset({"full", "all", "-1", "-1.0", "inf"})
_NONE = frozenset({"zero", "zero-shot", "zeroshot"})


@dataclass(frozen=True)
class Long:
    """What is asked of a long table."""

    us: tuple[str, ...]
    ds: tuple[str, ...]
    names: tuple[str, ...]
    dataset: str | None
    value: str | None
    shots: str | None
    covariates: Sequence[str] | None
    duplicates: Literal["refuse", "best", "mean"]
    unit: Unit


@dataclass(frozen=True)
class Kept:
    """What the columns of the wide table are."""

    upstream: tuple[str, ...]
    names: tuple[str, ...]
    covariates: tuple[str, ...]
    unit: Unit


def is_long(raw: RawTable, us: Sequence[str], dataset: str | None) -> bool:
    """Whether the upstream task is a word in a column rather than a column."""
    if dataset is not None:
        return True
    if any(key_of(us[0]) == key_of(c) for c in raw.columns):
        return False
    return _dataset_column(raw, us[0]) is not None


def _dataset_column(raw: RawTable, us: str) -> str | None:
    """The column in which the upstream task is a word; of several the one with a telling name."""
    having = [c for c in raw.columns if any(key_of(us) == key_of(cell) for cell in set(raw.column(c)))]
    if not having:
        words = guess_named(DATASET_WORDS, raw.columns)
        if words is not None and any(key_of(us) in key_of(cell) for cell in set(raw.column(words))):
            return words
    return guess_named(DATASET_WORDS, having) or (having[0] if having else None)


def wide_of(
    raw: RawTable, asked: Long, notes: list[str]
) -> tuple[RawTable, tuple[str, ...], Kept, dict[tuple[str, str], int]]:
    """Return the same with a row a model, its downstream columns, what they are, and test images by task.

    Raises:
        DataError: for columns or words that are not there, and for several values of a model on a task.
    """
    path, columns = raw.path, raw.columns
    tasks_in = find(asked.dataset, columns, "column", path) if asked.dataset else _dataset_column(raw, asked.us[0])
    assert tasks_in is not None  # is_long found it
    value = _value(raw, asked, tasks_in, notes)
    shots = find(asked.shots, columns, "column", path) if asked.shots else None
    if shots is None and (shots := guess_named(SHOT_WORDS, [c for c in columns if c not in (tasks_in, value)])):
        notes.append(f"shots are in the column {shots!r} (guessed)")
    sizes_in = guess_named(IMAGE_WORDS, columns)
    words = list(dict.fromkeys(cell for cell in raw.column(tasks_in) if not missing(cell)))
    us = [find(w, words, "task", path) for w in asked.us]
    ds = [find(w, words, "task", path) for w in asked.ds] or [w for w in words if w not in us]
    if not asked.ds:
        notes.append(f"downstream tasks are all other words of {tasks_in!r} (guessed)")
    shares, unit = accuracies(raw, value, asked.unit)
    if unit == "percent" and asked.unit == "guess":
        notes.append("accuracies are percentages (seen from the numbers), and are divided by 100")
    rows = [i for i, word in enumerate(raw.column(tasks_in)) if word in (*us, *ds)]
    amounts = [""] * len(raw.rows) if shots is None else [_shots(c, raw, i) for i, c in enumerate(raw.column(shots))]
    place = {c: i for i, c in enumerate(columns)}
    cells: list[tuple[int, str]] = [(i, f"{raw.rows[i][place[tasks_in]]}{amounts[i]}") for i in rows]
    named = _names(raw, asked, {tasks_in, value, shots or "", sizes_in or ""}, cells, shares.tolist(), notes)
    key = [tuple(raw.rows[i][place[c]] for c in named) for i in range(len(raw.rows))]
    found: dict[tuple[str, ...], dict[str, list[tuple[int, float]]]] = {}
    for i, column in cells:
        if shares[i] == shares[i]:
            found.setdefault(key[i], {}).setdefault(column, []).append((i, float(shares[i])))
    several = sum(len({s for _, s in v}) > 1 for of in found.values() for v in of.values())
    if several:
        notes.append(f"{several} pairs of model and task have several values; the {asked.duplicates} is taken")
    us_columns = tuple(_upstream(u, [c for _, c in cells], notes) for u in us)
    order = {c: None for _, c in cells if c not in us_columns and c.partition("@")[0] not in us}
    ds_columns = tuple(sorted(order, key=lambda c: (ds.index(c.partition("@")[0]), _amount(c))))
    made, lines = [], []
    extra = [c for c in columns if c not in (tasks_in, value, shots, sizes_in, *named)]
    one = {c: _one_a_key(raw.column(c), key, found) for c in extra}
    extra = [c for c in extra if one[c] is not None]
    for k, of in found.items():
        picked = [
            _picked([s for _, s in of[c]], asked.duplicates) if c in of else "" for c in (*us_columns, *ds_columns)
        ]
        made.append((*k, *((one[c] or {})[k] for c in extra), *picked))
        lines.append(raw.lines[min(i for v in of.values() for i, _ in v)])
    wide = RawTable(path, (*named, *extra, *us_columns, *ds_columns), tuple(made), tuple(lines), raw.place, ())
    if asked.covariates is not None:
        covariates = tuple(find(c, wide.columns, "column with one value a model", path) for c in asked.covariates)
    else:
        covariates = guess_covariates(wide, {*us_columns, *ds_columns})
        covariates = tuple(dict.fromkeys((*(c for c in named if is_setting(c) and len(named) > 1), *covariates)))
        if covariates:
            notes.append(f"covariates are {', '.join(covariates)} (guessed)")
    sizes = _sizes(raw, tasks_in, sizes_in)
    return wide, ds_columns, Kept(us_columns, tuple(named), covariates, "share"), sizes


def _value(raw: RawTable, asked: Long, tasks_in: str, notes: list[str]) -> str:
    if asked.value:
        return find(asked.value, raw.columns, "column", raw.path)
    value = guess_named(VALUE_WORDS, [c for c in raw.columns if c != tasks_in])
    if value is None:
        fits = [c for c in raw.columns if c != tasks_in and looks_like_accuracy(raw, c)]
        if len(fits) != 1:
            some = f"; it could be {', '.join(fits[:6])}" if fits else ""
            raise DataError(f"{raw.path}: which column has the accuracies? give it with --value{some}")
        value = fits[0]
    notes.append(f"accuracies are in the column {value!r}, tasks in {tasks_in!r} (guessed)")
    return value


def _names(
    raw: RawTable,
    asked: Long,
    taken: set[str],
    cells: Sequence[tuple[int, str]],
    shares: Sequence[float],
    notes: list[str],
) -> list[str]:
    """The columns that tell models apart: those given, or a guess and as many more as it takes."""
    columns = [c for c in raw.columns if c not in taken]
    named = [find(c, raw.columns, "column", raw.path) for c in asked.names]
    guess = None if named else guess_named(NAME_WORDS, columns)
    if guess is None and not named:
        raise DataError(f"{raw.path}: which columns name a model? give them with --name, e.g. --name {columns[0]!r}")
    if asked.duplicates != "refuse":
        return named or [guess or ""]
    chosen = named or [guess or ""]
    place = {c: i for i, c in enumerate(raw.columns)}

    def clash(by: Sequence[str]) -> list[tuple[int, int]]:
        first: dict[tuple[str, ...], int] = {}
        found = []
        for i, column in cells:
            k = (*(raw.rows[i][place[c]] for c in by), column)
            if shares[i] != shares[i]:
                continue
            j = first.setdefault(k, i)
            if j != i and shares[j] != shares[i]:
                found.append((j, i))
        return found

    clashes = clash(chosen)
    telling = [c for c in columns if not _is_result(raw, c)] if clashes and not named else []
    while clashes and not named:
        rest = [c for c in telling if c not in chosen]
        helps = {c: sum(raw.rows[a][place[c]] != raw.rows[b][place[c]] for a, b in clashes) for c in rest}
        best = max(helps, key=lambda c: helps[c], default=None)
        if best is None or not helps[best]:
            break
        chosen.append(best)
        clashes = clash(chosen)
    if clashes:
        a, b = clashes[0]
        differ = [c for c in columns if raw.rows[a][place[c]] != raw.rows[b][place[c]] and c not in chosen]
        more = f"; they differ in {', '.join(differ[:5])}: add to --name, or" if differ else ";"
        raise DataError(
            f"{raw.where(b)}: {' '.join(raw.rows[b][place[c]] for c in chosen)!r} has another value on this task in "
            f"{raw.place} {raw.lines[a]} already{more} say --duplicates best or mean"
        )
    if not named:
        notes.append(f"models are told apart by {', '.join(chosen)} (guessed)")
    return chosen


def _is_result(raw: RawTable, column: str) -> bool:
    """Whether a column has results, which tell no models apart: numbers with a point that hardly repeat."""
    cells = [c for c in raw.column(column) if not missing(c)]
    values = {number(c) for c in cells}
    return not is_setting(column) and None not in values and len(values) > 0.2 * len(cells)


def _upstream(name: str, columns: Sequence[str], notes: list[str]) -> str:
    """Of an upstream task with several shots the one with all images, else with most."""
    mine = list(dict.fromkeys(c for c in columns if c.partition("@")[0] == name))
    best = max(mine, key=_amount)
    if len(mine) > 1:
        notes.append(f"upstream accuracy is {best} of {', '.join(sorted(mine, key=_amount))}")
    return best


def _amount(column: str) -> float:
    amount = column.partition("@")[2]
    return float(amount) if amount else -1.0


def _shots(cell: str, raw: RawTable, row: int) -> str:
    word = cell.strip().lower()
    if missing(cell):
        return ""
    if word in _ALL:
        return "@inf"
    value = 0.0 if word in _NONE else number(cell)
    if value is None or value < 0:
        raise DataError(f"{raw.where(row)}: {cell!r} is no number of shots; expected e.g. 5, full or zero")
    return f"@{value:g}"


def _picked(values: Sequence[float], how: str) -> str:
    return repr(max(values) if how == "best" else sum(values) / len(values))


def _one_a_key(
    cells: Sequence[str], keys: Sequence[tuple[str, ...]], models: object
) -> dict[tuple[str, ...], str] | None:
    """The value of each model in a column, ``None`` where a model has several."""
    found: dict[tuple[str, ...], str] = {}
    for key, cell in zip(keys, cells, strict=True):
        if not missing(cell) and found.setdefault(key, cell) != cell:
            return None
    return {key: found.get(key, "") for key in keys}


def _sizes(raw: RawTable, tasks_in: str, sizes_in: str | None) -> dict[tuple[str, str], int]:
    if sizes_in is None:
        return {}
    pairs = zip(raw.column(tasks_in), raw.column(sizes_in), strict=True)
    return {(task, ""): round(n) for task, cell in pairs if (n := number(cell)) is not None and n >= 1}
