"""Data on lines between networks: errors of each image at 11 places, as the tests of the evidence simulate them."""

from __future__ import annotations

from itertools import product

import numpy as np
from tests.evidence.crossed import PARABOLA, PLACES, paths

from transferscope.evidence import Estimate, Pairs, Peak, cross_fitted, excess, kind_gain, kind_peak, pair_contrast

from .family import Truth
from .latent import Array, ring

__all__ = ["gains", "heights", "peaks"]

Rng = np.random.Generator
MIDDLE = [int(i) for i in np.flatnonzero((PLACES >= 0.25) & (PLACES <= 0.75))]
_FIRST_END = np.where(PLACES == 0, 0.0, 1.0).tolist()
_LAST_END = np.where(PLACES == 1, 0.0, 1.0).tolist()


def _which(n: int, of: str, partners: int | None = None) -> tuple[int, list[tuple[int, int]] | None, dict[str, str]]:
    """How many networks, the pairs of them, and which networks vary, as what kind."""
    if of == "two":
        return n, ring(n, partners), {f"n{i}": "P-T" for i in range(n)}
    if of == "across":
        return 2 * n, list(product(range(n), range(n, 2 * n))), {f"n{i}": "PR"[i >= n] for i in range(2 * n)}
    if of == "domains":
        return 2 * n, list(product(range(n), range(n, 2 * n))), {f"n{i}": "P-T" for i in range(2 * n)}
    return 2 * n, [(2 * i, 2 * i + 1) for i in range(n)], {f"n{2 * i + 1}": "P-T" for i in range(n)}


def peaks(
    rng: Rng, n: int, images: int, truth: Truth, *, of: str, ends: float, each: float, partners: int | None = None
) -> tuple[Peak, ...]:
    """The highest rise over the straight line: of a parabola, or, where the second number is 1, alike all along."""
    height, flat = truth
    networks, pairs, kinds = _which(n, of, partners)
    shape = None if flat else PARABOLA.tolist()
    found, names = paths(rng, networks, images, height, ends=ends, heights=each, shape=shape, pairs=pairs)
    return (kind_peak([excess(p, PLACES) for p in found], names, kinds),)


def gains(rng: Rng, n: int, images: int, truth: Truth, *, of: str, ends: float, each: float) -> tuple[Estimate, ...]:
    """By how much the best λ in the middle beats (1) the first end, (2) the last, by a margin each."""
    over_first, over_last = truth
    networks, pairs, kinds = _which(n, of)
    rate, lower = 0.3, min(over_first, over_last)
    if over_first == over_last:
        depth, shape = over_first, PARABOLA.tolist() if over_first else None
    else:  # one end is worse, all other places are alike
        depth, shape = max(over_first, over_last), _FIRST_END if over_first > over_last else _LAST_END
        assert lower == 0
        rate += depth
    found, names = paths(rng, networks, images, -depth, rate=rate, ends=ends, heights=each, shape=shape, pairs=pairs)
    return kind_gain(found, names, kinds, MIDDLE).ends


def heights(rng: Rng, n: int, images: int, truth: Truth, *, ends: float, each: float) -> tuple[Estimate, ...]:
    """Heights of pairs of RI-T of different starts less those of one start: two groups of networks."""
    sides = []
    for letter, height in (("d", 0.1 + truth[0]), ("s", 0.1)):
        found, names = paths(rng, n, images, height, ends=ends, heights=each, shape=PARABOLA.tolist())
        rows = np.stack([_cross_fitted(excess(p, PLACES)) for p in found])
        named = tuple((letter + a, letter + b) for a, b in names)
        sides.append(Pairs(named, rows.mean(1), {letter + f"n{i}": "RI-T" for i in range(n)}, rows))
    return (pair_contrast(*sides),)


def _cross_fitted(rises: Array) -> Array:
    return cross_fitted(
        lambda half: int(rises[:, half].mean(1).argmax()), lambda at: rises[at], rises.shape[1]
    ).values
