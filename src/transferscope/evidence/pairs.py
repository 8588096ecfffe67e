"""Numbers of pairs of networks, each network in several pairs: networks are the sample, never pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from .estimate import Estimate, Scale
from .images import PerImage, Row, averaged
from .sampling import LEAST, Part, estimated

__all__ = ["Pairs", "pair_contrast", "pair_mean", "pair_ratio"]

Statistic = Callable[[Sequence[NDArray[np.float64]]], float]


@dataclass(frozen=True, eq=False)
class Pairs:
    """One number for each of several pairs of networks.

    Attributes:
        names: the two networks of each pair.
        values: ``(pairs,)``.
        kinds: kind of each network that is one of many; a network that is not in it is fixed, such as the one
            pre-trained network that all others started from.
        examples: ``(pairs, images)``, numbers whose mean over images is the pair's number; or resampled numbers;
            ``None`` where no images are behind the numbers.
        recomputed: for each network that also plays a part in the numbers of pairs that it is not in, as one of all
            others does, the numbers ``(pairs,)`` as they are without it; those of its own pairs are of no matter.

    Raises:
        UsageError: when the numbers are not one a pair, or a network is paired with itself.

    >>> names = (("a", "b"), ("a", "c"), ("b", "c"))
    >>> less = {"c": np.array([1.5, 0.0, 0.0])}  # without c, the number of a and b is another one
    >>> pairs = Pairs(names, np.array([1.0, 2.0, 3.0]), dict.fromkeys("abc", "P-T"), recomputed=less)
    >>> pairs.without("c").tolist(), pairs.without("a").tolist()
    ([1.5], [3.0])
    """

    names: tuple[tuple[str, str], ...]
    values: NDArray[np.floating]
    kinds: Mapping[str, str]
    examples: PerImage | None = None
    recomputed: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for values in (self.values, *self.recomputed.values()):
            if np.shape(values) != (len(self.names),):
                raise UsageError(f"{len(self.names)} pairs with numbers of shape {np.shape(values)}; give one a pair")
        for first, second in self.names:
            if first == second:
                raise UsageError(f"pair of {first!r} with itself; a pair is two networks")

    def without(self, network: str) -> NDArray[np.float64]:
        """Return the numbers of the pairs that this network is not in, as they are without it."""
        kept = [network not in pair for pair in self.names]
        return np.asarray(self.recomputed.get(network, self.values), dtype=np.float64)[kept]

    def counts(self) -> dict[str, int]:
        """Return how many networks of each kind are in the pairs."""
        networks = {name for pair in self.names for name in pair}
        kinds = [self.kinds[name] for name in networks if name in self.kinds]
        return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def pair_mean(pairs: Pairs, *, level: float = 0.95) -> Estimate:
    """Return the mean over pairs, with an interval over networks (and images).

    θ̂ ± √(t²·V + z²·V_images), V = Σ_k (n_k − 1)/n_k·Σ_j (θ₍₋ⱼ₎ − θ̄_k)² over the n_k networks j of kind k: θ₍₋ⱼ₎ is
    the mean of the pairs that network j is not in, as they are without it, θ̄_k the mean of these over j (jackknife,
    Efron & Stein 1981: not too small on average). t has the degrees of freedom V²/Σ_k(V_k²/(n_k − 1)). V_images is
    the variance over images of the mean over pairs.

    Args:
        pairs: the numbers.
        level: of the interval.

    Returns:
        The estimate; ``n`` is the number of networks. It is over networks from 3 networks of each kind on, when
        there are pairs left without any one of them; else over images (these networks only), or over nothing. nan
        without an interval when a number is not finite, or there is none.

    >>> names = (("a", "b"), ("a", "c"), ("b", "c"))
    >>> e = pair_mean(Pairs(names, np.array([3.0, 4.0, 5.0]), dict.fromkeys("abc", "P-T")))  # 1 + 2, 1 + 3, 2 + 3
    >>> e.value, e.n, round(e.spread, 6), e.freedom  # the variance of twice the mean of 1, 2, 3
    (4.0, 3, 1.333333, 2.0)
    """
    return _estimate([pairs], lambda sides: float(sides[0].mean()), [1.0], "plain", level)


def pair_contrast(first: Pairs, second: Pairs, *, level: float = 0.95) -> Estimate:
    """Return the mean over some pairs minus the mean over others, with an interval over networks (and images).

    As :func:`pair_mean`, with θ the difference: a network that is in pairs of both sides leaves both at once.
    Networks are the same when their names are.

    Args:
        first: some pairs.
        second: others; they may share networks with the first.
        level: of the interval.

    Raises:
        UsageError: when the sides give one network two kinds, or examples of other images.

    >>> kinds = dict.fromkeys("abc", "P-T") | dict.fromkeys("xyz", "RI-T")
    >>> near = Pairs((("a", "b"), ("a", "c"), ("b", "c")), np.array([1.0, 1.5, 1.25]), kinds)
    >>> far = Pairs((("x", "y"), ("x", "z"), ("y", "z")), np.array([5.0, 5.5, 5.25]), kinds)
    >>> e = pair_contrast(far, near)
    >>> e.value, e.n, round(e.low, 2)
    (4.0, 6, 2.87)
    """
    return _estimate(
        [first, second], lambda sides: float(sides[0].mean() - sides[1].mean()), [1.0, -1.0], "plain", level
    )


def pair_ratio(first: Pairs, second: Pairs, *, level: float = 0.95) -> Estimate:
    """Return the ratio of the mean over some pairs to the mean over others.

    As :func:`pair_contrast`, with θ = log of the ratio of the means; of examples e with mean x the logarithm moves by
    (e − x)/x (delta method).

    Args:
        first: some pairs of positive mean.
        second: others.
        level: of the interval.

    Returns:
        The estimate on the log scale; nan without an interval when a mean is not positive.

    >>> kinds = dict.fromkeys("abc", "P-T")
    >>> names = (("a", "b"), ("a", "c"), ("b", "c"))
    >>> one, two = (Pairs(names, np.array(v), kinds) for v in ([1.0, 2.0, 3.0], [2.0, 4.0, 6.0]))
    >>> e = pair_ratio(two, one)
    >>> e.value, round(e.low, 6), round(e.high, 6)
    (2.0, 2.0, 2.0)
    """
    means = [
        float(np.mean(s.values)) if len(s.names) and np.isfinite(s.values).all() else math.nan
        for s in (first, second)
    ]
    if not all(m > 0 for m in means):
        n = sum(_joint_counts([first, second])[0].values())
        return Estimate(math.nan, n=n, level=level, scale="log")

    def log_ratio(sides: Sequence[NDArray[np.float64]]) -> float:
        above, below = (float(s.mean()) for s in sides)
        return math.log(above / below) if above > 0 and below > 0 else math.nan

    return _estimate([first, second], log_ratio, [1 / means[0], -1 / means[1]], "log", level)


def _estimate(
    sides: Sequence[Pairs], statistic: Statistic, weights: Sequence[float], scale: Scale, level: float
) -> Estimate:
    row = _images(sides, weights)
    images = row.noise if row else None
    total, least = _joint_counts(sides)
    values = [np.asarray(side.values, dtype=np.float64) for side in sides]
    if not all(len(v) and np.isfinite(v).all() for v in values):
        count = images.images if images else 0
        return Estimate(math.nan, n=sum(total.values()), images=count, level=level, scale=scale)
    theta = statistic(values)
    parts = [_part(sides, statistic, kind, least[kind]) for kind in total]
    value = math.exp(theta) if scale == "log" else theta
    return estimated(value, parts, images, scale=scale, level=level)


def _part(sides: Sequence[Pairs], statistic: Statistic, kind: str, least: int) -> Part:
    """Leave out the networks of one kind in turn; without variance when nothing is left without one of them."""
    names = sorted({n for side in sides for n in _networks(side) if side.kinds.get(n) == kind})
    left = []
    for name in names:
        kept = [side.without(name) for side in sides]
        if not all(map(len, kept)):
            return Part(math.nan, len(names), 0.0, enough=False)
        left.append(statistic(kept))
    n = len(names)
    theta = np.array(left)
    if not np.isfinite(theta).all():
        return Part(math.nan, n, 0.0, enough=False)
    variance = (n - 1) / n * float(((theta - theta.mean()) ** 2).sum())
    return Part(variance, n, least - 1.0, enough=least >= LEAST["networks"])


def _networks(side: Pairs) -> set[str]:
    """All networks that have a part in the numbers, in a pair or beside it."""
    return {name for pair in side.names for name in pair} | set(side.recomputed)


def _joint_counts(sides: Iterable[Pairs]) -> tuple[dict[str, int], dict[str, int]]:
    """How many networks of each kind there are in all, and on the side that has the fewest of those that have any."""
    kinds: dict[str, str] = {}
    least: dict[str, int] = {}
    for side in sides:
        for name in _networks(side):
            kind = side.kinds.get(name, "")
            if kinds.setdefault(name, kind) != kind:
                raise UsageError(
                    f"network {name!r} is of kind {kinds[name]!r} and of {kind!r}; give one name one kind"
                )
        for kind, n in side.counts().items():
            least[kind] = min(n, least.get(kind, n))
    varying = [kind for kind in kinds.values() if kind]
    return {kind: varying.count(kind) for kind in sorted(set(varying))}, least


def _images(sides: Sequence[Pairs], weights: Sequence[float]) -> Row | None:
    """The number image by image; sides without examples do not depend on images."""
    found: Row | None = None
    for side, weight in zip(sides, weights, strict=True):
        if side.examples is None:
            continue
        n = len(side.names)
        row = averaged(side.examples, np.full(n, 1 / max(n, 1)))
        row = Row(weight * row.values, row.images, row.resampled, abs(weight) * row.unit)
        found = row if found is None else found.minus(row, -1.0)
    return found
