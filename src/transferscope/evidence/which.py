"""Which of some networks to take: one of them, their average, their ensemble, or cannot tell.

The decision is about these networks: what varies are the images. All comparisons that could decide are corrected
together, so that at most 5 % of the times that nothing differs a word is said against it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .contrast import contrast, mean
from .crossfit import cross_fitted
from .estimate import Estimate, quantile

__all__ = ["ALPHA", "Decision", "Standing", "Take", "choose", "holm", "images_to_tell", "standing"]

Take = Literal["one", "average", "ensemble", "cannot tell"]

ALPHA = 0.05
"""A comparison is clear when its corrected p lies under this."""

_POWER = 0.8
"""In how many of all cases a difference is to be told."""


@dataclass(frozen=True)
class Standing:
    """A line of the table by which a person decides.

    Attributes:
        name: of the network, or of what is made of several.
        metric: of it, with its interval over images.
        less: by how much it exceeds what it is held against, paired image by image; ``None`` for that one itself.
        p: two-sided, of ``less`` being 0, not corrected; ``None`` where it is not known.
        note: what else must be known of it: ``statistics of batch norm collected anew``; empty for nothing.
    """

    name: str
    metric: Estimate
    less: Estimate | None
    p: float | None
    note: str = ""


@dataclass(frozen=True)
class Decision:
    """What to take.

    Attributes:
        take: what.
        best: place of the network with the highest metric, or of that which was chosen on other images.
        second: place of the one that is hardest to tell from it, or, of one that was best on other images, of one
            that is clearly better; ``None`` for a single network.
        gap: by how much ``best`` exceeds ``second``; ``None`` for a single network.
        average: by how much the average exceeds the best network, chosen on other images; ``None`` without one.
        ensemble: the same of the ensemble.
        p: of ``gap`` (the largest over all others), ``average`` and ``ensemble``, corrected together; 1 where a
            number is not there.
        compared: how many comparisons are corrected together.
    """

    take: Take
    best: int
    second: int | None
    gap: Estimate | None
    average: Estimate | None
    ensemble: Estimate | None
    p: tuple[float, float, float]
    compared: int

    def times(self, place: int) -> float:
        """Return by how much the p at a place of ``p`` was multiplied in correcting."""
        compared = (self.gap, self.average, self.ensemble)[place]
        alone = None if compared is None else _p(compared)
        return self.p[place] / alone if alone and self.p[place] < 1 else float(self.compared)


def choose(
    networks: NDArray[np.floating],
    *,
    average: NDArray[np.floating] | None = None,
    ensemble: NDArray[np.floating] | None = None,
    best: int | None = None,
) -> Decision:
    """Decide between networks, their average and their ensemble.

    All pairs of networks are compared, paired over images, and the average and the ensemble each with the best
    network, which is chosen on one half of the images and measured on the other, both ways. Where the best one was
    chosen on other images, it is held against everything else on all of these, and other pairs need no comparison.
    The p-values of all comparisons are corrected together (Holm 1979). What costs one network an answer goes before
    what costs several: the average is taken when its gain is clear, else the ensemble, else the network that is
    clearly better than every other. Where another network is clearly better than the one that was best on other
    images, those images say nothing of these, and nothing is taken.

    Args:
        networks: ``(k, n)``, numbers whose mean over images is the metric of each; larger is better.
        average: ``(n,)``, the same of the network with the mean of all weights.
        ensemble: ``(n,)``, the same of the mean of all answers.
        best: place of the network that was the best one on images that are none of these.

    Raises:
        UsageError: when there is no network, there is none at ``best``, or the numbers are not of the same images.

    >>> right = np.array([[1.0] * 90 + [0.0] * 10, [1.0] * 70 + [0.0] * 30])
    >>> found = choose(right)
    >>> found.take, found.best, round(found.gap.value, 2)
    ('one', 0, 0.2)
    >>> choose(right[:, ::-1][[0, 0]]).take
    'cannot tell'
    """
    rows = np.asarray(networks, dtype=np.float64)
    if rows.ndim != 2 or not rows.size:
        raise UsageError(f"networks of shape {rows.shape}; expected a row of numbers for each network")
    beside = [None if row is None else np.asarray(row, dtype=np.float64) for row in (average, ensemble)]
    if any(row is not None and row.shape != rows.shape[1:] for row in beside):
        raise UsageError("average, ensemble and networks are not of the same images; evaluate all on one set")
    if best is not None and not 0 <= best < len(rows):
        raise UsageError(f"the best of {len(rows)} networks cannot be at place {best}")
    known_best, best = best, int(np.nan_to_num(rows.mean(1), nan=-np.inf).argmax()) if best is None else best
    pairs = [pair for pair in combinations(range(len(rows)), 2) if known_best is None or best in pair]
    gaps = {pair: _less(rows[pair[0]], rows[pair[1]]) for pair in pairs}
    gains = [
        None if row is None or len(rows) < 2 else _gain(rows, row) if known_best is None else _less(row, rows[best])
        for row in beside
    ]
    tested: list[float | None] = [_p(gaps[pair]) for pair in pairs] + [None if g is None else _p(g) for g in gains]
    known = [1.0 if p is None else p for p in tested if p is not None]
    corrected = iter(holm(known))
    adjusted = [1.0 if p is None else next(corrected) for p in tested]
    against = {b if a == best else a: p for (a, b), p in zip(pairs, adjusted, strict=False) if best in (a, b)}
    second = _rival(rows, best, against)
    gap = None if second is None else _less(rows[best], rows[second])
    p_one = 1.0 if second is None else against[second]
    p = (p_one, adjusted[-2], adjusted[-1])
    return Decision(_taken(gap, gains, p), best, second, gap, gains[0], gains[1], p, len(known))


def _taken(gap: Estimate | None, gains: Sequence[Estimate | None], p: tuple[float, float, float]) -> Take:
    single = 0.0 if gap is None or p[0] >= ALPHA else gap.value
    if single < 0:  # the best one on other images is not that on these, so what builds on it is not taken either
        return "cannot tell"
    choices: tuple[Take, Take] = ("average", "ensemble")
    for take, gain, q in zip(choices, gains, p[1:], strict=True):
        if gain is not None and gain.value > 0 and q < ALPHA:
            return take
    return "one" if single > 0 else "cannot tell"


def _rival(rows: NDArray[np.float64], best: int, against: dict[int, float]) -> int | None:
    """The network that the best one is held against: one that is clearly better, else the hardest to tell from it."""
    if not against:
        return None
    means = rows.mean(1)
    better = [i for i in against if means[i] > means[best] and against[i] < ALPHA]
    if better:
        return max(better, key=lambda i: means[i])
    return max(against, key=lambda i: (means[i] >= means[best], against[i], means[i]))


def _less(a: NDArray[np.float64], b: NDArray[np.float64]) -> Estimate:
    return contrast([a.mean()], [b.mean()], (a[None], b[None]))


def _gain(rows: NDArray[np.float64], row: NDArray[np.float64]) -> Estimate:
    def best(half: NDArray[np.intp]) -> int:
        return int(np.nan_to_num(rows[:, half].mean(1), nan=-np.inf).argmax())

    return cross_fitted(best, lambda place: row - rows[place], rows.shape[1]).estimate()


def _p(e: Estimate) -> float | None:
    """Two-sided; 1 where image by image nothing differs."""
    if not math.isfinite(e.value):
        return None
    p = e.p()
    return 1.0 if p is None or math.isnan(p) else p


def holm(p: Sequence[float]) -> list[float]:
    """Correct p-values so that with 5 % or less any of them is under 0.05 by chance: max over j ≤ i of (m − j)·p₍ⱼ₎.

    Source: Holm 1979.

    >>> [round(q, 3) for q in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p)), key=lambda i: p[i])
    found, least = [1.0] * len(p), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(p) - rank) * p[i]))
        found[i] = least
    return found


def images_to_tell(gap: Estimate, n: int, times: float = 1.0) -> float:
    """Return how many images tell a true difference of this size in four of five cases; ∞ where there is none.

    The interval of n images is ±h wide at z₀ = 1.96 standard errors, so that of N images has the standard error
    h·√(n/N)/z₀, and a difference d is told with 80 % power from N = n·(h·(z + z₈₀)/(z₀·d))² on, z that of the level
    which is left after correction. At least n.

    Args:
        gap: the difference d on n images with its interval.
        n: how many images it is from.
        times: by how much its p is multiplied in correcting for other comparisons; the level is divided by it.

    >>> images_to_tell(Estimate(0.01, -0.01, 0.03, over="images", n=500), 500)
    4087.0
    """
    if gap.low is None or gap.high is None or not gap.value:
        return math.inf
    reach = (quantile(ALPHA / times) + quantile(2 * (1 - _POWER))) / quantile(ALPHA)
    return float(max(n, math.ceil(n * (reach * (gap.high - gap.low) / 2 / abs(gap.value)) ** 2 - 1e-9)))


def standing(
    name: str, row: NDArray[np.floating], other: NDArray[np.floating] | None = None, note: str = ""
) -> Standing:
    """Return the line of something on some images, held against something else on the same images.

    >>> line = standing("A", np.array([1.0, 1.0, 0.0, 1.0]), np.array([1.0, 0.0, 0.0, 0.0]))
    >>> line.metric.value, line.less.value
    (0.75, 0.5)
    """
    mine = np.asarray(row, dtype=np.float64)
    less = None if other is None else _less(mine, np.asarray(other, dtype=np.float64))
    return Standing(name, mean([mine.mean()], mine[None]), less, None if less is None else _p(less), note)
