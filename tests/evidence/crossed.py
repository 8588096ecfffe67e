"""Errors of networks on images, both a sample: some images are hard for all networks, some for one kind."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from scipy.special import ndtri

PLACES = np.linspace(0, 1, 11)


def errors(rng: np.random.Generator, n: int, images: int, *, rate=0.35, kind=0.5, network=0.15, shift=0.0):  # type: ignore[no-untyped-def]
    """Errors ``(n, images)`` of two kinds whose rates over all images and networks are rate + shift and rate."""
    hard = rng.standard_normal(images)
    total = np.sqrt(2 + kind**2 + network**2)
    kinds = []
    for extra in (shift, 0.0):
        latent = hard + kind * rng.standard_normal(images) + network * rng.standard_normal((n, 1))
        latent = latent + rng.standard_normal((n, images))
        kinds.append((latent > -total * ndtri(rate + extra)).astype(float))
    return kinds


def paths(  # type: ignore[no-untyped-def]
    rng: np.random.Generator, n: int, images: int, height: float, *, rate=0.3, ends=0.02, heights=0.01, wiggle=0.0,
    shape: Sequence[float] | None = None, pairs: Sequence[tuple[int, int]] | None = None,
):  # fmt: skip
    """Errors ``(places, images)`` on the line of each pair, whose mean rise at λ is height·shape(λ); and names."""
    hard, own = rng.standard_normal(images), rng.standard_normal((n, images))
    end, high, each = ends * rng.standard_normal(n), heights * rng.standard_normal(n), rng.standard_normal((n, 11))
    inner = (PLACES > 0) & (PLACES < 1)
    shaped = inner.astype(float) if shape is None else np.asarray(shape)
    found = []
    pairs = list(combinations(range(n), 2)) if pairs is None else pairs
    for a, b in pairs:
        error = rate + end[a] * (1 - PLACES) + end[b] * PLACES + (height + high[a] + high[b]) * shaped
        error = error + wiggle * (each[a] + each[b]) * inner
        mixed = (1 - PLACES)[:, None] * own[a] + PLACES[:, None] * own[b]
        latent = hard + mixed / np.sqrt(PLACES**2 + (1 - PLACES) ** 2)[:, None]
        found.append((latent > (-np.sqrt(2) * ndtri(error))[:, None]).astype(float))
    return found, [(f"n{a}", f"n{b}") for a, b in pairs]


SPIKE = np.where(PLACES == 0.5, 1.0, 0.5) * ((PLACES > 0) & (PLACES < 1))
PARABOLA = 4 * PLACES * (1 - PLACES)
