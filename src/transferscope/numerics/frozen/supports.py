"""Which images few-shot evaluation sees."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64

from ...errors import UsageError
from ...rng import numpy_generator

__all__ = ["draw_supports", "first_shots"]


def draw_supports(
    labels: Int64[np.ndarray, " n"], classes: int, most: int, draws: int, seed: int = 0
) -> Int64[np.ndarray, "draws classes most"]:
    """Draw images of each class, in a random order; n shots are the first n of them, so that shots are nested.

    They depend on the labels only: the same images serve all modules and networks, so that differences are paired.

    Args:
        labels: of n images.
        classes: how many there are.
        most: images a class.
        draws: how many times.
        seed: of the draws.

    Returns:
        Places of images.

    Raises:
        UsageError: when a class has fewer images, or a number is under 1.

    >>> draw_supports(np.array([0, 1, 0, 1]), 2, 2, 1).shape
    (1, 2, 2)
    """
    if min(most, draws, classes) < 1:
        raise UsageError(f"{draws} draws of {most} images of {classes} classes; give at least 1 of each")
    found = np.empty((draws, classes, most), np.int64)
    for c in range(classes):
        of = np.flatnonzero(labels == c)
        if len(of) < most:
            raise UsageError(f"class {c} has {len(of)} images for {most} shots; ask for fewer shots")
        for d in range(draws):
            found[d, c] = numpy_generator("few-shot", seed, d, c).permutation(of)[:most]
    return found


def first_shots(supports: Int64[np.ndarray, "draws classes most"], shots: int) -> list[Int64[np.ndarray, " m"]]:
    """Return the images of n shots, one array a draw, rising.

    >>> first_shots(np.array([[[3, 1], [0, 2]]]), 1)[0].tolist()
    [0, 3]
    """
    return [np.sort(of[:, :shots].ravel()) for of in supports]
