"""Images that need no download: drawn objects in domains ever further from a source of photographs.

`source` and `photo` are photographs of different objects; `clipart` and `quickdraw` show the objects of
`photo` in another style; `xray` shares neither objects nor style and has several labels a picture. Every
picture is made from a seed by arithmetic alone, and nothing here knows what a network finds hard.

Example:
    >>> images, labels = render("photo", 3, 32, seed=0)
    >>> images.shape, labels.shape
    ((3, 32, 32, 3), (3,))
    >>> all(classes("photo")[k] in classes("quickdraw") for k in labels)
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
import numpy.typing as npt

from transferscope.data.synthetic import _draws, _others, _things, _xray
from transferscope.data.synthetic._clipart import ClipartStyle
from transferscope.data.synthetic._palette import draw_hues
from transferscope.data.synthetic._photo import PhotoStyle
from transferscope.data.synthetic._quickdraw import SketchStyle
from transferscope.errors import DataError, nearest
from transferscope.rng import numpy_generator
from transferscope.runtime import cores

__all__ = ["DOMAINS", "classes", "render"]

DOMAINS: tuple[str, ...] = ("source", "photo", "clipart", "quickdraw", "xray")

_CHUNK = 128  # images drawn from one stream; changing it changes every picture
_BLOCK = 2**17  # pixels worked on at once: small enough for the caches, large enough for NumPy

Labelling = Literal["object", "colour"]
Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64] | npt.NDArray[np.uint8]


def classes(domain: str, *, labels: Labelling = "object") -> tuple[str, ...]:
    """Name the classes of a domain, in the order of its labels.

    Args:
        domain: One of `DOMAINS`.
        labels: Whether the labels are objects (in `xray`, findings) or colours.

    Returns:
        The names.

    Raises:
        DataError: The domain is unknown or has no such labels.

    >>> len(classes("photo")), len(classes("source")), len(classes("xray"))
    (12, 16, 5)
    >>> classes("photo") == classes("clipart") == classes("quickdraw")
    True
    >>> classes("clipart", labels="colour")[:3]
    ('red', 'orange', 'yellow')
    """
    _check(domain, labels)
    if labels == "colour":
        return tuple(_draws.HUES)
    return tuple(_xray.PREVALENCE) if domain == "xray" else tuple(_shapes(domain))


def render(
    domain: str,
    count: int,
    size: int,
    seed: int,
    *,
    labels: Labelling = "object",
    imbalance: float = 0.0,
    threads: int | None = None,
) -> tuple[Images, Labels]:
    """Draw images and their labels.

    Image i depends on domain, seed and size alone, not on `count` or `threads`; at another size it is the
    same scene, finer or coarser. The object, the colour and everything else about a picture are independent.

    Args:
        domain: One of `DOMAINS`.
        count: How many images.
        size: Height and width in pixels, at least 8.
        seed: Names the stream; train and test sets take different seeds.
        labels: Label pictures by the object or by the colour of its main part.
        imbalance: 0 for classes of equal probability; else class k of K has probability
            ∝ (1 − imbalance)^(k/(K−1)), so that 0.9 makes the first class ten times the last.
        threads: How many to use; all processors when not given.

    Returns:
        uint8 images (count, size, size, 3), and labels: int64 (count,), or for `xray` uint8 (count, 5)
        with a 1 for every finding.

    Raises:
        DataError: An argument that cannot be right.

    >>> few, many = render("clipart", 2, 16, seed=7)[0], render("clipart", 70, 16, seed=7)[0]
    >>> bool((few == many[:2]).all())
    True
    """
    _check(domain, labels)
    if count < 0:
        raise DataError(f"synthetic: count is {count}, must be at least 0")
    if size < 8:
        raise DataError(f"synthetic: size is {size}, must be at least 8 pixels")
    if not 0.0 <= imbalance < 1.0:
        raise DataError(f"synthetic: imbalance is {imbalance}, must be at least 0 and below 1")
    if imbalance and (domain == "xray" or labels == "colour"):
        raise DataError(f"synthetic:{domain}: imbalance is for object labels only")
    images = np.empty((count, size, size, 3), np.uint8)
    several = (count, len(_xray.PREVALENCE))
    answers: Labels = np.empty(several, np.uint8) if domain == "xray" else np.empty(count, np.int64)

    def chunk(number: int) -> None:
        first = number * _CHUNK
        out = images[first : first + _CHUNK]
        drawn = _chunk(domain, seed, number, size, imbalance, labels, out)
        answers[first : first + _CHUNK] = drawn[: len(out)]

    chunks = range(-(-count // _CHUNK))
    workers = min(len(chunks), threads or cores())
    if workers <= 1:
        for number in chunks:
            chunk(number)
    else:
        with ThreadPoolExecutor(workers) as pool:
            for _ in pool.map(chunk, chunks):
                pass
    return images, answers


def _check(domain: str, labels: str) -> None:
    if domain not in DOMAINS:
        raise DataError(f"synthetic: unknown domain {domain!r}{nearest(domain, DOMAINS)}")
    if labels not in ("object", "colour"):
        raise DataError(f"synthetic: unknown labels {labels!r}{nearest(labels, ('object', 'colour'))}")
    if labels == "colour" and domain in ("quickdraw", "xray"):
        raise DataError(f"synthetic:{domain}: no colour labels, its images are grey")


def _shapes(domain: str) -> dict[str, _things.Shape]:
    return _others.SHAPES if domain == "source" else _things.SHAPES


def _chunk(
    domain: str, seed: int, number: int, size: int, imbalance: float, labels: Labelling, out: Images
) -> Labels:
    """Draw a chunk's pictures into `out`, as many as it holds, and return all the chunk's labels."""
    rng = numpy_generator("synthetic", domain, seed, number)
    if domain == "xray":
        found = _xray.draw_findings(rng, _CHUNK)
        _paint(_xray.XrayStyle(rng, found, size), np.zeros(_CHUNK, np.int64), size, out)
        return found
    shapes = tuple(_shapes(domain).values())
    share = np.cumsum((1.0 - imbalance) ** (np.arange(len(shapes)) / (len(shapes) - 1)))
    objects = np.searchsorted(share, rng.random(_CHUNK) * share[-1], side="right")
    colours, hue = draw_hues(rng, _CHUNK)
    style: PhotoStyle | ClipartStyle | SketchStyle
    if domain == "clipart":
        style = ClipartStyle(rng, hue, size, shapes)
    elif domain == "quickdraw":
        style = SketchStyle(rng, _CHUNK, size, shapes)
    else:
        style = PhotoStyle(rng, hue, size, shapes)
    _paint(style, objects, size, out)
    return objects if labels == "object" else colours


def _paint(
    style: PhotoStyle | ClipartStyle | SketchStyle | _xray.XrayStyle,
    objects: npt.NDArray[np.int64],
    size: int,
    out: Images,
) -> None:
    for block in _blocks(size):
        if block.start >= len(out):
            return
        which = block.start + np.argsort(objects[block], kind="stable")
        pixels = _draws.as_pixels(style.pixels(which, objects[which]))
        wanted = which < len(out)
        out[which[wanted]] = pixels[wanted]


def _blocks(size: int) -> Iterator[slice]:
    """Cut a chunk into runs of images drawn together; how depends on the size alone, as do the last bits."""
    length = max(1, min(_CHUNK, _BLOCK // (size * size)))
    return (slice(a, min(a + length, _CHUNK)) for a in range(0, _CHUNK, length))
