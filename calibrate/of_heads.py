"""Data of pre-trainings: probes at two places, and a grid of one setting of the head, a row a seed."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from transferscope.evidence import Estimate, mean, slopes
from transferscope.evidence.draws import with_draws

from .family import Truth
from .latent import Array

__all__ = ["graded", "gradients", "probed"]

Rng = np.random.Generator


def probed(rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float) -> tuple[Estimate, ...]:
    """By how much one place classifies better than another, of n pre-trainings, over five draws of the support.

    Right are images whose latent number is under a level; a draw moves all images of both places, and besides each
    place, of all networks alike.
    """
    hard = rng.standard_normal(images)
    shared = 0.2 * rng.standard_normal((5, 1, 1))

    def right(at: float) -> Array:
        own, each = rng.standard_normal((n, images)), network * rng.standard_normal((n, 1))
        drawn = shared + 0.05 * rng.standard_normal((5, 1, 1))
        fresh = 0.5 * rng.standard_normal((5, n, images))
        spread = 2 + 0.25 + 0.0425 + network**2
        return (hard + own + each + drawn + fresh < np.sqrt(spread) * ndtri(at)).astype(np.float64)

    gain = right(rate + truth[0]) - right(rate)
    each = gain.mean(0)
    return (with_draws(mean(each.mean(1), each, over="pre-trainings"), gain.mean((1, 2))),)


def graded(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, draws: int = 1, draw: float = 0.0
) -> tuple[Estimate, ...]:
    """Slopes of a metric over three values a tenfold apart, one a seed; of several targets the images are others.

    A draw moves all networks of one value alike.
    """
    x = np.array([-1.0, 0.0, 1.0])
    found = []
    for slope in truth:
        hard, own = rng.standard_normal(images), rng.standard_normal((n, images))
        each = network * rng.standard_normal((3, n, 1)) + draw * rng.standard_normal((draws, 3, 1, 1))
        latent = hard + own + each + 0.5 * rng.standard_normal((draws, 3, n, images))
        level = np.sqrt(2 + 0.25 + network**2 + draw**2) * ndtri(rate + slope * x)
        right = (latent < level[:, None, None]).astype(np.float64)
        seen = right.mean(0)
        rows = np.stack([slopes(x, seen[:, seed].T) for seed in range(n)])
        change = mean(slopes(x, seen.mean(2).T), rows, over="pre-trainings")
        found.append(with_draws(change, slopes(x, right.mean((2, 3)))) if draws > 1 else change)
    return tuple(found)


def gradients(rng: Rng, n: int, images: int, truth: Truth, *, common: float, each: float) -> tuple[Estimate, ...]:
    """Slopes of several quantities without images over three values a tenfold apart, one a seed.

    What a seed has at a value moves all quantities; ``common`` is the spread of that, ``each`` what is their own.
    """
    x = np.array([-1.0, 0.0, 1.0])
    shared = common * rng.standard_normal((n, 3))
    return tuple(
        mean(slopes(x, slope * x + shared + each * rng.standard_normal((n, 3))), over="pre-trainings")
        for slope in truth
    )
