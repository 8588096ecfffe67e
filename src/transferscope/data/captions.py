"""A caption for every image: the source's own, or one made of the names of its classes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .imageset import ImageSet

__all__ = ["captions_of", "described"]

_TEMPLATES = ("a picture of {}", "{}", "this is {}", "an image that shows {}")
"""What is said around names; the images of a set take them in turn."""


def captions_of(images: ImageSet) -> list[str]:
    """Return the caption of each image.

    Where the source has none, it is made of the names of the classes that the image has, in one of a few templates:
    such captions say no more than labels do.

    >>> images = ImageSet(np.zeros((2, 4, 4, 3), np.uint8), np.array([0, 1]), ("cat", "big_dog"), np.arange(2))
    >>> captions_of(images)
    ['a picture of cat', 'big dog']
    """
    if images.captions is not None:
        return [str(caption) for caption in images.captions]
    names = [name.replace("_", " ") for name in images.classes]
    return described([_named(label, names) for label in images.labels])


def described(things: Sequence[str]) -> list[str]:
    """Return a caption for each thing, by templates in turn."""
    return [_TEMPLATES[i % len(_TEMPLATES)].format(thing) for i, thing in enumerate(things)]


def _named(label: np.ndarray, names: Sequence[str]) -> str:
    if np.ndim(label) == 0:
        return names[int(label)]
    there = [name for name, known in zip(names, label, strict=True) if known == 1]
    return " and ".join(there) if there else "none of these"
