"""Where the pixels of a listing come from: files, an array, or anything that gives one PIL image after another."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from .decode import Block, Form, decode_files, decode_many, upright_size

__all__ = ["ArrayPixels", "FilePixels", "ItemPixels", "Pixels", "state_of"]


def state_of(path: str) -> bytes:
    """Return a file's path, size and time of change; its content is not read."""
    try:
        stat = os.stat(path)  # noqa: PTH116 - three times as fast, and there may be a million
        seen = f"{stat.st_size} {stat.st_mtime_ns}"
    except OSError as e:
        seen = f"error {e.errno}"
    return os.fsencode(path) + b"\0" + seen.encode()


class Pixels(ABC):
    """The images of a listing, not decoded yet."""

    grain: int = 1
    """Reading is cheapest in parts that start and end at multiples of this."""
    lasting: bool = True
    """Whether ``identity`` is another one when the pixels change, so that decoded images may be kept."""

    @abstractmethod
    def __len__(self) -> int:
        """How many images."""

    @abstractmethod
    def take(self, index: np.ndarray) -> Pixels:
        """Return those at ``index``, in that order; nothing is read."""

    @abstractmethod
    def identity(self) -> Iterator[bytes]:
        """Yield what the pixels depend on; other bytes when the pixels may have changed."""

    @abstractmethod
    def read(self, part: slice, form: Form) -> Block:
        """Return the images of ``part``, brought into the form; safe in several threads at once."""

    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Return height and width of the first image."""

    def label_of(self, position: int) -> str | None:
        """Return what to call the image in a list of unreadable ones, ``None`` for its id."""
        return None


class FilePixels(Pixels):
    """Image files.

    Args:
        root: a folder.
        paths: places of the images under it.
    """

    def __init__(self, root: str | os.PathLike[str], paths: Sequence[str]) -> None:
        self.root = os.path.realpath(root)
        self.paths = paths

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, index: np.ndarray) -> FilePixels:
        """Return the files at ``index``."""
        return FilePixels(self.root, [self.paths[i] for i in index])

    def files(self, part: slice) -> list[str]:
        """Return the full paths of ``part``."""
        return [p if p.startswith("/") else f"{self.root}/{p}" for p in self.paths[part]]

    def identity(self) -> Iterator[bytes]:
        """Yield full paths, sizes and times of change; contents are not read."""
        yield from map(state_of, self.files(slice(None)))

    def read(self, part: slice, form: Form) -> Block:
        """Decode the files of ``part``."""
        return decode_files(self.files(part), form)

    def size(self) -> tuple[int, int]:
        """Read the header of the first file that has one."""
        return upright_size(lambda i: Image.open(self.label_of(i)), len(self))

    def label_of(self, position: int) -> str:
        """Return the full path."""
        return self.files(slice(position, position + 1))[0]


class ItemPixels(Pixels):
    """Images that something returns by number, e.g. a torchvision data set.

    Args:
        open_one: returns image i; called from several threads.
        index: the numbers of the images.
        name: says what ``open_one`` is; goes into the digest.
        files: the file of each number, where each is in one of its own.
        lasting: whether name and files are others when the images change.
    """

    def __init__(
        self,
        open_one: Callable[[int], Image.Image],
        index: np.ndarray,
        name: str,
        files: Sequence[str] | None = None,
        lasting: bool = True,
    ) -> None:
        self.open_one, self.index, self.name = open_one, index, name
        self.of_each, self.lasting = files, lasting

    def __len__(self) -> int:
        return len(self.index)

    def take(self, index: np.ndarray) -> ItemPixels:
        """Return those at ``index``."""
        return ItemPixels(self.open_one, self.index[index], self.name, self.of_each, self.lasting)

    def identity(self) -> Iterator[bytes]:
        """Yield the name, the numbers, and the files as they are now."""
        yield self.name.encode()
        yield np.ascontiguousarray(self.index).tobytes()
        if self.of_each is not None:
            yield from (state_of(self.of_each[i]) for i in self.index)

    def read(self, part: slice, form: Form) -> Block:
        """Open and convert the images of ``part``."""
        chosen = self.index[part]
        return decode_many(lambda i: self.open_one(int(chosen[i])), len(chosen), form)

    def size(self) -> tuple[int, int]:
        """Open the first image."""
        return upright_size(lambda i: self.open_one(int(self.index[i])), len(self))


class ArrayPixels(Pixels):
    """uint8 images in an array ``(n, h, w, c)`` with c = 1 or 3.

    >>> grey = ArrayPixels(np.full((2, 4, 4, 1), 7, np.uint8))
    >>> grey.read(slice(0, 2), Form(4, 4)).images.shape, grey.read(slice(0, 1), Form(2, 2, 1)).images.max()
    ((2, 4, 4, 3), np.uint8(7))
    """

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def take(self, index: np.ndarray) -> ArrayPixels:
        """Return those at ``index`` (a copy)."""
        return ArrayPixels(self.array[index])

    def identity(self) -> Iterator[bytes]:
        """Yield a digest of the contents."""
        content = hashlib.blake2b(np.ascontiguousarray(self.array).data, digest_size=16)
        yield repr(self.array.shape).encode()
        yield content.digest()

    def fits(self, form: Form) -> bool:
        """Whether the array is in the form already, but for grey to RGB."""
        _, height, width, channels = self.array.shape
        return (height, width) == (form.height, form.width) and channels <= form.channels

    def read(self, part: slice, form: Form) -> Block:
        """Convert the images of ``part``; those that need no resizing are only sliced."""
        chosen = self.array[part]
        if self.fits(form):
            return Block(np.ascontiguousarray(np.broadcast_to(chosen, (len(chosen), *form.shape))), [])
        flat = chosen[..., 0] if chosen.shape[-1] == 1 else chosen
        return decode_many(lambda i: Image.fromarray(flat[i]), len(flat), form)

    def size(self) -> tuple[int, int]:
        """Height and width of all images."""
        return int(self.array.shape[1]), int(self.array.shape[2])
