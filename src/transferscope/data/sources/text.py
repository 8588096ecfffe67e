"""Lists and tables that people made with other software: other encodings, separators, and paths of other machines."""

from __future__ import annotations

import codecs
import csv
import io
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...errors import DataError
from .layout import IMAGE_SUFFIXES

__all__ = ["csv_rows", "lines", "paths_under", "plain", "read_text"]

_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATORS = ",;\t|"


def read_text(path: Path, encoding: str = "utf-8") -> str:
    """Return the text of a file; a byte order mark at its beginning decides the encoding.

    Args:
        path: of the file.
        encoding: what it is in when there is no mark.

    Raises:
        DataError: for bytes that are not of that encoding, with their line; or an encoding that does not exist.
    """
    try:
        content = path.read_bytes()
    except OSError as e:
        raise DataError(f"{path}: cannot be read ({(e.strerror or str(e)).lower()})") from e
    chosen = next((name for mark, name in _MARKS if content.startswith(mark)), encoding)
    if b"\0" in content[:1000] and chosen.lower().replace("_", "-") in ("utf-8", "latin-1", "cp1252"):
        side = "le" if content[1:2] == b"\0" else "be"
        raise DataError(f"{path}:1: has bytes of zero, as UTF-16 has; add encoding=utf-16-{side} to the options")
    try:
        return content.decode(chosen)
    except LookupError:
        raise DataError(f"{path}: there is no encoding {encoding!r}; utf-8, latin-1 and cp1252 are usual") from None
    except UnicodeDecodeError as e:
        line = content.count(b"\n", 0, e.start) + 1
        other = "latin-1" if chosen.startswith("utf-8") else "utf-8"
        raise DataError(
            f"{path}:{line}: the byte 0x{content[e.start]:02x} is not {chosen}; save the file as UTF-8, or say what "
            f"it is in: add encoding={other}, say, to the options"
        ) from None


def lines(text: str) -> Iterator[str]:
    r"""Yield the lines of a text, whichever way they end.

    >>> list(lines("a\r\nb\rc"))
    ['a\n', 'b\n', 'c']
    """
    return iter(io.StringIO(text, newline=None))


def csv_rows(text: str, wanted: Sequence[str], name: str = "table") -> Iterator[list[str]]:
    r"""Yield the rows of a table; the separator is the one that sets a column apart.

    Args:
        text: of the table.
        wanted: names of columns, of which one is there; a comma separates when none sets one apart.
        name: of the file, for errors.

    Raises:
        DataError: for what no table has, a field without an end, say.

    >>> list(csv_rows("Path;Sex\r\na,b.png;F\r\n", ["Path"]))
    [['Path', 'Sex'], ['a,b.png', 'F']]
    """
    head = text[: text.find("\n") + 1] or text
    try:
        first = {s: next(csv.reader(io.StringIO(head, newline=""), delimiter=s), []) for s in _SEPARATORS}
        separator = next((s for s, names in first.items() if {*map(plain, names)} & {*map(plain, wanted)}), ",")
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    except csv.Error as e:
        raise DataError(f"{name}: cannot be read as a table: {e}") from e


def plain(column: str) -> str:
    """Return the name of a column as others may write it: in lower case, without blanks and underscores.

    >>> plain("File_Name "), plain("image id")
    ('filename', 'imageid')
    """
    return re.sub(r"[\s_]", "", column.lower())


def paths_under(root: Path, listed: Sequence[str]) -> list[str]:
    """Return listed paths as seen from a folder.

    A list may name the folder it was packed in, or folders of another machine, and may separate with backslashes.
    Each path is tried as it is, then without its first folder, and so on; the first that exists is taken, row by row.
    A name without an ending is tried with those of images.
    One that does not exist is treated as most others are, so that its name makes sense in a message.

    Args:
        root: the folder.
        listed: paths as they are written.
    """
    base, found = str(root), []
    missing: list[int] = []
    usual: Counter[int] = Counter()
    last = 0
    for i, path in enumerate(listed):
        if "\\" in path and os.path.exists(f"{base}/{path}"):  # noqa: PTH110 - unpacked here, backslashes and all
            found.append(path)
            continue
        parts = _parts(path)
        if "." not in parts[-1] and not os.path.exists(f"{base}/{path}"):  # noqa: PTH110
            endings = (e for ending in IMAGE_SUFFIXES for e in (ending, ending.upper()))
            whole = next((e for e in endings if os.path.exists(f"{base}/{path}{e}")), "")  # noqa: PTH110
            parts[-1] += whole
        for cut in dict.fromkeys((last, *range(len(parts)))):
            seen = "/".join(parts[cut:])
            if seen and os.path.exists(seen if seen.startswith("/") else f"{base}/{seen}"):  # noqa: PTH110
                found.append(seen)
                usual[cut] += 1
                last = cut
                break
        else:
            found.append(path)
            missing.append(i)
    if usual:
        cut = usual.most_common(1)[0][0]
        for i in missing:
            parts = _parts(listed[i])
            found[i] = "/".join(parts[min(cut, len(parts) - 1) :])
    return found


def _parts(path: str) -> list[str]:
    if "\\" in path and "/" not in path:
        path = path.replace("\\", "/")
    return path.split("/")
