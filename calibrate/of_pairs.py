"""Data of pairs of networks, each network in several pairs; where images vary, all pairs see the same ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, product

import numpy as np

from transferscope.evidence import Estimate, Pairs, pair_contrast, pair_mean, pair_ratio
from transferscope.evidence.images import Resampled
from transferscope.questions.distance.findings import growth
from transferscope.questions.extrapolation.findings import typical_edge
from transferscope.questions.mistakes.difficulty import easier

from .family import Truth
from .latent import Array, alike, disagreement, kinds_alike, ring

__all__ = ["basins", "depths_of_pairs", "disagreements_across", "disagreements_within", "distances", "edges",
           "gathering", "hardness", "last_modules", "likeness", "targets_and_starts"]  # fmt: skip

_RESAMPLES = 200

Rng = np.random.Generator
Names = list[tuple[str, str]]


def _named(letter: str, n: int) -> list[str]:
    return [f"{letter}{i}" for i in range(n)]


def _kinds(*groups: Sequence[str]) -> dict[str, str]:
    return {name: group[0][0] for group in groups for name in group}


class _Numbers:
    """Numbers of pairs: a + b + a pair's own + what images do to all pairs, to those of a network."""

    def __init__(
        self,
        rng: Rng,
        networks: Sequence[str],
        images: int,
        *,
        each: float,
        own: float,
        hard: float,
        of_images: float,
    ) -> None:
        self.rng, self.own, self.images = rng, own, images
        self.effect = {name: each * rng.standard_normal() for name in networks}
        self.hard = hard * rng.standard_normal(images) if images else None
        self.row = {name: of_images * rng.standard_normal(images) for name in networks} if images else {}

    def pairs(self, names: Names, kinds: dict[str, str], level: float) -> Pairs:
        values = np.array([self.effect.get(a, 0.0) + self.effect.get(b, 0.0) for a, b in names])
        values = level + values + self.own * self.rng.standard_normal(len(names))
        if self.hard is None:
            return Pairs(tuple(names), values, kinds)
        rows = np.stack([v + self.hard + self.row[a] + self.row[b] for v, (a, b) in zip(values, names, strict=True)])
        return Pairs(tuple(names), rows.mean(1), kinds, rows)


def distances(
    rng: Rng, n: int, images: int, truth: Truth, *, near: float, far: float, own: float, partners: int | None = None
) -> tuple[Estimate, ...]:
    """Distances of two RI-T over those of two P-T; a logarithm is a sum of what both networks bring and the rest."""
    sides = []
    for letter, level, spread in (("R", truth[0], far), ("P", 1.0, near)):
        names = _named(letter, n)
        effect = dict(zip(names, spread * rng.standard_normal(n), strict=True))
        pairs = [(names[a], names[b]) for a, b in ring(n, partners)]
        values = [level * np.exp(effect[a] + effect[b] + own * rng.standard_normal()) for a, b in pairs]
        # Means are compared, so the means of both kinds are made equal.
        values = np.array(values) / np.exp(spread**2 + own**2 / 2)
        sides.append(Pairs(tuple(pairs), values, _kinds(names)))
    return (pair_ratio(*sides),)


def targets_and_starts(
    rng: Rng, n: int, images: int, truth: Truth, *, each: float, own: float, targets: int = 3
) -> tuple[Estimate, ...]:
    """Pairs of one target and different starts over pairs of one pre-trained start and different targets."""
    rows = {k: [[f"{k}{t}.{i}" for i in range(n)] for t in range(targets)] for k in "RP"}
    effect = {name: each * rng.standard_normal() for k in rows for of in rows[k] for name in of}
    apart = [pair for of in rows["R"] for pair in combinations(of, 2)]
    together = [pair for a, b in combinations(rows["P"], 2) for pair in product(a, b)]
    kinds = {name: name[0] for name in effect}
    sides = [
        Pairs(
            tuple(pairs),
            np.array([level * np.exp(effect[a] + effect[b] + own * rng.standard_normal()) for a, b in pairs]),
            kinds,
        )
        for pairs, level in ((apart, truth[0]), (together, 1.0))
    ]
    return (pair_ratio(*sides),)


def gathering(rng: Rng, n: int, images: int, truth: Truth, *, each: float) -> tuple[Estimate, ...]:
    """Distances to the pre-trained weights, one a network: pairs with one network that does not vary."""
    sides = []
    for letter, level in (("R", truth[0]), ("P", 1.0)):
        names = _named(letter, n)
        values = level * np.exp(each * rng.standard_normal(n))
        sides.append(Pairs(tuple(("start", name) for name in names), values, _kinds(names)))
    return (pair_ratio(*sides),)


def depths_of_pairs(
    rng: Rng, n: int, images: int, truth: Truth, *, wander: bool, depth: int = 6
) -> tuple[Estimate, ...]:
    """How much the distance of a module grows with depth, pair by pair: a network's modules tell in all its pairs."""
    found = []
    for letter, t in zip("PR", truth, strict=True):
        names = _named(letter, n)
        rows = 0.2 * rng.standard_normal((n, depth))
        rows = rows.cumsum(1) if wander else rows
        pairs = list(combinations(range(n), 2))
        logs = np.array([rows[a] + rows[b] + 0.1 * rng.standard_normal(depth) for a, b in pairs])
        logs = logs + np.log(t) * np.linspace(0, 1, depth)
        sample = partial(Pairs, tuple((names[a], names[b]) for a, b in pairs), kinds=_kinds(names))
        found.append(growth(np.exp(logs), sample))
    return tuple(found)


def likeness(
    rng: Rng, n: int, images: int, truth: Truth, *, sides: str, each: float, own: float, hard: float, of_images: float
) -> tuple[Estimate, ...]:
    """A similarity (CKA) of some pairs less that of others: two P-T, two RI-T, one of each, or P and a P-T."""
    near, far = _named("P", n), _named("R", n)
    kinds = _kinds(near, far)
    made: dict[str, Names] = {
        "PP": list(combinations(near, 2)),
        "RR": list(combinations(far, 2)),
        "PR": list(product(near, far)),
        "given": [("start", name) for name in near],
    }
    what = _Numbers(rng, [*near, *far, "start"], images, each=each, own=own, hard=hard, of_images=of_images)
    what.effect.pop("start")
    first, second = sides.split("-")
    return (
        pair_contrast(
            what.pairs(made[first], kinds, 0.5 + truth[0]), what.pairs(made[second], kinds, 0.5)
        ),
    )  # fmt: skip


def last_modules(
    rng: Rng, n: int, images: int, truth: Truth, *, each: float, own: float, hard: float, of_images: float
) -> tuple[Estimate, ...]:
    """The last module's similarity less that of each other module, over all pairs with an RI-T."""
    near, far = _named("P", n), _named("R", n)
    kinds, names = _kinds(near, far), [*combinations(far, 2), *product(near, far)]
    layers = [
        _Numbers(rng, [*near, *far], images, each=each, own=own, hard=hard, of_images=of_images).pairs(
            names, kinds, t
        )
        for t in (0.5, *(0.5 - t for t in truth))
    ]
    last = layers[0]
    assert last.examples is not None
    return tuple(
        pair_mean(Pairs(tuple(names), last.values - other.values, kinds, last.examples - other.examples))  # type: ignore[operator]
        for other in layers[1:]
    )


def _apart(names: Names, kinds: dict[str, str], rows: dict[str, Array]) -> Pairs:
    """The share of images that exactly one of the two gets right."""
    each = np.stack([rows[a] != rows[b] for a, b in names]).astype(np.float64)
    return Pairs(tuple(names), each.mean(1), kinds, each)


def _both(rng: Rng, n: int, images: int, rate: float, within: Sequence[float], across: float, network: float):  # type: ignore[no-untyped-def]
    near, far = _named("P", n), _named("R", n)
    errors = kinds_alike(rng, n, images, rate, within, across, network)
    rows = dict(zip(near, errors[0], strict=True)) | dict(zip(far, errors[1], strict=True))
    return near, far, _kinds(near, far), rows


def disagreements_across(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, across: float, network: float
) -> tuple[Estimate, ...]:
    """Disagreement of a P-T and an RI-T less that of two P-T; latent correlations of errors give the truth."""
    within = alike(rate, disagreement(rate, across) - truth[0])
    near, far, kinds, rows = _both(rng, n, images, rate, (within, within), across, network)
    return (
        pair_contrast(
            _apart(list(product(near, far)), kinds, rows), _apart(list(combinations(near, 2)), kinds, rows)
        ),
    )


def disagreements_within(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, within: float, network: float
) -> tuple[Estimate, ...]:
    """Disagreement of two RI-T less that of two P-T."""
    found = []
    for t in truth:
        other = alike(rate, disagreement(rate, within) + t)
        across = 0.8 * min(within, other)
        near, far, kinds, rows = _both(rng, n, images, rate, (within, other), across, network)
        found.append(
            pair_contrast(
                _apart(list(combinations(far, 2)), kinds, rows), _apart(list(combinations(near, 2)), kinds, rows)
            )
        )
    return tuple(found)


def hardness(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, within: float, across: float, network: float
) -> tuple[Estimate, ...]:
    """How much more often all others are right on what only an RI-T gets wrong than on what only a P-T gets wrong.

    RI-T are less alike than P-T where the truth is not 0: their correlation is ``within`` less 2.4 times the truth,
    which gives about that truth (0.1 of 0.1 in a simulation of 400,000 images).
    """
    near, far, _, rows = _both(rng, n, images, rate, (within, within - 2.4 * truth[0]), across, network)
    right = np.stack([1 - rows[name] for name in (*near, *far)]).astype(np.int8)[:, :, None]
    judging = {i: "P-T" if i < n else "RI-T" for i in range(2 * n)}
    found = easier(right, [*near, *far], judging, list(product(range(n), range(n, 2 * n))))
    if found is None:  # of few images, and networks that err alike
        return (Estimate(math.nan),)
    return (pair_mean(found.sample),)


def basins(
    rng: Rng, n: int, images: int, truth: Truth, *, each: float, own: float, of_images: float
) -> tuple[Estimate, ...]:
    """ε and the excess of the error around a basin, of all pairs of one kind; both vary with networks and images."""
    names = _named("P", n)
    pairs, kinds = list(combinations(names, 2)), _kinds(names)
    return tuple(
        pair_mean(
            _Numbers(
                rng, names, images, each=f * each, own=f * own, hard=f * of_images, of_images=f * of_images / 2
            ).pairs(pairs, kinds, t)
        )
        for t, f in zip(truth, (1.0, 3.0), strict=True)
    )


def edges(
    rng: Rng, n: int, images: int, truth: Truth, *, each: float, own: float, of_images: float, reach: float = 1.0
) -> tuple[Estimate, ...]:
    """Where the error has risen, in distances, of pairs of P-T: never under 0, skewed, and known up to a reach."""
    names = _named("P", n)
    pairs, kinds = list(combinations(names, 2)), _kinds(names)
    what = _Numbers(rng, names, images, each=each, own=own, hard=of_images, of_images=of_images / 2)
    found = what.pairs(pairs, kinds, np.log(truth[0]))
    assert isinstance(found.examples, np.ndarray)
    drawn = rng.integers(images, size=(_RESAMPLES, images)) + images * np.arange(_RESAMPLES)[:, None]
    weights = np.bincount(drawn.ravel(), minlength=_RESAMPLES * images).reshape(_RESAMPLES, images) / images
    draws = Resampled(np.minimum(np.exp(found.examples @ weights.T), reach), images)
    return (typical_edge(replace(found, values=np.minimum(np.exp(found.values), reach), examples=draws), 0.1),)
