"""How well one order of networks agrees with another: Kendall's τ over networks, with each left out in turn.

Networks that differ in their seed alone are alike by more than what is compared: such a group is left out whole, and
counts as one network.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..rng import numpy_generator
from .estimate import Estimate, measured
from .images import Numbers

__all__ = ["LEAST_RANKED", "Granulated", "granulated", "rank_contrast", "rank_correlation"]

LEAST_RANKED = 12
"""Fewer networks (groups of them) have no verdict: the variance of τ by leaving them out is then too uncertain."""

_DRAWS = 200
"""Resamples of the images."""

_Signs = NDArray[np.float64]
Groups: TypeAlias = "Sequence[Hashable] | None"


@dataclass(frozen=True)
class Granulated:
    """Agreement of two orders among networks that differ in one hyper-parameter alone.

    Attributes:
        factors: names of the hyper-parameters.
        each: ψ of each: the mean agreement, from −1 to 1, over pairs of networks that differ in it alone.
        pairs: how many such pairs each has.
        mean: Ψ, the mean of all ψ, over networks.
    """

    factors: tuple[str, ...]
    each: tuple[Estimate, ...]
    pairs: tuple[int, ...]
    mean: Estimate


def rank_correlation(
    x: Numbers, y: Numbers, examples: NDArray[np.floating] | None = None, groups: Groups = None
) -> Estimate:
    """Return Kendall's τ of two numbers of each network, with its interval over networks.

    τ_b = Σ sign(x_i − x_j)·sign(y_i − y_j)/√(Σ sign²(x_i − x_j)·Σ sign²(y_i − y_j)) (Kendall 1945). Its variance is
    that of leaving out one network at a time, (n − 1)/n·Σ(θ₍₋ⱼ₎ − θ̄)² of artanh τ (Arvesen 1969), as a pair is of two
    networks and pairs are no sample; that over images is from 200 resamples.

    Args:
        x: one number a network; infinite ones are larger than all others, and equal.
        y: another number of each.
        examples: ``(networks, images)``, numbers whose mean over images is ``y``.
        groups: of each network what it shares with those that differ in their seed alone; default: none share one.

    Returns:
        The estimate on Fisher's scale, over networks and images; over nothing with fewer than 12 networks, or groups
        of them. nan where a number is nan, or one side does not vary.

    Raises:
        UsageError: when there are not as many of one as of the other.

    >>> round(rank_correlation([1.0, 2.0, 3.0, 4.0], [1.0, 3.0, 2.0, 4.0]).value, 6)  # 5 pairs of 6 agree
    0.666667
    """
    a, b = _pair(x, y)
    value, without = _tau(a, b, _members(groups, len(a)))
    noise = None if examples is None else _variance(np.arctanh(_inside(_drawn([a], examples)[0])))
    return _estimate(value, np.arctanh(_inside(without)), examples, noise, fisher=True)


def rank_contrast(
    x: Numbers, other: Numbers, y: Numbers, examples: NDArray[np.floating] | None = None, groups: Groups = None
) -> Estimate:
    """Return by how much τ of x and y is larger than τ of ``other`` and y, over the same networks.

    Args:
        x: one number a network.
        other: a rival of x.
        y: what both are to predict.
        examples: ``(networks, images)``, numbers whose mean over images is ``y``.
        groups: as in :func:`rank_correlation`.

    Returns:
        The difference, as in :func:`rank_correlation`; what makes a network hard for both cancels.

    Raises:
        UsageError: when there are not as many of one as of the other.

    >>> round(rank_contrast([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 2.0, 3.0]).value, 6)
    2.0
    """
    (a, c), (r, _) = _pair(x, y), _pair(other, y)
    members = _members(groups, len(a))
    (first, without), (second, rival) = _tau(a, c, members), _tau(r, c, members)
    noise = None if examples is None else _variance(np.subtract(*_drawn([a, r], examples)))
    return _estimate(first - second, without - rival, examples, noise, fisher=False)


def granulated(factors: Sequence[Mapping[str, Hashable]], x: Numbers, y: Numbers) -> Granulated:
    """Compare two orders among networks that differ in one hyper-parameter alone (Jiang et al. 2020, eq. 2).

    ψ of a hyper-parameter is the mean of sign(x_i − x_j)·sign(y_i − y_j) over the pairs in which all others are equal
    (in groups of equal size, that of τ over groups), Ψ the mean of all ψ. A measure that follows one hyper-parameter
    only has a large τ and a small Ψ. The variance is that of leaving out one network at a time, and with it those of
    the same hyper-parameters.

    Args:
        factors: of each network, the same hyper-parameters.
        x: one number a network.
        y: another number of each.

    Raises:
        UsageError: when there are not as many of one as of the other.

    >>> grid = [{"width": w, "depth": d} for w in (1, 2) for d in (1, 2)]
    >>> found = granulated(grid, [1.0, 2.0, 3.0, 4.0], [1.0, 0.0, 3.0, 2.0])  # right by width, wrong by depth
    >>> [e.value for e in found.each], found.mean.value
    ([1.0, -1.0], 0.0)
    """
    a, b = _pair(x, y)
    if len(factors) != len(a):
        raise UsageError(f"hyper-parameters of {len(factors)} networks for {len(a)} numbers")
    names = tuple(dict.fromkeys(name for of in factors for name in of))
    varied = [name for name in names if len({of.get(name) for of in factors}) > 1]
    members = _members([tuple(of.get(v) for v in names) for of in factors], len(a))
    agree = _signs(a) * _signs(b)
    each, pairs, without = [], [], []
    for name in varied:
        alone = _differ_in(factors, name, varied)
        total, count = (agree * alone).sum(), alone.sum()
        kept, left = _without(agree * alone, members), _without(alone, members)
        psi = float(total / count) if count else math.nan
        without.append(np.where(left > 0, kept / np.maximum(left, 1), psi))
        each.append(_estimate(psi, without[-1], None, None, fisher=False))
        pairs.append(int(count) // 2)
    there = [i for i, n in enumerate(pairs) if n]
    mean = float(np.mean([each[i].value for i in there])) if there else math.nan
    of_all = np.mean([without[i] for i in there], axis=0) if there else np.full(len(members), math.nan)
    return Granulated(tuple(varied), tuple(each), tuple(pairs), _estimate(mean, of_all, None, None, fisher=False))


def _pair(x: Numbers, y: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, b = np.asarray(x, dtype=np.float64).ravel(), np.asarray(y, dtype=np.float64).ravel()
    if len(a) != len(b):
        raise UsageError(f"ranks of {len(a)} and {len(b)} numbers; give as many of one as of the other")
    return a, b


def _signs(x: NDArray[np.float64]) -> _Signs:
    """sign(x_i − x_j) of each pair; infinite numbers are equal to one another."""
    return (x[:, None] > x[None]).astype(np.float64) - (x[:, None] < x[None])


def _members(groups: Groups, n: int) -> NDArray[np.float64]:
    """Which networks each group has: (groups, networks)."""
    if groups is None:
        return np.eye(n)
    if len(groups) != n:
        raise UsageError(f"groups of {len(groups)} networks for {n}; give one a network")
    kinds = list(dict.fromkeys(groups))
    return np.array([[float(of == kind) for of in groups] for kind in kinds]).reshape(len(kinds), n)


def _without(pairs: _Signs, members: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over pairs without those of each group."""
    found: NDArray[np.float64] = pairs.sum() - 2 * members @ pairs.sum(1) + ((members @ pairs) * members).sum(1)
    return found


def _tau(
    x: NDArray[np.float64], y: NDArray[np.float64], members: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """Return τ_b, and the same without each group."""
    if len(x) < 2 or np.isnan(x).any() or np.isnan(y).any():
        return math.nan, np.full(len(members), math.nan)
    of_x, of_y = _signs(x), _signs(y)
    parts = np.stack([of_x * of_y, of_x**2, of_y**2])
    total = parts.sum((1, 2))
    left = np.stack([_without(part, members) for part in parts])

    def tau(part: NDArray[np.float64]) -> NDArray[np.float64]:
        below = np.sqrt(part[1] * part[2])
        found: NDArray[np.float64] = np.where(below > 0, part[0] / np.where(below > 0, below, 1), math.nan)
        return found

    return float(tau(total)), tau(left)


def _inside(tau: float | NDArray[np.float64]) -> NDArray[np.float64]:
    """Keep a correlation where its artanh is finite."""
    return np.clip(tau, -1 + 1e-9, 1 - 1e-9)


@lru_cache(maxsize=4)
def _shares(images: int) -> NDArray[np.float64]:
    """How often each image is in each resample, over all of them."""
    rng = numpy_generator("rank correlation", images)
    found: NDArray[np.float64] = rng.multinomial(images, np.full(images, 1 / images), size=_DRAWS) / images
    return found


def _drawn(xs: Sequence[NDArray[np.float64]], examples: NDArray[np.floating]) -> list[NDArray[np.float64]]:
    """τ of each x with the means of resampled images, the same ones for all networks and every x."""
    means = _shares(examples.shape[1]) @ np.asarray(examples, dtype=np.float64).T
    first, second = np.triu_indices(means.shape[1], 1)
    of_means = np.sign(np.round(means[:, first] - means[:, second], 12))
    untied = (of_means**2).sum(1)
    found = []
    for x in xs:
        of_x = _signs(x)[first, second]
        below = np.sqrt((of_x**2).sum() * untied)
        found.append(of_means @ of_x / np.where(below > 0, below, math.nan))
    return found


def _variance(drawn: NDArray[np.float64]) -> float:
    return float(np.nanvar(drawn, ddof=1)) if np.isfinite(drawn).sum() > 1 else math.nan


def _estimate(
    value: float,
    without: NDArray[np.float64],
    examples: NDArray[np.floating] | None,
    noise: float | None,
    *,
    fisher: bool,
) -> Estimate:
    n = len(without)
    if n < LEAST_RANKED or not np.isfinite(without).all():
        return Estimate(value, n=n)
    spread = float((n - 1) / n * ((without - without.mean()) ** 2).sum())
    images = 0 if examples is None else examples.shape[1]
    return measured(
        value, over="networks and images" if images else "networks", n=n, images=images, spread=spread,
        freedom=float(n - 1), noise=noise, scale="fisher" if fisher else "plain",
    )  # fmt: skip


def _differ_in(factors: Sequence[Mapping[str, Hashable]], name: str, varied: Sequence[str]) -> _Signs:
    """Which pairs differ in one hyper-parameter and in no other."""
    others = [tuple(of.get(v) for v in varied if v != name) for of in factors]
    own = [of.get(name) for of in factors]
    n = len(factors)
    found = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            found[i, j] = others[i] == others[j] and own[i] != own[j]
    return found
