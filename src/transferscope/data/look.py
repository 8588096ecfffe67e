"""What decoded images look like: the same picture in two parts, and pictures that show next to nothing.

Some rows of each image are read once; where these say something, the whole image is looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import combinations
from typing import NamedTuple

import numpy as np
from PIL import Image

from .cache import Prepared
from .listing import Listing
from .mapped import Reader
from .names import quoted, several
from .pixels import FilePixels

__all__ = ["NEXT_TO_NOTHING", "equal_across", "looked_at", "next_to_nothing"]

NEXT_TO_NOTHING = 16
"""Images whose pixels all lie within fewer of the 256 levels than this show next to nothing: what is left of 12-bit
values when the upper byte of 16 bits is kept."""

_ROWS = 16
_CHUNK = 512


def looked_at(listings: Mapping[str, Listing], prepared: Mapping[str, Prepared]) -> tuple[str, ...]:
    """Say what looks wrong of the images of all parts.

    Args:
        listings: part → where its images came from.
        prepared: part → its decoded images.
    """
    images = {part: of.images for part, of in prepared.items() if len(of.images)}
    ids = {part: listings[part].ids[prepared[part].kept] for part in images}
    glances = {part: _glance(of) for part, of in images.items()}
    said = list(_said_of_equal(_equal(images, {part: g.keys for part, g in glances.items()}), images, ids))
    labels = {part: listings[part].labels[prepared[part].kept] for part in images}
    if all(of.ndim == 1 for of in labels.values()):
        said += _said_of_conflicts(images, glances, labels, ids)
    pale = [(part, int(i)) for part, of in images.items() for i in _pale(of, glances[part].pale)]
    if pale:
        part, i = pale[0]
        shown = several((quoted(str(ids[p][k])) for p, k in pale), 3)
        said.append(
            f"{len(pale)} of {sum(map(len, images.values()))} images show next to nothing, all their pixels within "
            f"{NEXT_TO_NOTHING} of 256 levels: {shown}"
            f"{_range(listings[part], int(prepared[part].kept[i]), images[part][i])}"
        )
    return tuple(said)


def next_to_nothing(images: np.ndarray) -> np.ndarray:
    """Return the positions of images whose pixels lie within :data:`NEXT_TO_NOTHING` levels.

    Args:
        images: uint8 ``(n, h, w, c)``.

    >>> flat = np.full((3, 4, 4, 1), 7, np.uint8)
    >>> flat[1, 0, 0] = 200
    >>> next_to_nothing(flat).tolist()
    [0, 2]
    """
    return _pale(images, _glance(images).pale)


def equal_across(images: Mapping[str, np.ndarray]) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Return which images of one part are, pixel by pixel, those of an earlier part.

    Args:
        images: part → uint8 ``(n, h, w, c)``.

    Returns:
        (earlier part, later part) → positions (earlier, later), each later image once.

    >>> a = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4, 1)
    >>> equal_across({"train": a, "test": a[1:]})
    {('train', 'test'): [(1, 0)]}
    """
    return _equal(images, {part: _glance(of).keys for part, of in images.items()})


class _Glance(NamedTuple):
    """Some rows of each image.

    Attributes:
        keys: int64 ``(n,)``, equal for equal images, seldom for others.
        pale: positions of images that may show next to nothing.
    """

    keys: np.ndarray
    pale: np.ndarray


def _glance(images: np.ndarray) -> _Glance:
    step, reader = max(1, images.shape[1] // _ROWS), Reader(images)
    keys = np.empty(len(images), np.int64)
    pale = []
    for start in range(0, len(images), _CHUNK):
        rows = np.ascontiguousarray(images[start : start + _CHUNK, ::step])
        flat = rows.reshape(len(rows), -1)
        keys[start : start + len(rows)] = [hash(row.tobytes()) for row in flat]
        pale.append(np.flatnonzero(flat.max(1) - flat.min(1) < NEXT_TO_NOTHING) + start)
        reader.has_read(rows.nbytes * step)
    return _Glance(keys, np.concatenate(pale) if pale else np.empty(0, np.int64))


def _pale(images: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    found = [i for i in candidates if int(images[i].max()) - int(images[i].min()) < NEXT_TO_NOTHING]
    return np.array(found, np.int64)


def _equal(
    images: Mapping[str, np.ndarray], keys: Mapping[str, np.ndarray]
) -> dict[tuple[str, str], list[tuple[int, int]]]:
    whole = {part: _Whole(of) for part, of in images.items()}
    found = {}
    for one, two in combinations(images, 2):
        first = np.flatnonzero(np.isin(keys[one], keys[two]))
        second = np.flatnonzero(np.isin(keys[two], keys[one]))
        where = {whole[one][int(i)]: int(i) for i in first[::-1]}
        pairs = [(where[c], int(j)) for j in second if (c := whole[two][int(j)]) in where]
        if pairs:
            found[one, two] = pairs
    return found


class _Whole(dict[int, bytes]):
    """Digests of whole images, made when they are asked for."""

    def __init__(self, images: np.ndarray) -> None:
        super().__init__()
        self._images = images

    def __missing__(self, i: int) -> bytes:
        self[i] = blake2b(np.ascontiguousarray(self._images[i]).data, digest_size=16).digest()
        return self[i]


def _said_of_equal(
    equal: Mapping[tuple[str, str], list[tuple[int, int]]],
    images: Mapping[str, np.ndarray],
    ids: Mapping[str, np.ndarray],
) -> Iterator[str]:
    for (one, two), pairs in equal.items():
        shown = several((f"{quoted(str(ids[two][j]))} is {quoted(str(ids[one][i]))}" for i, j in pairs), 3)
        yield f"{len(pairs)} of {len(images[two])} {two} images are, pixel by pixel, {one} images, too: {shown}"


def _said_of_conflicts(
    images: Mapping[str, np.ndarray],
    glances: Mapping[str, _Glance],
    labels: Mapping[str, np.ndarray],
    ids: Mapping[str, np.ndarray],
) -> Iterator[str]:
    """Say which pictures stand under two classes."""
    places = [(part, i) for part, of in images.items() for i in range(len(of))]
    keys = np.concatenate([glances[part].keys for part in images])
    classes = np.concatenate([labels[part] for part in images])
    _, group = np.unique(keys, return_inverse=True)
    least, most = np.full(len(keys), np.iinfo(np.int64).max), np.full(len(keys), -1)
    np.minimum.at(least, group, classes)
    np.maximum.at(most, group, classes)
    whole = {part: _Whole(of) for part, of in images.items()}
    same: dict[bytes, list[int]] = {}
    for at in np.flatnonzero(least[group] < most[group]):
        part, i = places[at]
        same.setdefault(whole[part][i], []).append(int(at))
    torn = [of for of in same.values() if len({int(classes[at]) for at in of}) > 1]
    if torn:
        pairs = [(of[0], next(at for at in of if classes[at] != classes[of[0]])) for of in torn]
        named = [[quoted(str(ids[part][i])) for part, i in (places[a], places[b])] for a, b in pairs]
        shown = several((f"{one} is {two}" for one, two in named), 3)
        yield f"{sum(map(len, torn))} images are, pixel by pixel, images of another class, too: {shown}"


def _range(listing: Listing, position: int, seen: np.ndarray) -> str:
    """Say what values a file has, where these are not the ones that are seen."""
    here = f"; the first has values from {seen.min()} to {seen.max()}"
    if not isinstance(listing.pixels, FilePixels):
        return here
    try:
        with Image.open(listing.pixels.label_of(position)) as image:
            values = np.asarray(image)
    except Exception:  # it could be decoded before; whatever it is now, this is only a word more
        return here
    if values.dtype.itemsize == 1:
        return here
    return (
        f"{here}, in its file from {values.min()} to {values.max()} of {8 * values.dtype.itemsize} bits, of which "
        "the upper 8 of 16 are kept; stretch them to the whole range before"
    )
