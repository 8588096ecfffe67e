"""One image file to the pixels that are kept: upright, 8-bit, grey or RGB, of one size.

What happens to an image, in this order: it is turned as its EXIF orientation says; 16-bit grey keeps its upper byte;
transparency is laid over white; palettes, CMYK and the like become grey or RGB; and it is resized with PIL's
antialiased bilinear filter. ``fit="crop"`` (the default) keeps the aspect ratio, shorter side to the size, and cuts
the middle out; ``fit="stretch"`` resizes height and width to the size, whatever they were.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import DataError

__all__ = ["Block", "Failure", "Fit", "Form", "decode", "decode_files", "decode_many", "upright_size"]

Fit = Literal["crop", "stretch"]

_DRAFT_GAP = 2
"""A JPEG may be decoded at a half, quarter or eighth as long as it stays this many times larger than needed."""

_REDUCING_GAP = 3.0
"""PIL: "with reducing_gap ≥ 3 the result is almost indistinguishable from fair resampling"."""


@dataclass(frozen=True)
class Form:
    """What every image is brought to.

    Attributes:
        height: in pixels.
        width: in pixels.
        channels: 1 (grey) or 3 (RGB).
        fit: ``"crop"`` or ``"stretch"``, how another aspect ratio is dealt with.
        exact: images of another size are reported instead of resized.
    """

    height: int
    width: int
    channels: int = 3
    fit: Fit = "crop"
    exact: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    @property
    def mode(self) -> str:
        """PIL's name for the pixels."""
        return "RGB" if self.channels == 3 else "L"

    @property
    def nbytes(self) -> int:
        """Bytes an image."""
        return self.height * self.width * self.channels


class Failure(NamedTuple):
    """An image that could not be brought into its form.

    Attributes:
        position: its place in the block (or in the listing).
        reason: why, in words.
        kind: ``"broken"`` (the file is no good or not there), ``"access"`` (it could not be had, and next time it
            may), or ``"size"`` (another size than was promised).
    """

    position: int
    reason: str
    kind: Literal["broken", "access", "size"] = "broken"


class Block(NamedTuple):
    """Consecutive images of a listing; those that failed are black.

    Attributes:
        images: uint8 ``(b, h, w, c)``.
        failures: with positions in the block.
    """

    images: np.ndarray
    failures: list[Failure]


class _OtherSizeError(Exception):
    """An image whose size is not the one promised."""


def decode(image: Image.Image, form: Form) -> Image.Image:
    """Bring one opened image into its form (module docstring).

    Args:
        image: as ``PIL.Image.open`` returns it, not necessarily loaded.
        form: size, channels and fit.

    Returns:
        An image of mode ``L`` or ``RGB`` and of the form's size.

    Raises:
        OSError: (or whatever PIL raises) when the bytes are no good.

    >>> decode(Image.new("RGBA", (6, 4), (0, 0, 0, 0)), Form(2, 2)).getpixel((0, 0))  # nothing, over white
    (255, 255, 255)
    """
    if form.exact and _upright(image) != (form.width, form.height):
        width, height = _upright(image)
        raise _OtherSizeError(f"{height}×{width}")
    image.draft(None, (_DRAFT_GAP * form.width, _DRAFT_GAP * form.height))
    image.load()
    if "exif" in image.info:
        image = ImageOps.exif_transpose(image)
    image = _eight_bit(image, form.mode)
    if image.size != (form.width, form.height):
        image = image.resize(
            (form.width, form.height), Image.Resampling.BILINEAR, _box(image.size, form), reducing_gap=_REDUCING_GAP
        )
    return image if image.mode == form.mode else image.convert(form.mode)


def decode_many(open_one: Callable[[int], Image.Image], count: int, form: Form) -> Block:
    """Bring ``count`` images into one array; what fails is reported, not raised.

    Args:
        open_one: returns the image at a position; called once for each.
        count: how many.
        form: size, channels and fit.
    """
    # One tall canvas for the block: leaving PIL once a block is cheaper than once an image.
    canvas = Image.new(form.mode, (form.width, form.height * count))
    failures = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PIL warns about metadata that does not matter here
        for i in range(count):
            try:
                with open_one(i) as image:
                    canvas.paste(decode(image, form), (0, i * form.height))
            except MemoryError:
                raise
            except Exception as e:  # PIL's plugins raise nearly anything on broken bytes
                failures.append(_failure(i, e))
    return Block(np.asarray(canvas).reshape(count, *form.shape), failures)


def decode_files(paths: Sequence[str], form: Form) -> Block:
    """Bring image files into one array; what fails is reported, not raised."""
    images, failures = decode_many(lambda i: Image.open(paths[i]), len(paths), form)
    return Block(images, [f._replace(reason="empty file") if _is_empty(paths[f.position]) else f for f in failures])


def upright_size(open_one: Callable[[int], Image.Image], count: int) -> tuple[int, int]:
    """Return height and width of the first image that can be opened, as it is seen upright.

    Raises:
        DataError: when none of them can.
    """
    for i in range(count):
        try:
            with open_one(i) as image:
                width, height = _upright(image)
            return height, width
        except Exception:  # it is reported when it is decoded
            continue
    raise DataError(f"none of the {count} images can be opened")


def _upright(image: Image.Image) -> tuple[int, int]:
    turned = "exif" in image.info and image.getexif().get(0x0112, 1) >= 5
    return (image.height, image.width) if turned else image.size


def _eight_bit(image: Image.Image, mode: str) -> Image.Image:
    """To ``L`` or ``RGB``; grey stays ``L`` until it is resized, which costs a third."""
    if image.mode.startswith("I"):  # 16-bit grey, whatever its byte order; PIL would clip it at 255
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"32-bit pixels from {values.min()} to {values.max()}; save it with 8 or 16 bits")
        return Image.fromarray((values >> 8).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("floating-point pixels, whose range is not known; save it with 8 or 16 bits")
    if image.has_transparency_data:
        seen = image.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, seen).convert("RGB")
    if image.mode == "L" or (image.mode == "RGB" and mode == "RGB"):
        return image
    return image.convert("L" if mode == "L" or image.mode == "1" else "RGB")


def _box(size: tuple[int, int], form: Form) -> tuple[float, float, float, float]:
    """The part of an image that is kept: all, or the largest centred one of the form's aspect ratio."""
    width, height = size
    if form.fit == "stretch":
        return (0, 0, width, height)
    scale = min(width / form.width, height / form.height)
    left, top = (width - scale * form.width) / 2, (height - scale * form.height) / 2
    return (max(left, 0.0), max(top, 0.0), min(width - left, width), min(height - top, height))


def _is_empty(path: str) -> bool:
    try:
        return Path(path).stat().st_size == 0
    except OSError:
        return False


def _failure(position: int, error: Exception) -> Failure:
    if isinstance(error, _OtherSizeError):
        return Failure(position, str(error), "size")
    if isinstance(error, FileNotFoundError):
        return Failure(position, "no such file")
    if isinstance(error, OSError) and error.errno is not None:
        return Failure(position, (error.strerror or str(error)).lower(), "access")
    if isinstance(error, UnidentifiedImageError):
        return Failure(position, "not an image")
    reason = " ".join(str(error).split()) or type(error).__name__
    return Failure(position, reason)
