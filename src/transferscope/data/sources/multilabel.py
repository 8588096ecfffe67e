"""Several labels an image: lists of labels, words joined by a separator, vectors of 0 and 1, a column a class."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...errors import DataError
from ..imageset import IGNORED
from ..names import quoted, several
from .labels import Label, coded, label_of

__all__ = ["Bits", "Labels", "all_bits", "as_numbers", "bit_of", "labels_of"]


class Bits(tuple[int, ...]):
    """One entry a class: 1, 0, or −1 where it is not known."""

    @property
    def known(self) -> bool:
        """Whether anything is known of the image.

        >>> Bits((-1, 0)).known, Bits((-1, -1)).known
        (True, False)
        """
        return any(value != IGNORED for value in self)


Labels = Label | tuple[int | str, ...] | Bits
"""What a table says of an image: one class, some of the classes, or 1 and 0 for each; ``None`` for nothing."""

_BITS = {"0": 0, "1": 1, "-1": IGNORED, "": IGNORED, "nan": IGNORED, "none": IGNORED, "true": 1, "false": 0}
_SEPARATORS = "|;,"


def labels_of(value: object) -> Labels:
    """Return a field of a table as one label, or a list of labels as several.

    A list may be written as text, as CSV files have it. An empty list is an image with none of the classes.

    Raises:
        TypeError: for what can be no labels.

    >>> labels_of("cat"), labels_of(["cat", "dog"]), labels_of("[0, 2]"), labels_of([]), labels_of(None)
    ('cat', ('cat', 'dog'), (0, 2), (), None)
    """
    if isinstance(value, str) and value.strip()[:1] == "[" and value.strip()[-1:] == "]":
        try:
            value = ast.literal_eval(value.strip())  # reads literals, and runs nothing
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return label_of(value)
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if not isinstance(value, (list, tuple)):
        return label_of(value)
    if any(isinstance(v, (list, tuple)) for v in value):
        raise TypeError(f"{value!r:.60} is a list of lists")
    # As written, with the unknown as −1: only all rows together tell a list of classes from 1 and 0 for each.
    read = [label_of(v) for v in value]
    return tuple(IGNORED if v is None else v for v in read)


def bit_of(value: object) -> int:
    """Return a field of a column of one class: 1, 0, or −1 where it is not known (empty, negative).

    Raises:
        TypeError: for anything else.

    >>> [bit_of(v) for v in ("1.0", 0, True, "", None, -1)]
    [1, 0, 1, -1, -1, -1]
    """
    text = "" if value is None else str(value).strip().lower()
    if text.endswith(".0"):
        text = text[:-2]
    if text not in _BITS:
        raise TypeError(f"{value!r:.60} is neither 0 nor 1, nor empty or -1 where it is not known")
    return _BITS[text]


def all_bits(values: Sequence[object]) -> bool:
    """Say whether a column may be of one class: it has 0 somewhere, and nothing but what :func:`bit_of` takes.

    >>> all_bits(["0", "1", ""]), all_bits(["0", "2"]), all_bits(["", ""])
    (True, False, False)
    """
    try:
        return 0 in {bit_of(v) for v in values}
    except TypeError:
        return False


def as_numbers(
    where: str, parts: Mapping[str, Sequence[Labels]], names: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...]]:
    """Return labels as numbers, the names of the classes, and what there is to say.

    Where every image has exactly one class they are ``(n,)``, whatever the form they are written in; else ``(n, k)``
    of 0, 1 and −1.

    Args:
        where: of the table, for errors.
        parts: part → what it says of each image, never ``None``.
        names: of the classes in label order, where the table has them.

    Raises:
        DataError: for labels that do not go together.

    >>> labels, classes, _ = as_numbers("t", {"train": ["cat|dog", "dog", "none|cat"]})
    >>> classes, labels["train"].tolist()
    (('cat', 'dog', 'none'), [[1, 1, 0], [0, 1, 0], [1, 0, 1]])
    """
    read, remarks = _apart({part: list(of) for part, of in parts.items()}, names)
    if not any(isinstance(v, tuple) for of in read.values() for v in of):
        plain = {part: [v for v in of if isinstance(v, (int, str))] for part, of in read.items()}
        labels, classes, said = coded(where, plain, names)
        return labels, classes, (*remarks, *said)
    vectors, classes, said = _vectors(where, read, names)
    every = np.concatenate(list(vectors.values()))
    if (every >= 0).all() and (every.sum(1) == 1).all():
        remarks.append("each image has exactly one of the labels and is read as of that class")
        return {part: of.argmax(1).astype(np.int64) for part, of in vectors.items()}, classes, (*remarks, *said)
    shown = several(map(quoted, classes), 4)
    remarks.append(f"several labels an image: {len(classes)} classes ({shown})")
    return {part: of.astype(np.int8) for part, of in vectors.items()}, classes, (*remarks, *said)


def _apart(parts: dict[str, list[Labels]], names: Sequence[str] | None) -> tuple[dict[str, list[Labels]], list[str]]:
    """Take words apart that a separator joins: ``|`` always, others where what they join stands by itself, too."""
    words = {v for of in parts.values() for v in of if isinstance(v, str)}
    if names is not None:
        return parts, []
    for separator in _SEPARATORS:
        joined = {v for v in words if separator in v}
        pieces = {p.strip() for v in words for p in v.split(separator)} - {""}
        if joined and (separator == "|" or len(pieces) <= len(words)):
            return (
                {part: [_split(v, separator) for v in of] for part, of in parts.items()},
                [f"labels are taken apart at {quoted(separator)}, as {quoted(min(joined))} has it"],
            )
    return parts, []


def _split(value: Labels, separator: str) -> Labels:
    if not isinstance(value, str):
        return value
    return tuple(v for p in value.split(separator) if (v := label_of(p)) is not None)


def _vectors(
    where: str, parts: Mapping[str, Sequence[Labels]], names: Sequence[str] | None
) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...]]:
    rows = [v if isinstance(v, tuple) else () if v is None else (v,) for of in parts.values() for v in of]
    if any(isinstance(v, Bits) for v in rows) or (names is None and _one_entry_a_class(rows)):
        widths = {len(v) for v in rows}
        if len(widths) > 1 or (names is not None and widths != {len(names)}):
            raise DataError(f"{where}: labels of {several(map(str, sorted(widths)))} classes; expected one number")
        classes = tuple(names) if names is not None else tuple(map(str, range(widths.pop())))
        return {part: np.array(list(of), np.int64) for part, of in parts.items()}, classes, ()
    flat = {part: list(_entries(of)) for part, of in parts.items()}
    numbers, classes, said = coded(where, {part: [v for _, v in of] for part, of in flat.items()}, names)
    out = {}
    for part, of in parts.items():
        out[part] = np.zeros((len(of), len(classes)), np.int64)
        out[part][[i for i, _ in flat[part]], numbers[part]] = 1
    return out, classes, said


def _entries(rows: Sequence[Labels]) -> Iterator[tuple[int, int | str]]:
    for i, row in enumerate(rows):
        for value in row if isinstance(row, tuple) else (row,):
            if value is not None and value != IGNORED:
                yield i, value


def _one_entry_a_class(rows: Sequence[tuple[int | str, ...]]) -> bool:
    """Whether lists of numbers are 1 and 0 for each class: of one length, and with a number twice in some."""
    return (
        len({len(row) for row in rows}) == 1
        and len(rows[0]) > 1
        and {v for row in rows for v in row} <= {0, 1, IGNORED}
        and any(len(set(row)) < len(row) for row in rows)
    )
