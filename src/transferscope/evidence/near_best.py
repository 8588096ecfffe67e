"""Which of several numbers on the same images is the best, which cannot be told apart from it, and which come close.

Modules of one network, say: they are of given networks, so that nothing is said of kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .crossfit import cross_fitted
from .draws import over_draws
from .estimate import Estimate, measured

__all__ = ["NearBest", "near_best"]

_LEVEL = 0.05


@dataclass(frozen=True)
class NearBest:
    """The best of k places and those near it.

    Attributes:
        best: the place with the highest mean.
        estimate: how high the best is, chosen on one half of the images and measured on the other.
        tied: places that no other one is told apart over, in their order: the true best is among them in 95 % of
            cases. Not shown to be as good, only not shown to be worse.
        close: places that are shown to be no more than the margin under every other one, in their order.
        margin: the margin.
    """

    best: int
    estimate: Estimate
    tied: tuple[int, ...]
    close: tuple[int, ...]
    margin: float

    @property
    def earliest(self) -> int:
        """The first place within noise of the best."""
        return self.tied[0]

    @property
    def earliest_close(self) -> int | None:
        """The first place that is shown to be within the margin of the best; ``None`` where none is."""
        return self.close[0] if self.close else None


def near_best(
    values: NDArray[np.floating], examples: NDArray[np.floating], *, margin: float = 0.01, seed: int = 0
) -> NearBest:
    """Find the best of k places and those near it, by paired differences.

    Place i is *beaten* when, for some place j, the one-sided p of j being better is at most 0.05/(k − 1)
    (Bonferroni): however many places there are, the true best is beaten in 5 % of cases at most. Place i is *close*
    when of every j the one-sided upper limit of j − i is under the margin, at 0.05/k: all of them have to hold
    (intersection-union test, Berger 1982), and k places are tried.

    Args:
        values: ``(k, draws)``, one number a draw, the same draws for all places.
        examples: ``(k, images)``, numbers whose mean over images is the mean over draws.
        margin: what counts as close.
        seed: of the halves by which the best is chosen and measured.

    Raises:
        UsageError: when values and examples are not of as many places, or there are none.

    >>> right = np.repeat([[0.0, 1.0], [1.0, 1.0], [1.0, 1.0]], 500, axis=1)
    >>> found = near_best(right.mean(1)[:, None], right)
    >>> found.best, found.tied, found.close, found.estimate.value
    (1, (1, 2), (1, 2), 1.0)
    """
    numbers, rows = np.asarray(values, np.float64), np.asarray(examples, np.float64)
    if numbers.ndim != 2 or rows.ndim != 2 or len(numbers) != len(rows) or not len(numbers):
        raise UsageError(
            f"numbers of shape {numbers.shape} with {rows.shape} per image; expected (k, draws) and (k, images)"
        )
    k = len(numbers)
    best = int(numbers.mean(1).argmax())
    gaps = {
        (j, i): over_draws(numbers[j] - numbers[i], rows[j : j + 1] - rows[i : i + 1])
        for j in range(k)
        for i in range(k)
        if i != j
    }
    beaten = {i for (_, i), gap in gaps.items() if _over(gap, 0.0, _LEVEL / (k - 1))}
    far = {i for (_, i), gap in gaps.items() if not _under(gap, margin, _LEVEL / k)}
    tied = tuple(i for i in range(k) if i not in beaten) or (best,)
    close = tuple(i for i in range(k) if i not in far)
    return NearBest(best, _best(numbers, rows, best, seed), tied, close, margin)


def _best(numbers: NDArray[np.float64], rows: NDArray[np.float64], best: int, seed: int) -> Estimate:
    """How high the best is: cross-fitted over images, with the draws' variance of the best."""
    if rows.shape[1] < 2:
        return Estimate(float(numbers[best].mean()))
    found = cross_fitted(
        lambda half: int(rows[:, half].mean(1).argmax()), lambda place: rows[place], rows.shape[1], seed=seed
    )
    over, drawn = found.estimate(), over_draws(numbers[best])
    if not (over.known and drawn.known):
        return over
    return measured(
        over.value, over="draws", n=drawn.n, images=over.images, spread=drawn.spread, freedom=drawn.freedom,
        noise=over.noise,
    )  # fmt: skip


def _over(gap: Estimate, margin: float, level: float) -> bool:
    low = gap.above(1 - level)
    return low is not None and low > margin


def _under(gap: Estimate, margin: float, level: float) -> bool:
    high = gap.under(1 - level)
    return high is not None and high < margin
