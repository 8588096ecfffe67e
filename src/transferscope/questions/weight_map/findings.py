"""What the distances behind a map of networks say, in sentences.

Distances between given networks are exact; what varies is which networks one happened to train. A contrast has the
jackknife interval over networks, and to agree with a claim it must also be one that permuting the starts among the
networks of each target rarely gives.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import permutations, product

import numpy as np

from ...numerics.intervals import t_quantile
from ...rng import numpy_generator
from .._phrases import bracket, count, listed, number, short
from ..result import Finding, Verdict
from .measure import WeightMap

Sides = tuple[np.ndarray, np.ndarray]

__all__ = ["findings", "permutation_p"]

_START_CLAIM = (
    "002 §3, Fig. 4: networks from one pre-trained start lie close together even on different targets, networks of "
    "one target from different starts far apart"
)
_GATHER_CLAIM = "002 §3, Fig. 4: the minima of all targets gather around the pre-trained weights they started from"
_P = 0.05
_MOST = 5_000
"""Arrangements of starts that are all looked at; of more, as many are drawn."""


def findings(result: WeightMap) -> tuple[Finding, ...]:
    """Return the findings of a result: start against target, around the start or not, and what the map is worth."""
    found = _start_or_target(result) + _gather(result) + _random_starts(result)
    return (*found, _map(result), *_left_out(result))


def permutation_p(
    statistic: Callable[[np.ndarray], float], labels: np.ndarray, blocks: np.ndarray, seed: int = 0
) -> tuple[float, int]:
    """Return the two-sided p of a statistic of labels that could be permuted within blocks, and of how many ways.

    p = 2·min(share of arrangements with at least, share with at most the observed value), at most 1. All different
    arrangements count when there are at most 5,000, else as many are drawn, the observed one among them
    (Edgington & Onghena 2007, ch. 3).

    Args:
        statistic: from labels ``(n,)`` to a number.
        labels: one an item, ``(n,)``.
        blocks: items of one block exchange their labels, ``(n,)``.
        seed: of the draws.

    >>> x = np.array([1.0, 2.0, 3.0, 10.0, 11.0, 12.0])
    >>> labels = np.array([0, 0, 0, 1, 1, 1])
    >>> permutation_p(lambda of: x[of == 1].mean() - x[of == 0].mean(), labels, np.zeros(6))  # 2 of 20
    (0.1, 20)
    """
    observed = statistic(labels)
    values = np.array([statistic(of) for of in _arrangements(labels, blocks, seed)])
    slack = 1e-12 * max(1.0, abs(observed))
    share = min(float((values >= observed - slack).mean()), float((values <= observed + slack).mean()))
    return min(1.0, 2 * share), len(values)


def _arrangements(labels: np.ndarray, blocks: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    places = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    ways = math.prod(_ways(labels[at]) for at in places)
    if ways <= _MOST:
        each = [sorted(_distinct(tuple(labels[at].tolist()))) for at in places]
        for choice in product(*each):
            arranged = labels.copy()
            for at, values in zip(places, choice, strict=True):
                arranged[at] = values
            yield arranged
        return
    yield labels
    rng = numpy_generator("weight map", seed, len(labels))
    for _ in range(_MOST - 1):
        arranged = labels.copy()
        for at in places:
            arranged[at] = rng.permutation(labels[at])
        yield arranged


def _ways(labels: np.ndarray) -> int:
    counts = np.unique(labels, return_counts=True)[1]
    return math.factorial(len(labels)) // math.prod(math.factorial(int(c)) for c in counts)


def _distinct(values: tuple[int, ...]) -> set[tuple[int, ...]]:
    """All different orders of some values; they are few, or would have been drawn."""
    if len(set(values)) == len(values):
        return set(permutations(values))
    out: set[tuple[int, ...]] = set()
    for first in set(values):
        rest = list(values)
        rest.remove(first)
        out |= {(first, *others) for others in _distinct(tuple(rest))} if rest else {(first,)}
    return out


class _Trained:
    """The networks that were trained on a target, with their starts and targets as numbers."""

    def __init__(self, result: WeightMap) -> None:
        at = [i for i, p in enumerate(result.points) if p.target and p.start]
        self.at = np.array(at, dtype=np.int64)
        self.distance = result.distance[np.ix_(at, at)]
        self.names = list(dict.fromkeys(result.points[i].start for i in at))
        targets = [result.points[i].target for i in at]
        self.starts = np.array([self.names.index(result.points[i].start) for i in at], dtype=np.int64)
        self.blocks = np.array([targets.index(t) for t in targets], dtype=np.int64)
        self.pretrained = np.array([name != "random" for name in self.names], dtype=bool)
        self.upper = np.triu(np.ones(self.distance.shape, dtype=bool), 1)

    def pairs(self, starts: np.ndarray, kept: np.ndarray) -> Sides:
        """Distances of one pre-trained start and different targets, and of one target and different starts."""
        same = starts[:, None] == starts
        here = self.blocks[:, None] == self.blocks
        there = kept[:, None] & kept & self.upper
        return self.distance[same & self.pretrained[starts][:, None] & ~here & there], self.distance[
            ~same & here & there
        ]


def _start_or_target(result: WeightMap) -> list[Finding]:
    of = _Trained(result)
    near, far = of.pairs(of.starts, np.ones(len(of.at), dtype=bool))
    if not len(near) or not len(far):
        return []
    return [
        _contrast(
            of,
            of.pairs,
            result.seed,
            "Trained from one pre-trained start on different targets, networks lie {near} apart; on one target from "
            f"different starts ({listed(of.names)}), {{far}}",
            ("pair", len(near) + len(far)),
            (_START_CLAIM, 0.8),
        )
    ]


def _gather(result: WeightMap) -> list[Finding]:
    """Whether networks lie nearer to the pre-trained weights they started from than others on their target do."""
    of = _Trained(result)
    sources = {
        of.names.index(p.start): i
        for i, p in enumerate(result.points)
        if not p.target and p.role == "P" and p.start in of.names
    }
    to_source = {s: result.distance[of.at, i] for s, i in sources.items()}

    def split(starts: np.ndarray, kept: np.ndarray) -> Sides:
        empty = np.zeros(0)
        own = [d[(starts == s) & kept] for s, d in to_source.items()]
        return np.concatenate([empty, *own]), np.concatenate(
            [empty, *(d[(starts != s) & kept] for s, d in to_source.items())]
        )

    own, other = split(of.starts, np.ones(len(of.at), dtype=bool))
    if not len(own) or not len(other):
        return []
    names = listed([of.names[s] for s in sources])
    return [
        _contrast(
            of,
            split,
            result.seed,
            f"Networks trained from {names}, on {count(len(result.targets), 'target')}, lie {{near}} from it; "
            "those from other starts {far}",
            ("distance", len(own) + len(other)),
            (_GATHER_CLAIM, 0.6),
        )
    ]


def _contrast(
    of: _Trained,
    split: Callable[[np.ndarray, np.ndarray], Sides],
    seed: int,
    sentence: str,
    counted: tuple[str, int],
    claim: tuple[str, float],
) -> Finding:
    """How many times as large the second distances are as the first."""
    everyone = np.ones(len(of.at), dtype=bool)
    near, far = split(of.starts, everyone)

    def excess(starts: np.ndarray) -> float:
        a, b = split(starts, everyone)
        return float(b.mean() - a.mean())

    p, ways = permutation_p(excess, of.starts, of.blocks, seed)
    value, (low, high) = float(far.mean() / near.mean()), _jackknife(of, split)
    verdict: Verdict = "cannot tell"
    if low is not None and low > 1 and p < _P:
        verdict = "agrees"
    elif high is not None and high < 1:
        verdict = "disagrees"
    thing, n = counted
    return Finding(
        f"{sentence.format(near=_spread(near), far=_spread(far))}: {short(value)} times as far"
        f"{bracket(low, high)}, permutation p = {p:.2g} of {count(ways, 'arrangement')}; {len(near)} and "
        f"{count(len(far), thing)}, {count(len(of.at), 'network')}.",
        value=value,
        low=low,
        high=high,
        n=n,
        unit=f"{thing}s",
        claim=claim[0],
        verdict=verdict,
        weight=claim[1],
    )


def _jackknife(of: _Trained, split: Callable[[np.ndarray, np.ndarray], Sides]) -> tuple[float | None, float | None]:
    """The 95 % interval of the ratio, on the log scale, leaving out one network at a time (Efron 1982, ch. 3)."""
    ratios = []
    for left in range(len(of.at)):
        near, far = split(of.starts, np.arange(len(of.at)) != left)
        if not len(near) or not len(far) or not near.mean() or not far.mean():
            return None, None
        ratios.append(math.log(far.mean() / near.mean()))
    near, far = split(of.starts, np.ones(len(of.at), dtype=bool))
    middle, n = math.log(far.mean() / near.mean()), len(ratios)
    half = t_quantile(0.95, n - 1) * math.sqrt((n - 1) * float(np.var(ratios)))
    return math.exp(middle - half), math.exp(middle + half)


def _random_starts(result: WeightMap) -> list[Finding]:
    """The same question about random starts, of which the paper says nothing: is it the start, or pre-training?"""
    at = [i for i, p in enumerate(result.points) if p.target and p.role == "RI-T" and p.group]
    groups = np.array([result.points[i].group for i in at])
    targets = np.array([result.points[i].target for i in at])
    d, upper = result.distance[np.ix_(at, at)], np.triu(np.ones((len(at), len(at)), dtype=bool), 1)
    same, here = groups[:, None] == groups, targets[:, None] == targets
    near, far = d[same & ~here & upper], d[~same & here & upper]
    if not len(near) or not len(far):
        return []
    return [
        Finding(
            f"From one random start on different targets, networks lie {_spread(near)} apart; on one target from "
            f"different random starts {_spread(far)}: {short(far.mean() / near.mean())} times as far; "
            f"{len(near)} and {count(len(far), 'pair')}.",
            value=float(far.mean() / near.mean()),
            low=float(far.min() / near.max()),
            high=float(far.max() / near.min()),
            n=len(near) + len(far),
            unit="pairs",
            weight=0.4,
        )
    ]


def _map(result: WeightMap) -> Finding:
    """How far the picture can be trusted."""
    from scipy.stats import spearmanr

    at = np.triu_indices(len(result.points), 1)
    shown = np.linalg.norm(result.position[at[0]] - result.position[at[1]], axis=1)
    true = result.distance[at]
    rho = float(spearmanr(shown, true).statistic) if np.ptp(true) and np.ptp(shown) else math.nan
    order = f"the order of distances on it and in truth correlates with ρ = {number(rho)}" if rho == rho else (
        "all distances are equal, so it shows nothing"
    )  # fmt: skip
    return Finding(
        f"The map has a Kullback–Leibler divergence of {number(result.divergence)} at perplexity "
        f"{result.perplexity:.3g}; {order} ({count(len(true), 'pair')}). Read it for neighbours, not for distances.",
        value=rho,
        n=len(true),
        unit="pairs",
        weight=0.2,
    )


def _left_out(result: WeightMap) -> list[Finding]:
    if not result.left_out:
        return []
    shown = ", ".join(result.left_out[:6]) + (", …" if len(result.left_out) > 6 else "")
    return [
        Finding(
            f"{count(len(result.left_out), 'tensor')} left out of the distances ({shown}); "
            f"{count(len(result.compared), 'tensor')} with {count(result.numel, 'weight')} compared.",
            value=len(result.left_out),
            n=len(result.compared) + len(result.left_out),
            unit="tensors",
            weight=0.2,
        )
    ]


def _spread(values: np.ndarray) -> str:
    return short(values.mean()) + (f" ({short(values.min())} to {short(values.max())})" if len(values) > 1 else "")
