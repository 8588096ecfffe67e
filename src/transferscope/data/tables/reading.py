"""A table file as it is: columns and cells as text, each row with its line. Comma, tab, semicolon or bar; JSON."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import DataError

__all__ = ["RawTable", "raw_table"]

_DELIMITERS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "bars"}
_LOOKED_AT = 50
_OTHER_KINDS = {".xlsx", ".xls", ".ods", ".parquet", ".feather", ".pkl", ".pickle", ".h5", ".zip", ".gz"}


@dataclass(frozen=True)
class RawTable:
    """What a file holds, before anything is made of it.

    Attributes:
        path: of the file, as it is named in sentences.
        columns: their names, all different.
        rows: cells as text, one of each column a row; empty for what is missing.
        lines: where in the file each row is, from 1.
        place: what ``lines`` counts: ``line`` or ``record``.
        notes: what was changed while reading.
    """

    path: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    place: str
    notes: tuple[str, ...]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        i = self.columns.index(name)
        return [row[i] for row in self.rows]

    def where(self, row: int) -> str:
        """Say where a row is: ``models.csv line 7``."""
        return f"{self.path} {self.place} {self.lines[row]}"


def raw_table(path: str | Path) -> RawTable:
    """Read a table with one header line, or JSON objects, one a line or in one list.

    Args:
        path: of the file.

    Raises:
        DataError: when it cannot be read, has no rows, or a row has more or fewer cells than the header.
    """
    file = Path(path)
    if file.suffix.lower() in _OTHER_KINDS:
        raise DataError(f"{path}: a {file.suffix} file is no table of text; save it as CSV or JSON lines")
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: byte {e.start} is no UTF-8; save the table with the encoding UTF-8") from e
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({e.strerror or e}); give a CSV, TSV or JSON-lines file") from e
    if not text.strip():
        raise DataError(f"{path}: is empty; give a table with a header and a row for each model")
    start = text.lstrip()[0]
    found = _json(str(path), text, start) if start in "{[" else _delimited(str(path), text)
    if not found.rows:
        raise DataError(f"{path}: has a header and no rows; give a row for each model")
    return found


def _delimited(path: str, text: str) -> RawTable:
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, lines, notes = [], [], []
    header: list[str] | None = None
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if header is None:
                header = cells
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"{path} line {reader.line_num}: {len(cells)} cells between {_DELIMITERS[delimiter]}, the header "
                    f"has {len(header)}; every row needs as many (put cells with {_DELIMITERS[delimiter]} in quotes)"
                )
            rows.append(tuple(cells))
            lines.append(reader.line_num)
    except csv.Error as e:
        raise DataError(f"{path} line {reader.line_num}: {e}; a quote that is opened must be closed") from e
    assert header is not None  # the text is not empty
    if delimiter != ",":
        notes.append(f"columns are separated by {_DELIMITERS[delimiter]}")
    return RawTable(path, _different(header, notes), tuple(rows), tuple(lines), "line", tuple(notes))


def _delimiter(text: str) -> str:
    """Choose what splits the first lines into most columns, the same number in most of them."""
    first = [line for line in text.splitlines()[:_LOOKED_AT] if line.strip()]

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            counts = [len(row) for row in csv.reader(first, delimiter=delimiter)]
        except csv.Error:
            return (0, 0)
        alike = Counter(counts).get(counts[0], 0)
        return (alike * (counts[0] > 1), counts[0])

    return max(_DELIMITERS, key=worth)


def _json(path: str, text: str, start: str) -> RawTable:
    records: list[tuple[int, Any]] = []
    place = "line"
    if start == "[":
        place = "record"
        try:
            whole = json.loads(text)
        except ValueError as e:
            raise DataError(f"{path}: is no JSON ({e}); give a list of objects, or an object a line") from e
        records = list(enumerate(whole, 1))
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    records.append((number, json.loads(line)))
                except ValueError as e:
                    raise DataError(f"{path} line {number}: is no JSON ({e}); give one whole object a line") from e
    flat = []
    for number, record in records:
        if not isinstance(record, dict):
            raise DataError(f'{path} {place} {number}: is no object; expected names with values, as {{"acc": 0.7}}')
        flat.append({name: _text(value) for name, value in _flattened(record)})
    columns = tuple(dict.fromkeys(name for record in flat for name in record))
    rows = tuple(tuple(record.get(name, "") for name in columns) for record in flat)
    return RawTable(path, columns, rows, tuple(number for number, _ in records), place, ())


def _flattened(record: dict[str, Any], before: str = "") -> list[tuple[str, Any]]:
    """Name what lies in an object inside by its place: ``hparams.lr``."""
    found: list[tuple[str, Any]] = []
    for name, value in record.items():
        found += _flattened(value, f"{before}{name}.") if isinstance(value, dict) else [(f"{before}{name}", value)]
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _different(header: list[str], notes: list[str]) -> tuple[str, ...]:
    """Give every column a name of its own, and say where that is another than in the file."""
    names: list[str] = []
    for i, name in enumerate(header, 1):
        new = name or f"column {i}"
        n = 2
        while new in names:
            new, n = f"{name} ({n})", n + 1
        if new != name and name:
            notes.append(f"the column {name!r} is there more than once; column {i} is called {new!r}")
        names.append(new)
    return tuple(names)
