"""Which difference a study can tell, and how many networks a difference takes, before any work is done."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .estimate import quantile

__all__ = ["Design", "Question", "detectable", "power", "seeds_needed"]

Question = Literal["difference", "over", "under", "equivalence"]
"""What is to be told: that the number is not 0; is over the margin; is under it; lies within ± margin."""

_POINTS = 1024
"""Points of the additive recurrence (Roberts 2018) over which the power is averaged."""


@dataclass(frozen=True)
class Design:
    """What an interval will be made of.

    Attributes:
        networks: how many networks of each kind.
        sds: standard deviation of the number between networks of each kind (of pairs: √(n·V) of ``pair_mean``), from
            at least 8 pilot networks with other seeds.
        image_sd: standard deviation over images of the number image by image (mean over networks, difference of
            kinds); 0 where no images are behind the number.
        images: how many images; none where ``image_sd`` is 0.
    """

    networks: tuple[int, ...]
    sds: tuple[float, ...]
    image_sd: float = 0.0
    images: int = 0

    def __post_init__(self) -> None:
        numbers = (*self.sds, self.image_sd)
        if len(self.networks) != len(self.sds) or not self.networks or not all(map(math.isfinite, numbers)):
            raise UsageError(
                f"power of {self.networks} networks with spreads {self.sds}; give one spread for each kind"
            )
        if min(numbers) < 0 or min(self.networks) < 2 or (self.image_sd > 0 and self.images < 2):
            raise UsageError("power: expected spreads ≥ 0 and at least 2 networks of each kind and 2 images")

    @property
    def noise(self) -> float:
        """Variance of the number over images."""
        return self.image_sd**2 / self.images if self.image_sd else 0.0

    @property
    def spread(self) -> float:
        """Variance of the number over networks."""
        return math.fsum(s * s / n for n, s in zip(self.networks, self.sds, strict=True))


def power(question: Question, effect: float, design: Design, *, margin: float = 0.0, level: float = 0.95) -> float:
    """Return the probability of a verdict when the true number is ``effect``.

    The estimated variance S_k of each kind is σ_k²·χ²_ν/ν, ν = n_k − 1, and the number is x ~ N(effect, Σσ_k²/n_k +
    noise), independent of them. A verdict falls when x lies so far over 0 (over or under the margin, within both)
    that the interval x ± √(t²·ΣS_k/n_k + z²·noise), t with Welch's degrees of freedom, lies there. Given the S_k its
    probability is a normal one; this is averaged over 1,024 evenly spread quantiles of the S_k. For one kind without
    images it is the power of Student's test by the noncentral t. Where S_k holds a part of the image noise, too, the
    true power is a little higher.

    Args:
        question: what is to be told. ``over``, ``under`` and ``equivalence`` take one-sided limits: each at this
            level, so that equivalence is judged by the 90 % interval; ``difference`` the two-sided interval, and it
            counts verdicts of the sign of the effect.
        effect: the true number.
        design: the networks and images.
        margin: of ``over``, ``under`` and ``equivalence``.
        level: of the interval or limits.

    >>> round(power("difference", 1.0, Design((17, 17), (1.0, 1.0))), 2)  # tables of the t test say 0.81
    0.81
    """
    from scipy.special import stdtrit

    total = math.sqrt(design.spread + design.noise)
    p = 1 - level if question == "difference" else 2 * (1 - level)
    spread, freedom = _drawn(design)
    half = np.sqrt(stdtrit(freedom, 1 - p / 2) ** 2 * spread + quantile(p) ** 2 * design.noise)
    if question == "difference":
        reached = _over(abs(effect) - half, total)
    elif question == "over":
        reached = _over(effect - margin - half, total)
    elif question == "under":
        reached = _over(margin - effect - half, total)
    else:
        reached = np.maximum(0.0, _over(margin - effect - half, total) + _over(margin + effect - half, total) - 1)
    return float(reached.mean())


def detectable(
    question: Question, design: Design, *, margin: float = 0.0, chance: float = 0.8, level: float = 0.95
) -> float:
    """Return the effect that is told with this probability.

    Args:
        question: of ``difference``, the smallest difference; of ``over``, the smallest number over the margin; of
            ``under``, the largest one under it; of ``equivalence``, the smallest margin within which a number that is
            truly 0 is shown to lie (``margin`` plays no part).
        design: the networks and images.
        margin: of ``over`` and ``under``.
        chance: the probability of a verdict.
        level: of the interval or limits.

    >>> round(detectable("difference", Design((17, 17), (1.0, 1.0))), 2)
    0.99
    """
    if not 0.0 < chance < 1.0:
        raise UsageError(f"a verdict with probability {chance}; expected a number between 0 and 1, such as 0.8")
    sign = -1.0 if question == "under" else 1.0

    def reached(distance: float) -> bool:
        if question == "equivalence":
            return power(question, 0.0, design, margin=distance, level=level) >= chance
        start = 0.0 if question == "difference" else margin
        return power(question, start + sign * distance, design, margin=margin, level=level) >= chance

    low, high = 0.0, math.sqrt(design.spread + design.noise)
    if high == 0:
        return 0.0 if question in ("difference", "equivalence") else margin
    while not reached(high):
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high if question in ("difference", "equivalence") else margin + sign * high


def seeds_needed(
    question: Question,
    effect: float,
    sds: Sequence[float],
    *,
    margin: float = 0.0,
    image_sd: float = 0.0,
    images: int = 0,
    chance: float = 0.8,
    level: float = 0.95,
    least: int = 3,
    most: int = 200,
) -> int | None:
    """Return the smallest number of networks of each kind that tells the effect with this probability.

    Args:
        question: what is to be told, see :func:`power`.
        effect: the true number that is expected.
        sds: standard deviation between networks of each kind; see :class:`Design`.
        margin: of ``over``, ``under`` and ``equivalence``.
        image_sd: see :class:`Design`; it is taken not to shrink with more networks.
        images: how many images.
        chance: the probability of a verdict.
        level: of the interval or limits.
        least: the fewest networks that may give a verdict.
        most: where the search stops.

    Returns:
        The number; ``None`` when ``most`` are not enough, as when the images are too few or the effect is within the
        margin.

    >>> seeds_needed("difference", 1.0, (1.0, 1.0))
    17
    >>> seeds_needed("difference", 0.01, (0.01, 0.01), image_sd=0.5, images=100) is None
    True
    """
    design = Design((most,) * len(sds), tuple(sds), image_sd, images)

    def enough(n: int) -> bool:
        sized = replace(design, networks=(n,) * len(design.sds))
        return power(question, effect, sized, margin=margin, level=level) >= chance

    if not enough(most):
        return None
    low, high = least - 1, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _drawn(design: Design) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Estimated variances over networks and their degrees of freedom, evenly spread over what may be estimated."""
    from scipy.special import gammaincinv

    kinds = len(design.networks)
    freedoms = np.array(design.networks, dtype=np.float64) - 1
    root = 2.0
    for _ in range(50):  # the positive root of x^(kinds + 1) = x + 1
        root = (1 + root) ** (1 / (kinds + 1))
    shares = (0.5 + np.outer(np.arange(1, _POINTS + 1), root ** -np.arange(1, kinds + 1))) % 1
    squares = gammaincinv(freedoms / 2, shares) * 2 / freedoms
    each = squares * [s * s / n for n, s in zip(design.networks, design.sds, strict=True)]
    spread = each.sum(1)
    below = (each**2 / freedoms).sum(1)
    return spread, np.where(below > 0, spread**2 / np.where(below > 0, below, 1), freedoms.sum())


def _over(distance: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """Probability of a normal number of this mean to be over 0."""
    from scipy.special import ndtr

    if deviation == 0:
        return (distance > 0).astype(np.float64)
    return np.asarray(ndtr(distance / deviation), dtype=np.float64)
