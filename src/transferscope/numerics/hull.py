"""The upper convex hull of accuracies: the best downstream accuracy that mixtures of models reach."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError

__all__ = ["UpperHull", "chain", "upper_hull"]

_ROUNDING = 1e-15
"""Turns that are smaller than this share of the two products are rounding: the point lies on the edge."""


@dataclass(frozen=True, eq=False)
class UpperHull:
    """The upper chain of the convex hull of points in the plane, from left to right.

    Attributes:
        index: which of the given points are its vertices, by rising x; of equal points the first.
        x: their x, strictly rising.
        y: their y; a concave chain.
        peak: place of the highest vertex; of equal heights the leftmost.
    """

    index: NDArray[np.int64]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    peak: int

    @property
    def tail(self) -> int:
        """Vertices after the highest: a larger x with a smaller y, reachable but never wanted."""
        return len(self.x) - 1 - self.peak

    def rising(self) -> UpperHull:
        """Return the part up to the highest vertex, which is all that a rising law can follow.

        >>> hull = upper_hull([0.0, 0.5, 1.0], [0.0, 1.0, 0.5])
        >>> hull.tail, hull.rising().index.tolist(), hull.rising().tail
        (1, [0, 1], 0)
        """
        end = self.peak + 1
        return UpperHull(self.index[:end], self.x[:end], self.y[:end], self.peak)

    def height(self, at: ArrayLike | float) -> NDArray[np.float64]:
        """Return the height of the chain at each x, nan outside of it.

        It is the expected y of a mixture of two neighbouring vertices, drawn so that its expected x is ``at``.

        >>> upper_hull([0.0, 1.0], [0.25, 0.75]).height([0.25, 2.0]).tolist()
        [0.375, nan]
        """
        return np.asarray(np.interp(np.asarray(at, dtype=np.float64), self.x, self.y, left=np.nan, right=np.nan))

    def area(self, low: float, high: float) -> float:
        """Return the mean height between two x inside the chain.

        >>> upper_hull([0.0, 1.0], [0.25, 0.75]).area(0.0, 0.5)
        0.375
        """
        if not self.x[0] <= low < high <= self.x[-1]:
            raise UsageError(
                f"mean height from {low} to {high}; the hull goes from {self.x[0]:.6g} to {self.x[-1]:.6g}"
            )
        inside = self.x[(self.x > low) & (self.x < high)]
        at = np.concatenate(([low], inside, [high]))
        return float(np.trapezoid(self.height(at), at) / (high - low))


def upper_hull(x: ArrayLike, y: ArrayLike) -> UpperHull:
    """Return the upper convex hull, in the axes as given.

    With accuracies on both axes every point of the hull is reached by drawing one of two models at random for each
    input (Abnar et al. 2022, lemma on mixtures). That holds of plain accuracies only: a logarithm or a logit of them
    does not mix, so a hull is always made first and transformed afterwards.

    Andrew's monotone chain: points by rising x, and the last vertex is dropped while the turn at it is not to the
    right. Points on an edge are no vertices.

    Args:
        x: first coordinate, such as upstream accuracy.
        y: second coordinate, such as downstream accuracy, as many.

    Raises:
        UsageError: when there are no points, as many of one as of the other are not given, or one is not finite.

    >>> upper_hull([0.2, 0.4, 0.4, 0.6, 0.8], [0.1, 0.5, 0.3, 0.55, 0.6]).index.tolist()
    [0, 1, 4]
    """
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(a) != len(b):
        raise UsageError(f"a hull of {len(a)} and {len(b)} numbers; give as many of one as of the other")
    if not len(a):
        raise UsageError("a hull of no points; give at least one")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise UsageError("a hull of numbers that are not finite; leave them out first")
    order = np.lexsort((np.arange(len(a)), -b, a))
    chosen = np.array(chain(a[order].tolist(), b[order].tolist()), dtype=np.int64)
    index = order[chosen].astype(np.int64)
    return UpperHull(index, a[index], b[index], int(np.argmax(b[index])))


def chain(x: list[float], y: list[float]) -> list[int]:
    """Return the vertices of the upper hull of points in order of x, and of falling y where x is the same.

    Plain floats, because a thousand resamples of a hundred points call it as often.
    """
    kept: list[int] = []
    for i in range(len(x)):
        px, py = x[i], y[i]
        if kept and x[kept[-1]] == px:
            continue  # the first of an x is the highest
        while len(kept) > 1:
            j, k = kept[-1], kept[-2]
            up, across = (x[j] - x[k]) * (py - y[k]), (y[j] - y[k]) * (px - x[k])
            if up - across < -_ROUNDING * (abs(up) + abs(across)):
                break
            kept.pop()
        kept.append(i)
    return kept
