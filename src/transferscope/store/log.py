"""A history one line at a time (JSONL), which a crash can cut but not corrupt."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ..errors import StoreError
from .atomic import said_plainly

__all__ = ["Log", "read_log"]


class Log:
    """Append rows to a ``.jsonl`` file.

    Args:
        path: the file, made if absent.
        keep: how many bytes of it to keep: rows that a stopped process wrote after its last saved state go.
    """

    def __init__(self, path: Path, keep: int = 0) -> None:
        self.path = path
        with said_plainly(path):
            self._file = path.open("ab")
            self._file.truncate(keep)

    def row(self, values: Mapping[str, Any]) -> None:
        """Add a row; numbers that are not finite become strings (``"nan"``), as JSON has none."""
        plain = {k: str(v) if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}
        line = json.dumps(plain, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        with said_plainly(self.path):
            self._file.write(line.encode() + b"\n")

    def flush(self) -> int:
        """Wait until all rows are on the disk, and return how many bytes there are."""
        with said_plainly(self.path):
            self._file.flush()
            os.fsync(self._file.fileno())
            return self.path.stat().st_size

    def close(self) -> None:
        """Write what is left and close the file."""
        with said_plainly(self.path):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the rows; a last line that was cut is left out, and ``"nan"``, ``"inf"`` are numbers again.

    Raises:
        StoreError: when the file is absent or a line within it is damaged.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as e:
        raise StoreError(f"{path}: cannot be read ({e.strerror})") from e
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines[:-1], start=1):
        try:
            row = json.loads(line)
        except ValueError as e:
            raise StoreError(f"{path}: line {number} is damaged ({e})") from e
        rows.append({k: float(v) if v in ("nan", "inf", "-inf") else v for k, v in row.items()})
    return rows
