"""Labels as people write them, words or numbers, as the numbers of classes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from ...errors import DataError
from ..names import quoted, several

__all__ = ["Label", "coded", "label_of"]

Label = int | str | None
"""A class by number or name; ``None`` where an image has none."""

_MOST = 100_000


def label_of(value: object) -> Label:
    """Return a field of a table as a label: numbers in text are numbers, and what is empty or below 0 is no label.

    Raises:
        TypeError: for what can be no label of one class.

    >>> [label_of(v) for v in ("7", 7.0, "7.0", "cat ", "", "nan", None, -1, True)]
    [7, 7, 7, 'cat', None, None, None, None, 1]
    """
    if value is None:
        return None
    if isinstance(value, str):
        text = re.sub(r"(?<=\d)\.0+$", "", value.strip())  # as numbers are written where others are missing
        if text.lower() == "nan":
            return None
        if text.lstrip("-").isdecimal():
            return None if text.startswith("-") else int(text)
        return text or None
    if isinstance(value, (bool, int, np.integer)) or (isinstance(value, float) and value.is_integer()):
        return None if value < 0 else int(value)
    if isinstance(value, float) and np.isnan(value):
        return None
    raise TypeError(f"{value!r:.60} is neither a number nor a name of one class")


def coded(
    where: str, parts: Mapping[str, Sequence[int | str]], names: Sequence[str] | None = None
) -> tuple[dict[str, np.ndarray], tuple[str, ...], tuple[str, ...]]:
    """Return labels as numbers from 0, the names of the classes, and what there is to say.

    Words are numbered in their order. Numbers keep their value, so that a head trained on all classes fits; only when
    they are 1 to k they are read as 0 to k−1.

    Args:
        where: of the table, for errors.
        parts: part → labels.
        names: of the classes in label order, where the table has them.

    Raises:
        DataError: for labels without a name.

    >>> labels, classes, _ = coded("t", {"train": ["dog", "cat", "dog"]})
    >>> labels["train"].tolist(), classes
    ([1, 0, 1], ('cat', 'dog'))
    >>> coded("t", {"train": [1, 2, 1]})[2]
    ('labels begin at 1: 1 to 2 are read as 0 to 1',)
    """
    values = {v for of in parts.values() for v in of}
    numbers = all(isinstance(v, int) for v in values)
    if names is not None and numbers:
        if values and max(int(v) for v in values) >= len(names):
            raise DataError(f"{where}: the label {max(int(v) for v in values)} and {len(names)} class names")
        return {part: np.array(of, np.int64) for part, of in parts.items()}, tuple(names), ()
    remarks: tuple[str, ...] = ()
    if numbers and values and max(int(v) for v in values) < _MOST:
        most = max(int(v) for v in values)
        from_one = values == set(range(1, most + 1))
        order: list[int | str] = list(range(1 if from_one else 0, most + 1))
        if from_one:
            remarks = (f"labels begin at 1: 1 to {most} are read as 0 to {most - 1}",)
        elif absent := [v for v in order if v not in values]:
            remarks = (f"no image has the label {several(map(str, absent))}",)
    else:
        order = sorted(values, key=lambda v: (isinstance(v, str), v))
        if not numbers and len({str(v) for v in values}) < len(values):
            raise DataError(f"{where}: labels are numbers here and the same in words there: {_twice(values)}")
    if names is not None:
        order = list(names)
        if unknown := sorted(str(v) for v in values if v not in names):
            raise DataError(f"{where}: {several(map(quoted, unknown))} is none of its {len(names)} class names")
    position = {v: i for i, v in enumerate(order)}
    labels = {part: np.array([position[v] for v in of], np.int64) for part, of in parts.items()}
    return labels, tuple(str(v) for v in order), remarks


def _twice(values: set[int | str]) -> str:
    texts = [str(v) for v in values]
    return several(sorted({quoted(t) for t in texts if texts.count(t) > 1}))
