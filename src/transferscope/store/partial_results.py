"""Arrays of a step under way, by key: what a stopped analysis finds again."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from .atomic import said_plainly, write_bytes

__all__ = ["KeptArrays"]


class KeptArrays:
    """A folder of npz files, each written whole or not at all.

    Args:
        folder: made when something is saved.
        seconds: says for how long the step has been computed.
    """

    def __init__(self, folder: Path, seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._folder, self._seconds = folder, seconds

    def load(self, key: str) -> Mapping[str, np.ndarray] | None:
        """Return what was saved under a key; a file that cannot be read counts as none."""
        path = self._folder / f"{key}.npz"
        if not path.exists():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except (OSError, ValueError, EOFError, TypeError, KeyError, zipfile.BadZipFile, zlib.error):
            return None

    def save(self, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Save arrays under a key, in place of what was there.

        Raises:
            StoreError: when the folder cannot be written or the disk is full.
        """
        with said_plainly(self._folder):
            self._folder.mkdir(exist_ok=True)
        data = io.BytesIO()
        np.savez(data, **{**arrays, "seconds": np.array(self._seconds())})  # type: ignore[arg-type]
        write_bytes(self._folder / f"{key}.npz", data.getvalue())

    def seconds(self) -> float:
        """Return for how long the step had been computed when something was saved last."""
        found = (self.load(path.stem) for path in self._folder.glob("*.npz"))
        return max((float(arrays["seconds"]) for arrays in found if arrays and "seconds" in arrays), default=0.0)
