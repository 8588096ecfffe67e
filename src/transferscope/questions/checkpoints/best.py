"""The best checkpoint between first and last: chosen by other networks on other images than it is judged on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...evidence.crossfit import cross_fitted
from ...evidence.estimate import Estimate, quantile
from ...evidence.images import averaged
from ...evidence.sampling import Part, estimated
from ...evidence.trend import scatter
from .._counted import Series

__all__ = ["Best", "best_between"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Best:
    """The best checkpoint between the first and the last.

    Attributes:
        place: where it is among all checkpoints, chosen by all seeds.
        over_first: by how much it is better than the first.
        over_last: by how much it is better than the last.
        validated: whether it was chosen on validation images; else on one half of the test images at a time.
    """

    place: int
    over_first: Estimate
    over_last: Estimate
    validated: bool


def best_between(of: Series, val: Series | None) -> Best | None:
    """Return by how much the best checkpoint between the first and the last beats both.

    The best of several looks better than it is where it was chosen. So for each seed it is chosen by the mean of the
    other seeds, which share no network with it, on validation images; without these on one half of the test images,
    and measured on the other. The differences are one number a seed. What seeds do share is the luck of a checkpoint
    (see :func:`~transferscope.questions.checkpoints.trends.trend`), by which the best one of several is chosen:
    its variance s², about a parabola through the means over seeds with k − 3 degrees of freedom, enters twice, as of
    two checkpoints, and at the quantile of k − 2 comparisons instead of one.

    Args:
        of: the test metric of runs of one seed from all checkpoints in a row, three or more checkpoints.
        val: the metric on validation images in the same rows; ``None`` where it was not measured.

    Returns:
        The best; ``None`` when there are neither validation images nor numbers per image to choose by.

    >>> of = Series(np.array([[0.1, 0.5, 0.4, 0.3]] * 3))
    >>> found = best_between(of, of)
    >>> found.place, round(found.over_first.value, 6), round(found.over_last.value, 6), found.over_last.freedom
    (1, 0.4, 0.2, 1.0)
    """
    n = len(of)
    seeds = np.arange(n)
    others = np.ones((1, 1)) if n == 1 else (1 - np.eye(n)) / (n - 1)

    def chosen(scores: Array) -> NDArray[np.intp]:
        """The best place for each seed, by the numbers of the others between the first and the last."""
        return np.asarray(1 + (others @ scores[:, 1:-1]).argmax(1))

    if n and val is not None and val.values.shape == of.values.shape:
        at = chosen(val.values)
        numbers = of.values[seeds, at]
        rows = None if of.examples is None else of.examples[seeds, at]
        place = 1 + int(val.values.mean(0)[1:-1].argmax())
    elif n and of.examples is not None and of.examples.shape[2] > 1:
        each = of.examples
        rows = cross_fitted(
            lambda half: chosen(each[:, :, half].mean(2)), lambda at: each[seeds, at], each.shape[2]
        ).values
        numbers = rows.mean(1)
        place = 1 + int(each.mean((0, 2))[1:-1].argmax())
        val = None
    else:
        return None
    first, last = (_less(of, numbers, rows, end) for end in (0, -1))
    return Best(place, first, last, val is not None)


def _less(of: Series, numbers: Array, rows: Array | None, end: int) -> Estimate:
    n, k = of.values.shape
    each = numbers - of.values[:, end]
    noise = None
    if rows is not None and of.examples is not None:
        noise = averaged(rows - of.examples[:, end], np.full(n, 1 / n)).noise
    about, freedom = scatter(of.values.mean(0), 2)
    enough = n > 1 and freedom > 0
    wider = (quantile(0.05 / (k - 2)) / quantile(0.05)) ** 2
    spread = float(each.var(ddof=1)) / n + 2 * about * wider if enough else math.nan
    return estimated(float(each.mean()), [Part(spread, n, min(n - 1.0, freedom), enough=enough)], noise)
