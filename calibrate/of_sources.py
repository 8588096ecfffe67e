"""Data of kinds of pre-training that are paired by their seed: sources, objectives, choices of images."""

from __future__ import annotations

from itertools import combinations
from typing import Literal

import numpy as np
from scipy.special import ndtri

from transferscope.evidence import Estimate, mean
from transferscope.evidence.draws import with_draws

from .family import Truth
from .latent import Array

__all__ = ["paired"]

Rng = np.random.Generator


def paired(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, of: Literal["each two", "the last"]
) -> tuple[Estimate, ...]:
    """By how much kinds classify better than others, seed by seed, over five draws of the support.

    Right are images whose latent number is under a level; a draw moves all images of all kinds, and besides each
    kind, of all seeds alike; a seed moves what kinds have in common a little.

    Args:
        rng: of the data.
        n: seeds.
        images: of the target.
        truth: differences: of ``each two`` of three kinds (first less second, first less third, second less third),
            or of each kind less ``the last``.
        rate: of the last kind.
        network: latent spread of each network.
        of: which differences are judged.
    """
    levels = [rate + truth[1], rate + truth[2], rate] if of == "each two" else [*(rate + t for t in truth), rate]
    hard, shared = rng.standard_normal(images), 0.2 * rng.standard_normal((5, 1, 1))
    common = 0.05 * rng.standard_normal((n, 1))

    def right(at: float) -> Array:
        own, each = rng.standard_normal((n, images)), network * rng.standard_normal((n, 1))
        drawn = shared + 0.1 * rng.standard_normal((5, 1, 1))
        fresh = 0.7 * rng.standard_normal((5, n, images))
        spread = 2 + 0.49 + 0.05 + 0.0025 + network**2
        return (hard + own + common + each + drawn + fresh < np.sqrt(spread) * ndtri(at)).astype(np.float64)

    kinds = [right(level) for level in levels]
    places = list(combinations(range(3), 2)) if of == "each two" else [(i, len(truth)) for i in range(len(truth))]
    found = []
    for first, second in places:
        gain = kinds[first] - kinds[second]
        each = gain.mean(0)
        found.append(with_draws(mean(each.mean(1), each, over="pre-trainings"), gain.mean((1, 2))))
    return tuple(found)
