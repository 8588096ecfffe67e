"""What all sources of images have in common: a place, options, and three parts to give."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import ClassVar, Literal

from ...errors import DataError, SpecError, UsageError, nearest
from ..decode import Fit
from ..listing import Listing, Parts, arrange
from ..names import readable
from ..shuffle import BlockSize, check_block
from ..subset import keeping, mislabelled, of_classes
from ..view import Turn, View

__all__ = ["Source", "SplitSource", "file", "folder", "union"]


@dataclass(frozen=True)
class Source(ABC):
    """A place images come from, and how they are to be taken; ``SCHEME:PLACE?OPTION=VALUE&…`` as a string.

    Attributes:
        place: what stands between the scheme and the question mark.
        size: height and width to bring images to; by default they must all have one size and keep it.
        channels: 1 (grey) or 3 (RGB).
        fit: ``crop`` (shorter side to the size, middle cut out) or ``stretch``.
        samples: images of train and of test to use, at random; by default all.
        val: share (or, from 1 on, number) of train images for validation where the source has no such part; may be 0.
        shuffle: side of the blocks that are shuffled in all images alike, ``*`` for all values; by default none are.
        shuffle_seed: of that shuffle.
        turn: degrees by which images are turned, anticlockwise, before they are shuffled.
        keep: share (or, above 1, number) of the training images to use, classes in proportion; of two shares the
            smaller is a part of the larger, and validation and test images stay as they are.
        class_count: so many classes, at random; the fewer are among the more. Images of the others are left out of
            all parts, before ``keep`` counts: with it fewer classes have more images each at an equal total.
        label_noise: share of the training images, after all else, that get the label of another class, at random.
    """

    scheme: ClassVar[str]
    on_disk: ClassVar[bool] = True
    """Whether ``place`` is a path."""
    drawn: ClassVar[bool] = False
    """Whether captions follow from the options, as pixels and labels do, and not from files that may be changed."""
    later: ClassVar[tuple[str, ...]] = ("shuffle", "shuffle_seed", "turn", "keep", "class_count", "label_noise")
    """Options that digests of before they were there know nothing of."""

    place: str
    size: int | None = None
    channels: Literal[1, 3] = 3
    fit: Fit = "crop"
    samples: int | None = None
    val: float = 0.1
    shuffle: BlockSize | None = None
    shuffle_seed: int = 0
    turn: Turn = 0
    keep: float = 1.0
    class_count: int | None = None
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        if not self.place:
            raise SpecError(f"{self.scheme}:", "what comes after the colon is missing")
        if self.channels not in (1, 3):
            self._refuse(f"channels={self.channels}; 1 (grey) and 3 (RGB) can be had")
        if self.fit not in ("crop", "stretch"):
            self._refuse(f"fit={self.fit!r}{nearest(self.fit, ('crop', 'stretch'))}")
        if self.size is not None and self.size < 1:
            self._refuse(f"size={self.size} is too small")
        if self.samples is not None and self.samples < 2:
            self._refuse(f"samples={self.samples} are too few, use 2 or more")
        if not self.val >= 0:
            self._refuse(f"val={self.val} must be a share from 0 to 1, or a number of images")
        if self.turn not in (0, 90, 180, 270):
            self._refuse(f"turn={self.turn}; images can be turned by 0, 90, 180 or 270 degrees")
        if not self.keep > 0 or (self.keep > 1 and not self.keep.is_integer()):
            self._refuse(f"keep={self.keep:g} must be a share up to 1, or a number of training images")
        if self.class_count is not None and self.class_count < 2:
            self._refuse(f"class_count={self.class_count} are too few to tell apart, use 2 or more")
        if not 0 <= self.label_noise <= 1:
            self._refuse(f"label_noise={self.label_noise:g} must be a share from 0 to 1")
        if self.shuffle is None and self.shuffle_seed:
            self._refuse(f"shuffle_seed={self.shuffle_seed} and nothing to shuffle; add shuffle=8, say")
        if self.size is not None:
            self.check_size(self.size, self.size)
        elif self.shuffle is not None and self.shuffle != "*" and self.shuffle < 1:
            self._refuse(f"shuffle={self.shuffle}; give the side of a block, 1 or more, or * for all values")

    @abstractmethod
    def parts(self, seed: int) -> Parts:
        """List what is there, without decoding anything.

        Args:
            seed: of splits and samples.

        Raises:
            DataError: when what is there cannot be used.
        """

    def listed(self, seed: int) -> Parts:
        """List what is there of the classes, and of the share of the training images, that are to be used.

        Args:
            seed: of splits and samples.

        Raises:
            DataError: when what is there cannot be used, or is less than a training image a class.
        """
        parts = self.parts(seed)
        if self.class_count is not None:
            parts = of_classes(parts, self.class_count, seed)
        if self.keep != 1:
            parts = keeping(parts, self.keep, seed)
        return mislabelled(parts, self.label_noise, seed) if self.label_noise else parts

    @property
    def default_size(self) -> int | None:
        """The size when none is asked for; ``None`` for that of the images."""
        return None

    @property
    def seen(self) -> View:
        """What is done to images once they are decoded; the cache does not know of it."""
        return View(self.turn, self.shuffle, self.shuffle_seed)

    def check_size(self, height: int, width: int) -> None:
        """See that images of this size can be shuffled as asked.

        Raises:
            SpecError: when the blocks do not fill them, naming those that do.
        """
        if self.shuffle is None:
            return
        try:
            check_block(self.shuffle, height, width)
        except UsageError as e:
            self._refuse(f"shuffle={self.shuffle}: {e}")

    @property
    def spec(self) -> str:
        """The string this source is parsed from, with the options that are not at their default, in order."""
        options = []
        for field in sorted(fields(self), key=lambda f: f.name):
            value = getattr(self, field.name)
            if field.name == "extra":
                options += [f"{name}={text}" for name, text in value]
            elif field.name != "place" and value != field.default:
                options.append(f"{field.name}={_text(value)}")
        return f"{self.scheme}:{self.place}" + ("?" + "&".join(options) if options else "")

    @property
    def digest(self) -> str:
        """Hex digest of place and options: of what is asked for, not of what is found there.

        Equal for ``folder:x?val=0.1`` and ``folder:x``, and for a relative path and the absolute one.
        """
        place = str(Path(self.place).expanduser().absolute()) if self.on_disk else self.place
        settings = [
            (f.name, value)
            for f in fields(self)
            if f.name != "place" and not ((value := getattr(self, f.name)) == f.default and f.name in self.later)
        ]
        return hashlib.blake2b(repr((self.scheme, place, settings)).encode(), digest_size=16).hexdigest()

    def _refuse(self, message: str) -> None:
        raise SpecError(f"{self.scheme}:{self.place}", message)


@dataclass(frozen=True)
class SplitSource(Source):
    """A source that may have no test part.

    Attributes:
        test: share (or, from 1 on, number) of all images for the test part where the source has none.
    """

    test: float = 0.2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.test > 0:
            self._refuse(f"test={self.test:g} must be a share between 0 and 1 or a number of images")

    def arranged(
        self,
        name: str,
        classes: Sequence[str],
        listings: Mapping[str, Listing],
        seed: int,
        *,
        notes: tuple[str, ...] = (),
        remarks: tuple[str, ...] = (),
    ) -> Parts:
        """Make three parts of those there are (:func:`~..listing.arrange`), by the options of this source.

        Args:
            name: of the set.
            classes: in label order.
            listings: ``train``, and ``val`` and ``test`` where the source has them.
            seed: of split and sample.
            notes: what the source has to say for the record.
            remarks: what it has to say to the user.
        """
        return arrange(
            name, classes, listings["train"], listings.get("val"), listings.get("test"),
            val_share=self.val, test_share=self.test, samples=self.samples, seed=seed, notes=notes, remarks=remarks,
        )  # fmt: skip


def folder(place: str) -> Path:
    """Return an existing folder.

    Raises:
        DataError: when there is none, naming a sibling that may have been meant.
    """
    path = Path(place).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise DataError(f"{path}: is a file, a folder is expected")
    raise DataError(f"{path}: no such folder{_sibling(path)}")


def file(place: str | Path) -> Path:
    """Return an existing file.

    Raises:
        DataError: when there is none, naming a sibling that may have been meant.
    """
    path = Path(place).expanduser()
    if path.is_file():
        return path
    raise DataError(f"{path}: no such file{_sibling(path)}")


def union(text: str) -> tuple[str, ...]:
    """Take ``real+clipart`` apart.

    >>> union("real+clipart")
    ('real', 'clipart')
    """
    return tuple(part.strip() for part in text.split("+") if part.strip())


def _sibling(path: Path) -> str:
    parent = path.parent
    if not parent.is_dir():
        return f" ({parent} is not there either)"
    if parent == Path(path.anchor):
        return ""  # what lies at the root is the system's
    try:
        return nearest(path.name, (readable(p.name) for p in parent.iterdir()))
    except OSError:
        return ""


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
