"""``hfparquet:PLACE``: a parquet file of images, or a folder of them, as Hugging Face's ``datasets`` writes them.

The column of images holds encoded files (``bytes``) or their places (``path``), the column of labels numbers, whose
names the file's own description has, or words, or lists of them for several labels an image; columns of 0 and 1, one
a class, are read, too. Files of a folder belong to the part that their names begin with
(``train-00000-of-00002.parquet``) or that their folders are called. Wants pyarrow: ``pip install
'transferscope[parquet]'``.
"""

from __future__ import annotations

import io
import json
import re
import threading
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ...errors import DataError, nearest
from ..listing import Listing, Parts
from ..names import quoted, readable, several
from ..pixels import ItemPixels
from .base import SplitSource, file, folder
from .layout import part_called
from .multilabel import Bits, Labels, all_bits, as_numbers, bit_of, labels_of

__all__ = ["HfParquet"]

_GROUPS_HELD = 8
"""Row groups of encoded images that stay in memory; a hundred to a thousand images each."""


@dataclass(frozen=True)
class HfParquet(SplitSource):
    """``hfparquet:PLACE``.

    Attributes:
        image: the column of images.
        label: the column of labels, or a column a class, joined by commas.
    """

    scheme: ClassVar[str] = "hfparquet"

    image: str = ""
    label: str = ""

    def parts(self, seed: int) -> Parts:
        """Read the labels, and of the images how many there are.

        Raises:
            DataError: no pyarrow, no parquet files, or no columns of images and labels.
        """
        place = Path(self.place).expanduser()
        root, files = _files(place)
        by_part, remarks = _by_part(root, files)
        opened = {part: [_Table(path, self.image, self.label) for path in of] for part, of in by_part.items()}
        tables = [table for of in opened.values() for table in of]
        names = tables[0].names
        if any(table.names != names for table in tables):
            raise DataError(f"{place}: its files have different class names")
        values = {part: [v for table in of for v in table.labels] for part, of in opened.items()}
        known = {part: np.array([v is not None for v in of], bool) for part, of in values.items()}
        for part, of in known.items():
            if not of.all():
                remarks.append(f"{int((~of).sum())} of {len(of)} {part} images left out: they have no label")
        kept = {part: [v for v in values[part] if v is not None] for part, of in known.items() if of.any()}
        if "train" not in kept:
            raise DataError(f"{place}: no labelled train images")
        labels, classes, said = as_numbers(str(place), kept, names)
        listings = {
            part: _listing(root, opened[part], np.flatnonzero(known[part]), of) for part, of in labels.items()
        }
        notes: tuple[str, ...] = ()
        if set(listings) == {"train", "val"}:
            listings["test"] = listings.pop("val")
            notes = ("test: the validation part, as no other is there for it",)
        return self.arranged(
            readable(place.resolve().stem),
            classes,
            listings,
            seed,
            notes=notes,
            remarks=(*remarks, *said),
        )


class _Table:
    """One file: its labels, and its images by number."""

    def __init__(self, path: Path, image: str, label: str) -> None:
        self.path = path
        opened = _open(path)
        schema = opened.schema_arrow
        features = _features(schema.metadata)
        kinds = {field.name: str(field.type) for field in schema}
        self.image = _image_column(path, kinds, features, image)
        columns = _label_columns(path, opened, kinds, features, label, self.image)
        self.names = columns if len(columns) > 1 else _names(features.get(columns[0]))
        self.labels = _labels(path, opened, columns)
        about = opened.metadata
        self.ends = list(accumulate(about.row_group(i).num_rows for i in range(about.num_row_groups)))
        self._alone = threading.Lock()
        self._group = lru_cache(maxsize=_GROUPS_HELD)(self._read_group)

    def __len__(self) -> int:
        return len(self.labels)

    def open_one(self, row: int) -> Image.Image:
        """Return the image of a row, not decoded yet."""
        group = bisect_right(self.ends, row)
        with self._alone:
            held = self._group(group)
        value = held[row - (self.ends[group - 1] if group else 0)].as_py()
        content, place = (value.get("bytes"), value.get("path")) if isinstance(value, Mapping) else (value, None)
        if content is not None:
            return Image.open(io.BytesIO(content))
        if not place:
            raise ValueError("neither bytes nor a path")
        return Image.open(self.path.parent / place)

    def _read_group(self, group: int) -> Any:
        return _open(self.path).read_row_group(group, columns=[self.image]).column(0)


def _open(path: Path) -> Any:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(
            f"{path}: parquet files are read with pyarrow, which is not installed: "
            "pip install 'transferscope[parquet]'"
        ) from None
    try:
        return parquet.ParquetFile(path)
    except (OSError, pyarrow.ArrowException) as e:
        raise DataError(f"{path}: cannot be read as a parquet file ({' '.join(str(e).split())[:200]})") from e


def _files(place: Path) -> tuple[Path, list[Path]]:
    """Return the folder that names are given under, and the files."""
    if not place.is_dir():
        return file(place).parent, [place]
    found = [p for p in sorted(folder(str(place)).rglob("*.parquet")) if not _hidden(p.relative_to(place))]
    if not found:
        raise DataError(f"{place}: no .parquet files in it")
    return place, found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _by_part(root: Path, files: Sequence[Path]) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the files of each part; all are train where only one part is there."""
    parts: dict[str | None, list[Path]] = {}
    for path in files:
        parts.setdefault(_part_of(path.relative_to(root)), []).append(path)
    if len(parts) == 1:
        return {"train": list(files)}, []
    others = parts.pop(None, [])
    shown = several((quoted(str(p.relative_to(root))) for p in others), 3)
    remarks = [f"{len(others)} files left out, which are of no part by their names: {shown}"] if others else []
    return {part: of for part, of in parts.items() if part is not None}, remarks


def _part_of(path: Path) -> str | None:
    """Return the part of a file: what its name begins with, else what its folders are called, inner ones first."""
    named = part_called(re.split(r"[-_.]", path.name)[0])
    return named or next((part for name in reversed(path.parent.parts) if (part := part_called(name))), None)


def _features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """Return what ``datasets`` wrote about the columns."""
    try:
        found = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _kind(feature: Any) -> str:
    return str(feature.get("_type", "")) if isinstance(feature, dict) else ""


def _image_column(path: Path, kinds: Mapping[str, str], features: Mapping[str, Any], given: str) -> str:
    if given:
        return _given(path, "image", given, kinds)
    found = [name for name in kinds if _kind(features.get(name)) == "Image"]
    found = found or [name for name, kind in kinds.items() if kind.startswith("struct<") and "bytes: " in kind]
    found = found or [name for name, kind in kinds.items() if kind in ("binary", "large_binary")]
    return _only(path, "image", found, kinds, preferred=("image", "img"))


def _label_columns(
    path: Path, opened: Any, kinds: Mapping[str, str], features: Mapping[str, Any], given: str, image: str
) -> tuple[str, ...]:
    """Return the column of labels, or the columns of 0 and 1, one a class."""
    if given:
        named = [given] if given in kinds else [name.strip() for name in given.split(",") if name.strip()]
        return tuple(_given(path, "label", name, kinds) for name in named or [given])
    found = [name for name in kinds if _names(features.get(name)) is not None]
    simple = ("int", "uint", "string", "large_string", "dictionary", "bool")
    found = found or [name for name, kind in kinds.items() if name != image and _of_list(kind).startswith(simple)]
    found = found or [
        name for name, kind in kinds.items() if _of_list(kind) in ("float", "double") and name in _USUAL
    ]
    if len(found) > 1 and not set(found) & set(_USUAL):
        flags = [
            name for name, kind in kinds.items() if name != image and kind.startswith((*simple, "float", "double"))
        ]
        values = [opened.read(columns=[name]).column(0).to_pylist() for name in flags]
        if flags == [name for name in kinds if name != image] and all(map(all_bits, values)):
            return tuple(flags)
    return (_only(path, "label", found, kinds, preferred=_USUAL),)


_USUAL = ("label", "labels")


def _of_list(kind: str) -> str:
    """Return the kind of what a list holds; of what is no list the kind itself.

    >>> _of_list("list<element: int64>"), _of_list("string")
    ('int64', 'string')
    """
    found = re.match(r"(?:large_|fixed_size_)?list<\w+: ([^>]*)>", kind)
    return found[1] if found else kind


def _labels(path: Path, opened: Any, columns: Sequence[str]) -> list[Labels]:
    read = {name: opened.read(columns=[name]).column(0).to_pylist() for name in columns}
    name = columns[0]
    try:
        if len(columns) == 1:
            return list(map(labels_of, read[name]))
        bits = []
        for name in columns:
            bits.append(list(map(bit_of, read[name])))
        return [row if row.known else None for row in map(Bits, zip(*bits, strict=True))]
    except TypeError as e:
        raise DataError(f"{path}: {name}: {e}") from None


def _given(path: Path, what: str, name: str, kinds: Mapping[str, str]) -> str:
    if name not in kinds:
        raise DataError(f"{path}: no column {name!r} for {what}={name}{nearest(name, kinds)}")
    return name


def _only(path: Path, what: str, found: Sequence[str], kinds: Mapping[str, str], preferred: Sequence[str]) -> str:
    for name in preferred:
        if name in found:
            return name
    if len(found) == 1:
        return found[0]
    asked = f"which column has the {what}s" if found else f"no column of {what}s is there"
    shown = several((f"{name} ({kind})" for name, kind in kinds.items()), 12)
    raise DataError(f"{path}: {asked}? Its columns: {shown}; add ?{what}=COLUMN")


def _names(feature: Any) -> tuple[str, ...] | None:
    """Return the class names of a ``ClassLabel``, or of a list of them."""
    if isinstance(feature, list) and len(feature) == 1:  # as datasets wrote lists before there was a name for them
        feature = feature[0]
    if _kind(feature) in ("Sequence", "List", "LargeList"):
        feature = feature.get("feature")
    if _kind(feature) != "ClassLabel" or not feature.get("names"):
        return None
    names = feature["names"]
    return tuple(map(str, names.values() if isinstance(names, dict) else names))


def _listing(root: Path, tables: Sequence[_Table], index: np.ndarray, labels: np.ndarray) -> Listing:
    ends = list(accumulate(map(len, tables)))

    def place(i: int) -> tuple[_Table, int]:
        at = bisect_right(ends, i)
        return tables[at], i - (ends[at - 1] if at else 0)

    def open_one(i: int) -> Image.Image:
        table, row = place(i)
        return table.open_one(row)

    stats = [(str(t.path), t.image, t.path.stat().st_size, t.path.stat().st_mtime_ns) for t in tables]
    ids = []
    for i in map(int, index):
        table, row = place(i)
        ids.append(f"{readable(table.path.relative_to(root).as_posix())}/{row:07d}")
    return Listing(ItemPixels(open_one, index.astype(np.int64), repr(stats)), labels, np.array(ids))
