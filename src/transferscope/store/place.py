"""Objects below an address, on S3 or wherever fsspec reaches: each whole or not there, and the first put wins.

fsspec is an optional dependency, imported when a run folder is asked for by an address (``s3://…``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import StoreError
from .atomic import write_bytes

__all__ = ["Place", "is_address"]

_S3 = "'transferscope[s3]'"
"""What to install for S3."""


def is_address(root: str | Path) -> bool:
    """Whether a run folder is named by an address, not by a path.

    >>> is_address("s3://bucket/run"), is_address("runs/mine")
    (True, False)
    """
    return "://" in str(root)


class Place:
    """The objects below an address. Each is written whole in one request; none is ever seen in part.

    Args:
        address: ``s3://bucket/run``, ``gs://bucket/run``, ``memory://run``, ….

    Raises:
        StoreError: where fsspec, or what it needs for this kind of address, is not installed, or there is no such
            kind or nothing that answers.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        kind = self.address.partition("://")[0]
        try:
            from fsspec import available_protocols
            from fsspec.core import url_to_fs
        except ImportError as e:
            wanted = "gcsfs" if kind in ("gs", "gcs") else _S3
            raise StoreError(f"{address}: wants fsspec, which is not installed: pip install {wanted}") from e
        if kind not in available_protocols() and "::" not in kind:
            raise StoreError(
                f"{address}: there is no address of the kind {kind}://; expected s3://…, gs://… or another that "
                "fsspec knows"
            )
        try:
            # What others have written since must be seen.
            self._fs, base = url_to_fs(self.address, use_listings_cache=False)
        except ImportError as e:
            raise StoreError(f"{address}: {_wants(e)}") from e
        except Exception as e:  # of what answers there, or does not
            raise StoreError(f"{address}: cannot be reached ({_said(e)})") from e
        self._base = str(base).rstrip("/")

    def read(self, name: str) -> bytes | None:
        """Return an object, ``None`` where there is none."""
        with self._plainly(name):
            try:
                content: bytes = self._fs.cat_file(self._path(name))
            except FileNotFoundError:
                return None
            return content

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        with self._plainly(name):
            return bool(self._fs.isfile(self._path(name)))

    def write(self, name: str, content: bytes) -> None:
        """Put an object, in place of what is there."""
        with self._plainly(name):
            self._parents(name)
            self._fs.pipe_file(self._path(name), content)

    def create(self, name: str, content: bytes) -> bool:
        """Put an object unless there is one: of several that try, one is told that it did.

        This is a conditional put (``If-None-Match: *`` on S3, ``ifGenerationMatch=0`` on Google's).
        """
        with self._plainly(name):
            self._parents(name)
            try:
                self._fs.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except OSError as e:  # two conditional puts at the same moment: 412 or 409, as botocore words them
                if any(
                    word in str(e) for word in ("PreconditionFailed", "ConditionalRequestConflict", "At least one")
                ):
                    return False
                raise
            return True

    def upload(self, file: Path, name: str) -> None:
        """Put a file's content as an object."""
        self.write(name, file.read_bytes())

    def download(self, name: str, file: Path) -> bool:
        """Write an object to a file, in one move; say whether there is such an object."""
        content = self.read(name)
        if content is None:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(file, content)
        return True

    def delete(self, name: str) -> None:
        """Take an object away, if it is there."""
        with self._plainly(name), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def names(self, under: str) -> list[str]:
        """Return the names of all objects below a prefix that ends with a slash, sorted; empty: all there are."""
        with self._plainly(under):
            try:
                found = self._fs.find(self._path(under).rstrip("/"))
            except FileNotFoundError:
                return []
            return sorted(str(path)[len(self._base) :].lstrip("/") for path in found)

    def folders(self, under: str) -> list[str]:
        """Return the names directly below a prefix that ends with a slash, sorted."""
        with self._plainly(under):
            try:
                found = self._fs.ls(self._path(under).rstrip("/"), detail=False)
            except FileNotFoundError:
                return []
            return sorted({str(path).rstrip("/").rpartition("/")[2] for path in found})

    def _path(self, name: str) -> str:
        return f"{self._base}/{name}"

    def _parents(self, name: str) -> None:
        """Make the folder that an object goes to, where places have folders; on S3 there are none."""
        if getattr(self._fs, "protocol", "") in ("memory", ("file", "local")):
            self._fs.makedirs(self._path(name).rpartition("/")[0], exist_ok=True)

    @contextmanager
    def _plainly(self, name: str) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as e:  # of botocore, aiohttp, gcsfs, …, each with classes of its own
            raise StoreError(f"{self.address}/{name}: {_said(e)}") from e


def _said(e: Exception) -> str:
    """Return what an error of another package says, in one line."""
    return " ".join(str(e).split())[:200] or type(e).__name__


def _wants(e: ImportError) -> str:
    """Say what is to be installed, where fsspec says so."""
    said = _said(e)
    # fsspec words this by hand, and says what it looked for as the cause.
    module = (getattr(e.__cause__, "name", None) or "").partition(".")[0]
    if not module or module not in said:
        return f"cannot be reached ({said})"
    return f"wants {module}, which is not installed: pip install {_S3 if module == 's3fs' else module}"
