"""Images decoded once: a folder whose name is the digest of where they come from and what they are brought to.

``CACHE/DIGEST/pixels.npy`` holds the images, ``about.json`` what they are and which could not be read. A folder
appears under its name only when it is complete; what an interrupted or killed process leaves behind has another name,
is never believed and is removed by the next one. Processes that want the same images at the same time wait for the
first. :mod:`.room` keeps the cache under its limit.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import tempfile
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
import PIL

from ..errors import DataError
from ..progress import Progress, silent
from ..runtime import cache_folder, cores
from .cache_eviction import ABOUT, PIXELS, in_use, make_room, touch
from .decode import Block, Failure, Form
from .mapped import IN_MEMORY
from .pixels import ArrayPixels, FilePixels, Pixels
from .workers import decoders

__all__ = ["Prepared", "default_cache", "prepare"]

_FORMAT = 1
"""Part of every digest; to be raised when the same source would be decoded to other pixels."""

_BLOCK_BYTES = 4 * 2**20
_CHILDREN_FROM = 400
"""Fewer files than this are decoded in threads: starting a process takes as long as decoding some hundred."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images in their form.

    Attributes:
        images: uint8 ``(m, h, w, c)``, in memory or, when large, a read-only memory map.
        kept: int64 ``(m,)``, their positions in the listing.
        failures: those that could not be read.
        digest: that of the pixels (``ImageSet.pixels_digest``), empty when it was not computed.
    """

    images: np.ndarray
    kept: np.ndarray
    failures: tuple[Failure, ...] = ()
    digest: str = ""


def default_cache() -> Path:
    """Return ``$TRANSFERSCOPE_CACHE``, or ``transferscope`` in the user's cache folder.

    It may be removed at any time; what is needed of it is made again.
    """
    return cache_folder()


def prepare(
    pixels: Pixels,
    form: Form,
    *,
    cache: Path | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> Prepared:
    """Return the images in their form, from the cache when they are there.

    Images whose identity does not say when they change are decoded each time (``Pixels.lasting``).

    Args:
        pixels: what to decode.
        form: what to bring it to.
        cache: folder of the cache; by default :func:`default_cache`.
        workers: how many images are decoded at once; by default one a core.
        progress: called with the number of images done.

    Raises:
        DataError: when the cache cannot be written, the disk is full, or an image has another size and
            ``form.exact`` is set.
    """
    if isinstance(pixels, ArrayPixels) and pixels.fits(form):
        return Prepared(pixels.read(slice(0, len(pixels)), form).images, np.arange(len(pixels)))
    folder = cache if cache is not None else default_cache()
    entry = folder / _digest(pixels, form)
    found = _load(entry, form, len(pixels)) if pixels.lasting else None
    if found is None:
        with _told(folder), _alone(entry):
            if pixels.lasting:
                found = _load(entry, form, len(pixels))  # another process may have made it meanwhile
            if found is None:
                _make(entry, pixels, form, workers or cores(), progress)
                found = _load(entry, form, len(pixels), fresh=True)
            if not pixels.lasting:
                shutil.rmtree(entry, ignore_errors=True)  # what is mapped of it stays until nobody needs it
    if found is None:
        raise DataError(f"{entry}: was written but cannot be read back; is the disk sound?")
    return found


def _digest(pixels: Pixels, form: Form) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([_FORMAT, type(pixels).__name__, asdict(form)]).encode())
    for piece in pixels.identity():
        digest.update(len(piece).to_bytes(8, "little") + piece)
    return digest.hexdigest()


def _load(entry: Path, form: Form, count: int, fresh: bool = False) -> Prepared | None:
    """What the entry holds, or ``None`` when it is not there, damaged, or worth making again."""
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(in_use(entry))
            about = json.loads((entry / ABOUT).read_text())
            failures, pixels_digest = tuple(Failure(*f) for f in about["failures"]), str(about["pixels"])
            images = np.load(entry / PIXELS, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if images.shape != (count - len(failures), *form.shape) or images.dtype != np.uint8:
            return None
        if not fresh and any(f.kind == "access" for f in failures):
            return None
        touch(entry)
        if images.nbytes <= IN_MEMORY:
            images = np.array(images)
        else:
            weakref.finalize(images.base, held.pop_all().close)  # held for as long as it is mapped
    kept = np.setdiff1d(np.arange(count), [f.position for f in failures])
    return Prepared(images, kept, failures, pixels_digest)


def _make(entry: Path, pixels: Pixels, form: Form, workers: int, progress: Progress) -> None:
    """Decode into a folder beside the entry, then give it the entry's name."""
    for left in entry.parent.glob(f"{entry.name}.part-*"):  # of killed processes: this one is alone here
        shutil.rmtree(left, ignore_errors=True)
    needed = form.nbytes * len(pixels)
    make_room(entry.parent, needed)
    free = shutil.disk_usage(entry.parent).free
    if needed > free:
        raise DataError(
            f"{entry.parent}: {_gigabytes(needed)} are needed and {_gigabytes(free)} are free; "
            "make room or set TRANSFERSCOPE_CACHE to another disk"
        )
    part = Path(tempfile.mkdtemp(prefix=f"{entry.name}.part-", dir=entry.parent))
    try:
        with (part / PIXELS).open("wb") as file:
            failures, pixels_digest = _write(file, pixels, form, workers, progress)
            file.flush()
            os.fsync(file.fileno())
        about = {
            "format": _FORMAT,
            "form": asdict(form),
            "count": len(pixels),
            "failures": failures,
            "pixels": pixels_digest,
            "made with": {"pillow": PIL.__version__, "python": platform.python_version()},
        }
        (part / ABOUT).write_text(json.dumps(about, indent=1, ensure_ascii=True) + "\n")
        part.chmod(0o755)
        shutil.rmtree(entry, ignore_errors=True)  # only ever a damaged one
        part.rename(entry)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write(
    file: IO[bytes], pixels: Pixels, form: Form, workers: int, progress: Progress
) -> tuple[list[Failure], str]:
    """Write the header and all readable images, in order; return the failures and the digest of the pixels."""
    total, start = len(pixels), 0
    failures: list[Failure] = []
    digest = hashlib.blake2b(digest_size=16)
    _header(file, total, form)
    with _blocks(pixels, form, workers) as blocks:
        for images, failed in blocks:
            for failure in failed:
                if failure.kind == "size":
                    _refuse_size(pixels, start + failure.position, failure.reason, form)
                failures.append(failure._replace(position=start + failure.position))
            good = np.ascontiguousarray(np.delete(images, [f.position for f in failed], axis=0) if failed else images)
            # Not through a memory map: a full disk is an error here and the end of the process there.
            file.write(good.data)
            digest.update(good.data)
            start += len(images)
            progress(start, total, "images")
    if failures:
        file.seek(0)
        _header(file, total - len(failures), form)
    return failures, digest.hexdigest()


def _header(file: IO[bytes], count: int, form: Form) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, *form.shape)}
    np.lib.format.write_array_header_1_0(file, header)  # of one length for any count: NumPy leaves room to grow


@contextmanager
def _blocks(pixels: Pixels, form: Form, workers: int) -> Iterator[Iterator[Block]]:
    """Blocks in order, decoded ``workers`` at a time and never far ahead of the one that is taken."""
    size = max(1, min(_BLOCK_BYTES // form.nbytes, 512, -(-len(pixels) // workers)))
    size = -(-size // pixels.grain) * pixels.grain
    parts = [slice(a, min(a + size, len(pixels))) for a in range(0, len(pixels), size)]
    with ThreadPoolExecutor(workers) as pool, _reader(pixels, form, workers) as read:
        try:
            yield _ahead(pool, read, parts, 2 * workers)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ahead(
    pool: ThreadPoolExecutor, read: Callable[[slice], Block], parts: list[slice], window: int
) -> Iterator[Block]:
    waiting: deque[Future[Block]] = deque()
    for part in parts:
        waiting.append(pool.submit(read, part))
        if len(waiting) > window:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def _reader(pixels: Pixels, form: Form, workers: int) -> Iterator[Callable[[slice], Block]]:
    if isinstance(pixels, FilePixels) and workers > 1 and len(pixels) >= _CHILDREN_FROM:
        with decoders(workers) as children:
            yield lambda part: children.decode(pixels.files(part), form)
    else:
        yield lambda part: pixels.read(part, form)


def _refuse_size(pixels: Pixels, position: int, size: str, form: Form) -> None:
    where = pixels.label_of(position) or f"image {position}"
    raise DataError(
        f"images differ in size: the first is {form.height}×{form.width}, {where} is {size}; "
        f"give the size to bring them to, e.g. ?size={min(form.height, form.width)}"
    )


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Make the cache's folder, and turn what the system says about writing there into one line."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as e:
        raise DataError(
            f"{folder}: the image cache cannot be written ({e.strerror or e}); "
            "make room there or set TRANSFERSCOPE_CACHE to another folder"
        ) from e


def _alone(entry: Path) -> AbstractContextManager[object]:
    """Wait until no other process or thread makes this entry (where the file system can lock; else nobody waits)."""
    file = entry.with_name(entry.name + ".lock").open("wb")
    with contextlib.suppress(OSError):
        fcntl.flock(file, fcntl.LOCK_EX)
    return file


def _gigabytes(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
