"""The A/A study: real networks of one kind, split at random into two groups that differ by name only."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferscope.evidence import (
    Estimate,
    Pairs,
    contrast,
    cross_fitted,
    excess,
    judge,
    pair_contrast,
    pair_mean,
    pair_ratio,
    ratio,
)
from transferscope.evidence.images import PerImage, Resampled
from transferscope.questions.mistakes.difficulty import easier
from transferscope.rng import numpy_generator

from .aa_networks import LAMBDAS, Measured

__all__ = ["splits"]

Array = NDArray[np.float64]
_GROUP = 5


@dataclass(frozen=True, eq=False)
class _Split:
    """Two groups of networks, and the numbers of their pairs."""

    of: Measured
    first: list[int]
    second: list[int]

    def __post_init__(self) -> None:
        place = {frozenset(pair): i for i, pair in enumerate(self.of.pairs)}
        object.__setattr__(self, "_place", place)

    def pairs(self, names: list[tuple[int, int]], values: Array, examples: PerImage | None = None) -> Pairs:
        kinds = {str(j): "P-T" for j in self.first} | {str(j): "RI-T" for j in self.second}
        return Pairs(tuple((str(a), str(b)) for a, b in names), values, kinds, examples)

    def _at(self, names: list[tuple[int, int]]) -> list[int]:
        return [self._place[frozenset(name)] for name in names]  # type: ignore[attr-defined]

    def distances(self, names: list[tuple[int, int]]) -> Pairs:
        return self.pairs(names, self.of.apart[self._at(names)])

    def similarities(self, names: list[tuple[int, int]]) -> Pairs:
        at, images = self._at(names), self.of.cka_images
        return self.pairs(names, self.of.cka[at], Resampled(images.values[at], images.images))

    def disagreements(self, names: list[tuple[int, int]]) -> Pairs:
        each = np.stack([self.of.right[a] != self.of.right[b] for a, b in names]).astype(np.float64)
        return self.pairs(names, each.mean(1), each)

    def hardness(self) -> Estimate:
        right = np.stack([self.of.right[j] for j in (*self.first, *self.second)]).astype(np.int8)[:, :, None]
        n, names = len(self.first), [str(j) for j in (*self.first, *self.second)]
        judging = {i: "P-T" if i < n else "RI-T" for i in range(len(names))}
        found = easier(right, names, judging, list(product(range(n), range(n, len(names)))))
        return Estimate(math.nan) if found is None else pair_mean(found.sample)

    def classes(self) -> list[Estimate]:
        rows = [self.of.right[of] for of in (self.first, self.second)]
        found = []
        for label in np.unique(self.of.labels):
            near, far = (row[:, self.of.labels == label] for row in rows)
            found.append(contrast(near.mean(1), far.mean(1), (near, far)))
        return found


def splits(of: Measured, times: int) -> pd.DataFrame:
    """Split networks at random, judge claims of a difference, and count verdicts.

    Args:
        of: what was measured.
        times: how many splits.

    Returns:
        One row a claim: what was compared, how many networks there are to split, splits, verdicts.
    """
    counts: dict[tuple[str, str, int], list[str]] = {}
    on_lines = 1 + max(b for _, b in of.lines)
    for split in range(times):
        rng = numpy_generator("aa", split)
        for claim, what, among, evidence in (*_all(of, rng), *_lines(of, rng, on_lines)):
            counts.setdefault((claim, what, among), []).append(judge(claim, *evidence).verdict)
    return pd.DataFrame(
        [
            (claim, what, among, len(said), said.count("agrees"), said.count("disagrees"))
            for (claim, what, among), said in counts.items()
        ],
        columns=["claim", "what", "networks", "splits", "agrees", "disagrees"],
    )


Judged = tuple[str, str, int, list[Estimate]]


def _all(of: Measured, rng: np.random.Generator) -> Iterator[Judged]:
    chosen = rng.permutation(len(of.right))[: 2 * _GROUP].tolist()
    split = _Split(of, chosen[:_GROUP], chosen[_GROUP:])
    p, r, n = split.first, split.second, len(of.right)
    pp, rr, pr = list(combinations(p, 2)), list(combinations(r, 2)), list(product(p, r))
    accuracy = contrast(of.right[p].mean(1), of.right[r].mean(1), (of.right[p], of.right[r]))
    yield "000-3.1-a", "accuracy at the end", n, [accuracy]
    yield "000-3.1-b", "speed", n, [contrast(of.speed[p], of.speed[r])]
    yield "000-3.2-a", "disagreement, across less within", n, [
        pair_contrast(split.disagreements(pr), split.disagreements(pp))
    ]  # fmt: skip
    yield "000-B.2-a", "disagreement, within the one less the other", n, [
        pair_contrast(split.disagreements(rr), split.disagreements(pp))
    ]  # fmt: skip
    yield "000-3.2-b", "hardness for all others", n, [split.hardness()]
    yield "000-3.2-c", "CKA, within the one less the other", n, [
        pair_contrast(split.similarities(pp), split.similarities(rr))
    ]  # fmt: skip
    yield "000-3.2-d", "CKA, within less across", n, [pair_contrast(split.similarities(pp), split.similarities(pr))]
    yield "000-3.2-g", "distance, within the one over the other", n, [
        pair_ratio(split.distances(rr), split.distances(pp))
    ]  # fmt: skip
    yield "000-3.2-i", "distance to the own start", n, [ratio(of.moved[r], of.moved[p])]
    yield "000-B.2-b", "accuracy in every class", n, split.classes()
    yield "000-C-c", "Σ‖W‖_F/‖W‖₂, twice", n, [ratio(of.stable[r], of.stable[p])] * 2


def _lines(of: Measured, rng: np.random.Generator, among: int) -> Iterator[Judged]:
    chosen = rng.permutation(among)[: 2 * _GROUP].tolist()
    split, sides = _Split(of, chosen[:_GROUP], chosen[_GROUP:]), []
    for group in (split.first, split.second):
        names = list(combinations(sorted(group), 2))
        rows = np.stack([_cross_fitted(excess(of.lines[name], LAMBDAS)) for name in names])
        sides.append(split.pairs(names, rows.mean(1), rows))
    yield "000-B.5-a", "height of the line", among, [pair_contrast(*sides)]


def _cross_fitted(rises: Array) -> Array:
    return cross_fitted(
        lambda half: int(rises[:, half].mean(1).argmax()), lambda at: rises[at], rises.shape[1]
    ).values
