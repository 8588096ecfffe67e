"""Images with labels, and the three splits of them that every analysis asks for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DataError, UsageError
from ..rng import numpy_generator
from .mapped import Reader, take

__all__ = ["IGNORED", "ImageSet", "ImageSplits", "Skipped", "one_part_wanted", "sample_index"]

IGNORED = -1
"""Multi-label entry that is unknown and counts in no loss and no metric."""


@dataclass(frozen=True)
class Skipped:
    """An image that could not be read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False, repr=False)
class ImageSet:
    """uint8 images in memory or memory-mapped, with labels, class names and stable ids.

    Attributes:
        images: uint8 ``(n, h, w, c)``, c = 1 or 3; never changed in place; may be a read-only memory map.
        labels: int64 ``(n,)`` class indices, or int8 ``(n, k)`` of 0, 1 and :data:`IGNORED` for multi-label.
        classes: the k class names in label order.
        ids: ``(n,)`` strings, the same for the same image in every process (its path within the source, say).
        name: what to call the set in tables and figures.
        skipped: images of the source that are not here, with reasons.
        settings: how it was prepared, for the record.
        captions: ``(n,)`` strings where the source says in words what images show, for image-text pre-training.

    Raises:
        DataError: when the parts do not fit together.

    >>> s = ImageSet(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1]), ("cat", "dog"), np.array(["a", "b"]))
    >>> len(s), s.size, s.multilabel
    (2, (4, 4), False)
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    ids: np.ndarray
    name: str = "images"
    skipped: tuple[Skipped, ...] = ()
    settings: str = ""
    captions: np.ndarray | None = None
    _known_digest: str = field(
        default="", init=False, repr=False
    )  # not copied by replace(): other pixels, other digest

    def __post_init__(self) -> None:
        n = len(self.images)
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[-1] not in (1, 3):
            raise DataError(
                f"{self.name}: images must be uint8 (n, h, w, 1 or 3), got {self.images.dtype} {self.images.shape}"
            )
        if len(self.labels) != n or len(self.ids) != n:
            raise DataError(f"{self.name}: {n} images, {len(self.labels)} labels, {len(self.ids)} ids; need one each")
        if self.captions is not None and len(self.captions) != n:
            raise DataError(f"{self.name}: {n} images and {len(self.captions)} captions; need one each, or none")
        if self.labels.ndim == 1 and n and not 0 <= self.labels.min() <= self.labels.max() < len(self.classes):
            wrong = self.labels.min() if self.labels.min() < 0 else self.labels.max()
            raise DataError(f"{self.name}: labels must lie in 0…{len(self.classes) - 1}, found {wrong}")
        if self.labels.ndim == 2 and self.labels.shape[1] != len(self.classes):
            raise DataError(f"{self.name}: {self.labels.shape[1]} label columns for {len(self.classes)} classes")
        if self.labels.ndim == 2 and n and not IGNORED <= self.labels.min() <= self.labels.max() <= 1:
            raise DataError(f"{self.name}: multi-labels must be 0, 1 or {IGNORED} (unknown)")

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.images.shape[1]), int(self.images.shape[2])

    @property
    def channels(self) -> int:
        """1 (grey) or 3 (RGB)."""
        return int(self.images.shape[3])

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels or none."""
        return self.labels.ndim == 2

    @cached_property
    def digest(self) -> str:
        """Hex digest of pixels, labels and class names: equal for equal content, wherever it came from."""
        h = hashlib.blake2b(digest_size=16)
        h.update(repr((self.images.shape, self.labels.shape, self.classes, self.pixels_digest)).encode())
        h.update(np.ascontiguousarray(self.labels).data)
        return h.hexdigest()

    @cached_property
    def pixels_digest(self) -> str:
        """Hex digest of the pixels alone."""
        if self._known_digest:
            return self._known_digest
        h = hashlib.blake2b(digest_size=16)
        for chunk in self.chunks(max(1, 2**26 // (self.images[:1].nbytes or 1))):
            h.update(np.ascontiguousarray(self.images[chunk]).data)
        return h.hexdigest()

    def knowing(self, pixels_digest: str) -> ImageSet:
        """Return the same set with the digest of its pixels, computed when they were decoded: 10 s for 7.5 GB."""
        same = replace(self)
        object.__setattr__(same, "_known_digest", pixels_digest)
        return same

    def chunks(self, size: int) -> Iterator[slice]:
        """Yield slices of at most ``size`` images, in order; of a memory map, only the last few stay resident."""
        reader = Reader(self.images)
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            yield part
            reader.has_read(self.images[part].nbytes)

    def subset(self, index: Sequence[int] | np.ndarray, name: str | None = None) -> ImageSet:
        """Return the images at ``index`` (integers, or a boolean mask), in that order.

        A large part of a memory map is copied to an unnamed file beside it, not into memory.
        """
        chosen = np.asarray(index)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return replace(
            self,
            images=take(self.images, chosen),
            labels=self.labels[chosen],
            ids=self.ids[chosen],
            captions=None if self.captions is None else self.captions[chosen],
            name=self.name if name is None else name,
        )

    def __repr__(self) -> str:
        """Say what it holds, not the pixels."""
        shape = "×".join(map(str, self.images.shape[1:]))
        return f"ImageSet({self.name!r}: {len(self):,} images {shape}, {len(self.classes)} classes)"

    def sample(self, count: int, seed: int = 2020) -> ImageSet:
        """Return ``count`` images without replacement in a seeded order, or all when there are fewer.

        Neyshabur et al. 2020 sample 50,000 of each set (Appendix A); the seed is 2020 by default.
        """
        return self if count >= len(self) else self.subset(sample_index(len(self), count, seed))


def sample_index(total: int, count: int, seed: int) -> np.ndarray:
    """Choose ``count`` of ``total`` positions without replacement, sorted; all when there are fewer.

    >>> sample_index(3, 5, seed=0)
    array([0, 1, 2])
    """
    return np.sort(numpy_generator("sample", seed, total).permutation(total)[:count])


@dataclass(frozen=True)
class ImageSplits:
    """The train, validation and test part of one source; validation may be empty.

    Attributes:
        train: what networks are trained on.
        val: for choosing (best epoch, greedy soups); never the test part.
        test: what is reported.
        spec: the spec string that made it.
        remarks: what was left out or renamed, and what looks wrong, a sentence each.
    """

    train: ImageSet
    val: ImageSet
    test: ImageSet
    spec: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, the same in all parts."""
        return self.train.classes

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels or none."""
        return self.train.multilabel

    if not TYPE_CHECKING:  # a type checker shall see that there is no such attribute

        def __getattr__(self, name: str) -> object:
            """Say what to give where the images of one part are wanted."""
            if name.startswith("_"):
                raise AttributeError(name)
            raise one_part_wanted()


class _OnePartError(UsageError, AttributeError):
    """All parts of a source, where one is wanted."""


def one_part_wanted() -> UsageError:
    """Return the error for all parts of a source where the images of one are wanted."""
    return _OnePartError("images: all parts are given and one is wanted; give images.test, say")
