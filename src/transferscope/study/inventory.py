"""What a spec string finds, before a pixel is decoded: classes, counts, and what the pixels depend on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DataError, SpecError

if TYPE_CHECKING:
    from ..data.pixels import Pixels
    from .image_settings import ImageSettings

__all__ = ["Found", "absolute", "survey"]


@dataclass(frozen=True)
class Found:
    """A set of images as it is listed now.

    Attributes:
        spec: the spec string, with absolute paths.
        classes: class names in label order.
        multilabel: whether an image may have several labels or none.
        train: number of training images.
        val: number of validation images.
        test: number of test images.
        identity: digest of what pixels and labels depend on: another one when files were changed since.
        remarks: what was left out or renamed, and what is not as it seems, a sentence each.
        captioned: whether the source says in words what the training images show; ``identity`` covers that, too.
        first: height and width of the first image as it lies there, where that was looked at and there is one.
    """

    spec: str
    classes: tuple[str, ...]
    multilabel: bool
    train: int
    val: int
    test: int
    identity: str
    remarks: tuple[str, ...] = ()
    captioned: bool = False
    first: tuple[int, int] | None = None

    def enlarged(self, size: int) -> str:
        """Say that the images would be enlarged to a size that nobody has asked for; empty where they would not."""
        if self.first is None or max(self.first) >= size:
            return ""
        height, width = self.first
        return (
            f"images of {height}×{width} pixels are enlarged to {size}×{size}, what the network was designed for or, "
            f"where it does not say, the usual; --size {max(self.first)} keeps them"
        )


def absolute(spec: str, base: Path, where: str) -> str:
    """Return a spec string with its paths made absolute.

    Args:
        spec: as written.
        base: where relative paths start.
        where: place in the study, for errors.

    Raises:
        SpecError: an unknown scheme, option or value.

    >>> absolute("folder:birds?val=0.2", Path("/data"), "targets.birds.data")
    'folder:/data/birds?val=0.2'
    """
    from ..data.names import is_readable, quoted
    from ..data.spec import parse

    if not is_readable(spec):
        raise SpecError(
            where, f"{quoted(spec)} is no UTF-8; rename the folder, or give a link to it that has a name in UTF-8"
        )
    try:
        return parse(spec, base.absolute()).spec
    except SpecError as e:
        raise SpecError(where, str(e)) from e


def survey(spec: str, settings: ImageSettings, samples: int | None, where: str, *, look: bool = False) -> Found:
    """List what a spec string finds.

    Args:
        spec: with absolute paths.
        settings: how images are prepared.
        samples: how many images of each part to use at most, in place of the number in the spec string, which counts
            before the settings' one.
        where: place in the study, for errors.
        look: whether to open the first image, to see its size.

    Raises:
        SpecError: what cannot be used: a missing folder, an empty class, a single class, another size or number of
            channels in the spec string than the settings have.
    """
    from dataclasses import replace

    from ..data.spec import parse

    try:
        source = parse(spec)
        if source.size is not None and settings.size is not None:
            _same(spec, "size", source.size, settings.size)
        if source.channels != 3:  # which is what a string says that says nothing
            _same(spec, "channels", source.channels, settings.channels)
        count = next((n for n in (samples, source.samples, settings.samples) if n is not None), None)
        if count is not None:
            source = replace(source, samples=count)
        if settings.size is not None:
            source.check_size(settings.size, settings.size)
        parts = source.listed(settings.seed)
    except (SpecError, DataError) as e:
        raise SpecError(where, str(e)) from e
    return Found(
        source.spec,
        parts.classes,
        parts.train.labels.ndim == 2,
        len(parts.train),
        len(parts.val),
        len(parts.test),
        parts.identity(captions=not source.drawn),
        parts.remarks,
        parts.train.captions is not None,
        _first(parts.train.pixels) if look and not source.drawn else None,  # pictures are drawn in any size
    )


def _first(pixels: Pixels) -> tuple[int, int] | None:
    try:
        return pixels.size()
    except (DataError, OSError, ValueError):  # whoever reads it says what is wrong with it
        return None


def _same(spec: str, option: str, own: int, of_all: int) -> None:
    """Refuse an option of a spec string that the images of a study have in common and have otherwise."""
    if own != of_all:
        raise SpecError(
            spec,
            f"{option}={own}, and all images here have {option} {of_all}, which images.{option} in a study and "
            f"--{option} of a command would change; leave it out of the data string",
        )
