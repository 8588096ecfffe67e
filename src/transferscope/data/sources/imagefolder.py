"""``imagefolder:ROOT``: Hugging Face's image folders, with a table ``metadata.csv`` or ``metadata.jsonl``.

The table has a column ``file_name`` (paths as seen from the table; also ``path``, ``image_id`` and the like, with or
without the files' ending) and one of labels: ``label``, or the only other one, or what ``?label=`` names. Several
labels an image are lists, words joined by ``|``, or a column of 0 and 1 for each class (all others of the table, or
those that ``?label=A,B,C`` names). A column ``text`` or ``caption`` beside them is captions. The table lies in
``ROOT``, or one in the folder of each part. Of one in ``ROOT``, the parts are its column ``split`` (rows where it
says no part are left out), or the first folders of the paths where these are called like parts. Without a table it is
a folder for each class, as ``folder:``.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from ...errors import DataError, nearest
from ..listing import Listing, Parts
from ..names import quoted, readable, several
from ..pixels import FilePixels
from .base import SplitSource, folder
from .folder import Folder
from .layout import folders_in, part_called
from .multilabel import Bits, Labels, all_bits, as_numbers, bit_of, labels_of
from .text import csv_rows, lines, paths_under, plain, read_text
from .walk import walk

__all__ = ["ImageFolder"]

_TABLES = ("metadata.csv", "metadata.jsonl")
_FILE = "file_name"
_OTHER_FILES = (
    *("filename", "file", "filepath", "path", "imagename", "imagefile", "imagepath", "imageid", "imgpath"),
    *("image", "img"),
)
"""What others call the column of files, in lower case and without underscores."""

_USUAL = ("label", "labels")
_CAPTIONS = ("text", "caption")


@dataclass(frozen=True)
class ImageFolder(SplitSource):
    """``imagefolder:ROOT``.

    Attributes:
        label: the column of labels, or a column a class, joined by commas.
        encoding: of the table, where it has no byte order mark.
    """

    scheme: ClassVar[str] = "imagefolder"

    label: str = ""
    encoding: str = "utf-8"

    def parts(self, seed: int) -> Parts:
        """Read the tables, or list the class folders where there is none.

        Raises:
            DataError: a table without the columns, lines that say no image and class, or a column ``split`` that
                says no part.
        """
        root = folder(self.place)
        tables = _tables(root)
        if not tables:
            if self.label:
                raise DataError(f"{root}: label={self.label} and no {' or '.join(_TABLES)} in it or in its parts")
            return Folder(**{f.name: getattr(self, f.name) for f in fields(Folder) if f.name != "split"}).parts(seed)
        remarks: list[str] = []
        by_part: dict[str, list[_Row]] = {}
        unused: list[_Row] = []
        read = {part: _read(table, self.encoding) for part, table in tables.items()}
        columns = self._label_columns(root, [row for of in read.values() for _, row in of])
        for part, table in tables.items():
            rows = _rows(root, table, read[part], columns)
            where = table.relative_to(root)
            if without := [row for row in rows if not row.part]:
                words = several(map(quoted, sorted({row.split for row in without})), 3)
                remarks.append(f"{len(without)} images left out: their 'split' in {where} is no part ({words})")
                rows, unused = [row for row in rows if row.part], without
            labelled = [row for row in rows if row.label is not None]
            if len(labelled) < len(rows):
                remarks.append(f"{len(rows) - len(labelled)} images without a label in {where} left out")
            for row in labelled:
                by_part.setdefault(part or row.part, []).append(row)
        if "train" not in by_part:
            raise DataError(f"{root}: no labelled train images in {several(t.name for t in tables.values())}")
        notes: tuple[str, ...] = ()
        if set(by_part) == {"train", "val"}:
            by_part["test"] = by_part.pop("val")
            notes = ("test: the validation part, as no other is there for it",)
        labels, classes, said = as_numbers(
            str(root),
            {part: [r.label for r in of] for part, of in by_part.items()},
            columns if len(columns) > 1 else None,
        )
        listings = {part: _listing(root, of, labels[part]) for part, of in by_part.items()}
        remarks += [*said, *_unlisted(root, listings.values(), unused)]
        return self.arranged(
            readable(root.resolve().name),
            classes,
            listings,
            seed,
            notes=notes,
            remarks=tuple(remarks),
        )

    def _label_columns(self, root: Path, rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
        """Return the column of labels, or the columns of 0 and 1, one a class, of all tables."""
        columns = list(dict.fromkeys(name for row in rows for name in row))
        others = [c for c in columns if not c.endswith(_FILE) and plain(c) not in (*_OTHER_FILES, "split", "")]
        if len(worded := [c for c in others if plain(c) not in _CAPTIONS]):
            others = worded
        if self.label:
            asked = [self.label] if self.label in columns else [n.strip() for n in self.label.split(",")]
            for name in asked:
                if name not in columns:
                    raise DataError(f"{root}: no column {name!r} in its tables{nearest(name, columns)}")
            return tuple(asked)
        for usual in _USUAL:
            if len(named := [c for c in others if c.lower() == usual]) == 1:
                return (named[0],)
        if len(others) == 1:
            return (others[0],)
        if others and all(all_bits([row.get(name) for row in rows]) for name in others):
            return tuple(others)
        raise DataError(
            f"{root}: which column has the labels? There are {several(map(quoted, columns), 12)}; add ?label=COLUMN, "
            "or ?label=A,B,C for columns of 0 and 1"
        )


@dataclass(frozen=True)
class _Row:
    """A row of a table; its part is empty where its word in the column ``split`` says none."""

    path: str
    label: Labels
    part: str
    caption: str | None = None
    split: str = ""


_Read = list[tuple[int, dict[str, Any]]]
"""Rows of a table by column, each with its line."""


def _read(table: Path, encoding: str) -> _Read:
    read = list(_read_jsonl(table, encoding) if table.suffix == ".jsonl" else _read_csv(table, encoding))
    if not read:
        raise DataError(f"{table}: has no rows")
    return read


def _rows(root: Path, table: Path, read: _Read, labels: Sequence[str]) -> list[_Row]:
    """Return what a table says; of one in ``root``, tell the parts of its rows."""
    columns = list(dict.fromkeys(name for _, row in read for name in row))
    files = _file_column(table, columns)
    if missing := [name for name in labels if name not in columns]:
        raise DataError(f"{table}: no column {missing[0]!r}; it has {several(map(quoted, columns), 12)}")
    values: list[Labels] = []
    for at, row in read:
        if not isinstance(row.get(files), str) or not row[files].strip():
            raise DataError(f"{table}:{at}: no {files}")
        name = labels[0]
        try:
            if len(labels) == 1:
                values.append(labels_of(row.get(name)))
                continue
            bits = []
            for name in labels:
                bits.append(bit_of(row.get(name)))
            values.append(Bits(bits) if Bits(bits).known else None)
        except TypeError as e:
            raise DataError(f"{table}:{at}: {name}: {e}") from None
    below = table.parent.relative_to(root).as_posix()
    found = paths_under(table.parent, [row[files].strip() for _, row in read])
    paths = [posixpath.normpath(p if p.startswith("/") else f"{below}/{p}") for p in found]
    parts, words = ["train"] * len(read), [""] * len(read)
    if table.parent == root:
        said = next((c for c in columns if plain(c) == "split" and c not in labels), None)
        if said is not None:
            words = ["" if row.get(said) is None else str(row[said]).strip() for _, row in read]
            parts = _parts_said(table, said, words)
        else:
            parts = _parts_of(paths)
    column = next((c for c in columns if plain(c) in _CAPTIONS and c not in labels), "")
    captions = [row[column].strip() if isinstance(row.get(column), str) else None for _, row in read]
    return [_Row(*row) for row in zip(paths, values, parts, captions, words, strict=True)]


def _tables(root: Path) -> dict[str, Path]:
    """Return the table of each part; under ``""`` the one of all."""
    for name in _TABLES:
        if (root / name).is_file():
            return {"": root / name}
    found: dict[str, Path] = {}
    for below in folders_in(root):
        part = part_called(below.name)
        table = next((below / name for name in _TABLES if (below / name).is_file()), None)
        if part is None or table is None:
            continue
        if part in found:
            raise DataError(f"{root}: {found[part].parent.name} and {below.name} may each be the {part} part")
        found[part] = table
    return found


def _read_csv(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    rows = csv_rows(read_text(path, encoding), (_FILE, *_OTHER_FILES), str(path))
    header = [name.strip() for name in next(rows, [])]
    for at, row in enumerate(rows, 2):
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(f"{path}:{at}: {len(row)} fields, {len(header)} expected")
        yield at, dict(zip(header, row, strict=True))


def _read_jsonl(path: Path, encoding: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for at, line in enumerate(lines(read_text(path, encoding)), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as e:
            raise DataError(f"{path}:{at}: is no JSON ({e})") from None
        if not isinstance(row, dict):
            raise DataError(f'{path}:{at}: expected {{"{_FILE}": …, "label": …}}')
        yield at, row


def _file_column(table: Path, columns: Sequence[str]) -> str:
    named = [c for c in columns if c == _FILE] or [c for c in columns if c.endswith(f"_{_FILE}")]
    named = named or [c for c in columns if plain(c) in _OTHER_FILES]
    if len(named) != 1:
        raise DataError(f"{table}: no column {_FILE!r}; it has {several(map(quoted, columns), 12)}")
    return named[0]


def _parts_said(table: Path, column: str, words: Sequence[str]) -> list[str]:
    """Return the part of each row by its word, empty where that is none; some row must have one."""
    parts = [part_called(word) or "" for word in words]
    if not any(parts):
        raise DataError(
            f"{table}: column {column!r} names no part, only {several(map(quoted, sorted(set(words))))}; "
            "train, val and test are parts (rename the column if it is about something else)"
        )
    return parts


def _parts_of(paths: Sequence[str]) -> list[str]:
    """Return the part of each row of one table of all by its first folder; all are train where these say none."""
    parts = [part_called(path.partition("/")[0]) for path in paths]
    if None not in parts and "train" in parts:
        return [part for part in parts if part is not None]
    return ["train"] * len(paths)


def _listing(root: Path, rows: Sequence[_Row], labels: np.ndarray) -> Listing:
    paths = [row.path for row in rows]
    said = [row.caption for row in rows]
    captions = None if None in said or not said else np.array(said, dtype=str)
    return Listing(FilePixels(root, paths), labels, np.array([readable(path) for path in paths]), captions)


def _unlisted(root: Path, listings: Any, unused: Sequence[_Row]) -> list[str]:
    """Say which images the tables do not have; those of ``unused`` rows are spoken of elsewhere."""
    listed = {path for of in listings for path in of.pixels.paths} | {row.path for row in unused}
    there = walk(root, {"": root}).paths[""]
    more = [path for path in map(posixpath.normpath, there) if path not in listed]
    if not more:
        return []
    return [f"{len(more)} images that no labelled row names left out: {several(map(quoted, more), 3)}"]
