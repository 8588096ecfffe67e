"""Cells to numbers: percent signs, thousands separators, decimal commas, and the words for what is missing."""

from __future__ import annotations

import math
import re
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from .reading import RawTable

__all__ = ["MISSING", "Unit", "accuracies", "missing", "number", "numbers"]

MISSING = frozenset({"", "nan", "n/a", "na", "none", "null", "missing", "-", "--", "–", "—", "?", "."})
"""Cells that stand for no number, in lower case."""

Unit = Literal["guess", "share", "percent"]

_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:[,'’\u00a0\u202f ]\d{3})+(?:\.\d+)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_SEPARATORS = re.compile(r"[,'’\u00a0\u202f ]")
_ABOVE_ONE = 1.5
"""Up to here a number over 1 is a broken share rather than a percentage."""


def missing(cell: str) -> bool:
    """Whether a cell stands for no number.

    >>> missing("Nan"), missing("0")
    (True, False)
    """
    return cell.strip().lower() in MISSING


def number(cell: str, *, decimal_comma: bool = False) -> float | None:
    """Read a cell as a number; ``None`` when it is none. A percent sign is left off and not divided by.

    >>> number("1,014.45"), number("+2.5 %"), number("−0.5"), number("0,75", decimal_comma=True), number("IN1K")
    (1014.45, 2.5, -0.5, 0.75, None)
    """
    text = cell.strip().removesuffix("%").strip().replace("−", "-")
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif _THOUSANDS.fullmatch(text):
        text = _SEPARATORS.sub("", text)
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def numbers(table: RawTable, column: str, *, what: str = "a number") -> NDArray[np.float64]:
    """Read a whole column; nan for what is missing.

    Raises:
        DataError: naming the line of the first cell that is no number.
    """
    cells = table.column(column)
    plain = [c.rstrip("% ") for c in cells]
    # Three digits behind a comma may be thousands; any other count cannot.
    comma = any(_DECIMAL_COMMA.fullmatch(c) and not _THOUSANDS.fullmatch(c) for c in plain)
    found = np.full(len(cells), np.nan)
    for i, cell in enumerate(cells):
        if missing(cell):
            continue
        value = number(cell, decimal_comma=comma)
        if value is None:
            raise DataError(f"{table.where(i)}, column {column!r}: {cell!r} is not {what}; {_wanted(what)}")
        found[i] = value
    return found


def accuracies(table: RawTable, column: str, unit: Unit = "guess") -> tuple[NDArray[np.float64], Unit]:
    """Read a column of accuracies as shares of one; nan for what is missing.

    A percent sign, or a number over 1.5, makes the whole column percentages.

    Args:
        table: the file.
        column: its name.
        unit: what it is in, where it is known.

    Returns:
        The shares, and the unit that they were in.

    Raises:
        DataError: for a cell that is no number or no accuracy, and for numbers a little over 1, which may be both.
    """
    values = numbers(table, column, what="an accuracy")
    known = values[np.isfinite(values)]
    signed = any("%" in cell for cell in table.column(column))
    if unit == "guess":
        unit = "percent" if signed or (len(known) and known.max() > _ABOVE_ONE) else "share"
    most = 100.0 if unit == "percent" else 1.0
    for i in np.flatnonzero(np.isfinite(values) & ((values < 0) | (values > most * (1 + 1e-9)))):
        hint = "; if these are percentages say --unit percent" if unit == "share" and values[i] > 1 else ""
        raise DataError(
            f"{table.where(int(i))}, column {column!r}: {values[i]:g} is no accuracy in the unit {unit}; expected "
            f"a number from 0 to {most:g}{hint}"
        )
    return np.minimum(values / most, 1.0), unit


def _wanted(what: str) -> str:
    some = "e.g. 0.713, 71.3 or 71.3 %" if "accuracy" in what else "a number"
    return f"expected {some}, or nothing where it is missing"
