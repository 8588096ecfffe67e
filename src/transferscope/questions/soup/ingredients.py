"""What goes into a soup: weights that are looked at one after the other, and images that keep apart."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...data.imageset import ImageSet
from ...errors import UsageError
from ...evidence.left_out import LeftOut
from ...evidence.phrases import count
from ...models.solution import Solution, as_solution, letter
from ...params import Params

__all__ = ["Ingredient", "apart", "gathered"]

_STRAY = 0.01
"""A share of held-out images up to which those that are test images, too, are strays and are left out."""


@dataclass(frozen=True, eq=False)
class Ingredient:
    """Weights to go into a soup, read when they are wanted: many need not be in memory together.

    Attributes:
        label: what it is called.
        load: returns the weights.
        start: returns the weights its training started from, head included; ``None`` where not known.
        seed: of its training; ingredients of one seed and source make a soup of their own, by which claims about
            fine-tuned networks are judged. ``None`` where not known, or it was not fine-tuned.
        source: name of what it was fine-tuned from.
    """

    label: str
    load: Callable[[], Params]
    start: Callable[[], Params] | None = None
    seed: int | None = None
    source: str = ""


def gathered(given: Sequence[Ingredient | Solution | Mapping[str, Tensor]]) -> list[Ingredient]:
    """Return ingredients as they are, and weights in memory as ingredients.

    Raises:
        UsageError: for fewer than two, or two of one name.

    >>> [one.label for one in gathered([{}, Solution("mine.pt", {})])]
    ['A', 'mine.pt']
    """
    found = []
    for place, one in enumerate(given):
        if isinstance(one, Ingredient):
            found.append(one)
            continue
        solution = as_solution(one, letter(place))
        found.append(Ingredient(solution.label, lambda solution=solution: solution.params))  # type: ignore[misc]
    if len(found) < 2:
        raise UsageError(f"a soup of {count(len(found), 'ingredient')}; give at least two sets of weights")
    twice = [label for label, n in Counter(one.label for one in found).items() if n > 1]
    if twice:
        raise UsageError(f"two ingredients are called {twice[0]!r}; give each a label of its own")
    return found


def apart(held_out: ImageSet, tests: Mapping[str, ImageSet]) -> tuple[ImageSet, list[LeftOut]]:
    """Return the held-out images without those that are test images, too, told by their pixels.

    A soup is chosen on held-out images, and what is chosen and judged on the same images looks better than it is. A
    few strays, as public sets have them, are left out and named; more are an error.

    Args:
        held_out: images to choose on.
        tests: images to judge on, by name.

    Raises:
        UsageError: when there are no held-out images, or more than 1 % of them are test images.

    >>> pixels, ids = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1), np.array(list("abcd"))
    >>> images = ImageSet(pixels, np.array([0, 1, 0, 1]), ("x", "y"), ids, "mine")
    >>> apart(images.subset([0, 1]), {"test": images.subset([2, 3])})[1]
    []
    >>> apart(images, {"test": images})
    Traceback (most recent call last):
    transferscope.errors.UsageError: 4 of 4 held-out images of mine are test images of test, too (the first: a); a \
soup is chosen on held-out images, so give others
    """
    if not len(held_out):
        raise UsageError(
            f"{held_out.name}: no held-out images to choose a soup on; give a validation part, e.g. ?val=0.2"
        )
    left: list[LeftOut] = []
    mine = _digests(held_out)
    stray = np.zeros(len(mine), bool)
    for name, images in tests.items():
        theirs = set(_digests(images))
        shared = np.array([one in theirs for one in mine])
        if shared.mean() > _STRAY:
            first = held_out.ids[int(shared.argmax())]
            raise UsageError(
                f"{int(shared.sum())} of {len(mine)} held-out images of {held_out.name} are test images of {name}, "
                f"too (the first: {first}); a soup is chosen on held-out images, so give others"
            )
        left += [
            LeftOut(f"the held-out image {held_out.ids[i]}", f"is a test image of {name}, too")
            for i in np.flatnonzero(shared & ~stray)
        ]
        stray |= shared
    return (held_out.subset(~stray) if stray.any() else held_out), left


def _digests(images: ImageSet) -> list[bytes]:
    found = []
    for part in images.chunks(1024):
        found += [
            hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
            for pixels in images.images[part]
        ]
    return found
