"""Which images of a source to take: at random, as even over classes or clusters as can be, by difficulty."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .diversity import effective_classes, vendi
from .equal_shares import equal_shares

__all__ = ["Seen", "clusters_of", "described", "drawn", "small"]

_SIDE = 8
"""Side of the versions of images that pixels are compared by."""

_MOST = 1000
"""Images that a Vendi score is of, so that scores of samples of any size can be compared."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a network that was trained on random images makes of all training images.

    Attributes:
        features: ``(n, d)`` what its final layer is given.
        losses: ``(n,)`` of its final layer.
        wrong: ``(n,)`` bool, whether that is wrong.
    """

    features: NDArray[np.floating]
    losses: NDArray[np.floating]
    wrong: NDArray[np.bool_]


def drawn(
    how: str,
    total: int,
    labels: NDArray[np.integer],
    rng: np.random.Generator,
    *,
    seen: Seen | None = None,
    groups: NDArray[np.integer] | None = None,
) -> NDArray[np.int64]:
    """Return the places of a sample, in the order in which images would be taken.

    ``random``; ``class``: as many of each class as can be had; ``cluster``: of each group, given ``groups``;
    ``easiest`` and ``hardest``: the least and the largest losses; ``probe``: images that the network gets wrong, at
    random, and then others. Ties and draws are at random.

    Args:
        how: one of these.
        total: how many.
        labels: int ``(n,)``, or ``(n, k)`` where images have several.
        rng: of the draw.
        seen: what a network makes of the images; for ``easiest``, ``hardest`` and ``probe``.
        groups: ``(n,)`` for ``cluster``.

    Raises:
        UsageError: for another way, or without what it takes.

    >>> seen = Seen(np.zeros((4, 1)), np.array([0.1, 3.0, 0.2, 2.0]), np.array([False, True, False, True]))
    >>> labels, rng = np.array([0, 0, 1, 1]), np.random.default_rng(0)
    >>> drawn("hardest", 3, labels, rng, seen=seen).tolist()
    [1, 3, 2]
    >>> sorted(drawn("probe", 2, labels, rng, seen=seen).tolist())
    [1, 3]
    """
    n = len(labels)
    if not 0 < total <= n:
        raise UsageError(f"a sample of {total} of {n} images")
    if how in ("easiest", "hardest", "probe") and seen is None:
        raise UsageError(f"{how}: takes what a network makes of the images")
    order = rng.permutation(n)
    if how == "random":
        return order[:total]
    if how in ("class", "cluster"):
        of = groups if how == "cluster" else labels
        if of is None or of.ndim != 1:
            raise UsageError(f"{how}: takes one group an image; images with several labels have none")
        return rng.permutation(equal_shares(of, total, rng))
    if seen is not None:
        values = {"easiest": seen.losses, "hardest": -seen.losses, "probe": ~seen.wrong}
        if how in values:
            return order[np.argsort(values[how][order], kind="stable")][:total]
    raise UsageError(f"there is no sample {how!r}")


def clusters_of(features: NDArray[np.floating], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the cluster of each image by k-means on standardised features (k-means++ at the start, Lloyd's steps).

    Args:
        features: ``(n, d)``.
        count: clusters; some may stay empty.
        rng: of the start.

    Raises:
        UsageError: for features that are not finite, or more clusters than images.

    >>> x = np.array([[0.0], [0.1], [5.0], [5.1]])
    >>> found = clusters_of(x, 2, np.random.default_rng(0))
    >>> bool(found[0] == found[1] != found[2] == found[3])
    True
    """
    x = np.asarray(features, np.float64)
    if x.ndim != 2 or not np.isfinite(x).all() or not 1 <= count <= len(x):
        raise UsageError(f"{count} clusters of features {x.shape}; expected finite (n, d) and no more than n")
    x = x - x.mean(0)
    spread = x.std(0)
    x = x / np.where(spread > 0, spread, 1.0)
    from scipy.cluster.vq import kmeans2

    _, found = kmeans2(x, count, iter=50, minit="++", missing="warn", rng=rng)
    return np.asarray(found, np.int64)


def small(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return small versions of images as rows, ``(n, 8·8·c)``: means of cells of (nearly) equal size.

    Args:
        images: ``(n, h, w, c)``, of 8 pixels a side or more.

    >>> small(np.full((2, 16, 16, 1), 7, np.uint8)).shape
    (2, 64)
    """
    rows, columns = (np.linspace(0, side, _SIDE + 1).astype(int) for side in images.shape[1:3])
    bands = [images[:, top:end].sum(1, dtype=np.float64) for top, end in pairwise(rows)]  # no copy of all in float64
    x = np.stack(bands, axis=1) / np.diff(rows)[:, None, None]
    x = np.add.reduceat(x, columns[:-1], axis=2) / np.diff(columns)[:, None]
    return x.reshape(len(images), -1)


def described(
    pixels: NDArray[np.floating], labels: NDArray[np.integer], chosen: NDArray[np.integer], rng: np.random.Generator
) -> dict[str, float]:
    """Return how many and how different images were chosen.

    The Vendi score is of at most 1,000 of them, by cosines of small versions of the images less the mean of all
    training images: no network has a say in it.

    Args:
        pixels: ``(n, d)`` small versions of all training images (:func:`small`).
        labels: of all of them.
        chosen: places of the sample.
        rng: of the 1,000.

    Returns:
        ``images``, ``effective classes`` (where images have one label each) and ``Vendi score``.
    """
    some = chosen if len(chosen) <= _MOST else rng.permutation(chosen)[:_MOST]
    x = (pixels - pixels.mean(0))[some]
    x = x[np.linalg.norm(x, axis=1) > 0]
    found = {"images": float(len(chosen))}
    if labels.ndim == 1:
        found["effective classes"] = effective_classes(labels[chosen])
    return found | ({"Vendi score": vendi(x)} if len(x) else {})
