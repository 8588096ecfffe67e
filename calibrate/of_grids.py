"""Grids of networks: up- and downstream accuracies about a law, factors that may add to it; measures of errors.

Each configuration is trained with several seeds, whose networks are alike by more than their factors.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from transferscope.evidence import Estimate, measured
from transferscope.evidence.ranks import rank_contrast, rank_correlation
from transferscope.numerics.law_profile import floor_profile
from transferscope.numerics.power_law import fit_power_law
from transferscope.numerics.same_curve import curve_offsets
from transferscope.questions.scaling.findings import LEAST_FLOOR
from transferscope.questions.scaling.floor import floor_estimate

from .family import Truth

__all__ = ["floors", "needs", "offsets", "rank_contrasts", "rank_correlations"]

Rng = np.random.Generator
_TESTED = 1000
_SEEDS = 3
_ALIKE = 0.96
"""Of the variance between networks, the share of their configuration; the rest is the seeds'."""


def _downstream(rng: Rng, x: np.ndarray, floor: float, scatter: float, seed: float) -> np.ndarray:
    """Downstream accuracies about e = 0.8·e_US^1.5 + e_∞, ``(seeds, n)``, ``scatter`` that of configurations."""
    about = 1 - (0.8 * (1 - x) ** 1.5 + floor) + scatter * rng.standard_normal(len(x))
    return np.asarray(about + seed * rng.standard_normal((_SEEDS, len(x))))


def _tested(rng: Rng, accuracy: np.ndarray) -> np.ndarray:
    return rng.binomial(_TESTED, np.clip(accuracy, 0, 1)) / _TESTED


def floors(rng: Rng, n: int, images: int, truth: Truth, *, scatter: float, seed: float) -> tuple[Estimate, ...]:
    """The floor of the law of all configurations from 10 to 90 % upstream, their seeds averaged, with its profile."""
    true = rng.uniform(0.1, 0.9, n)
    y = _tested(rng, _downstream(rng, true, truth[0], scatter, seed)).mean(0)
    x = _tested(rng, np.broadcast_to(true, (_SEEDS, n))).mean(0)
    if len(np.unique(x)) < 5:
        return (Estimate(float("nan")),)
    law = fit_power_law(1 - x, 1 - y)
    return (floor_estimate(law.floor, floor_profile(1 - x, 1 - y, law), n, LEAST_FLOOR),)


def offsets(rng: Rng, n: int, images: int, truth: Truth, *, scatter: float, seed: float) -> tuple[Estimate, ...]:
    """What factors add; the first also moves models along the curve, so that it goes with upstream accuracy."""
    levels = rng.integers(0, 3, (n, len(truth))) / 2
    if n < 4 + len(truth) + 1:
        return ()
    x = np.clip(0.1 + 0.5 * levels[:, 0] + 0.3 * rng.random(n), 0, 0.9)
    y = _downstream(rng, x, 0.1, scatter, seed) + levels @ np.array(truth)
    x, y = _tested(rng, np.tile(x, _SEEDS)), _tested(rng, y.ravel())
    names, groups = [str(i) for i in range(len(truth))], list(range(n)) * _SEEDS
    return tuple(
        measured(o.offset, over="networks", n=n, spread=o.variance, freedom=float(o.freedom))
        for o in curve_offsets(x, y, names, np.tile(levels, (_SEEDS, 1)), _TESTED, groups)
    )


def _networks(rng: Rng, n: int) -> np.ndarray:
    """A normal number of each network, of n configurations with two seeds each."""
    own = np.sqrt(_ALIKE) * rng.standard_normal(n) + np.sqrt(1 - _ALIKE) * rng.standard_normal((2, n))
    return np.asarray(own.ravel())


def _measured(rng: Rng, g: np.ndarray, tau: float) -> np.ndarray:
    """A measure with this τ with normal numbers: of two normal ones τ = 2/π·arcsin ρ (Greiner 1909)."""
    rho = np.sin(np.pi / 2 * tau)
    return np.asarray(rho * g + np.sqrt(1 - rho**2) * _networks(rng, len(g) // 2))


def _wrong(rng: Rng, g: np.ndarray, images: int) -> np.ndarray:
    """Which images each network gets wrong, about 30 % on average: how hard an image is for all, and g of each."""
    latent = rng.standard_normal(images) + 0.4 * g[:, None] + rng.standard_normal((len(g), images))
    return np.asarray((latent > 0.52 * np.sqrt(2.16)).astype(np.float64))


def rank_correlations(rng: Rng, n: int, images: int, truth: Truth) -> tuple[Estimate, ...]:
    """Kendall's τ of a measure and test errors that are measured on images, the same ones for all networks."""
    g = _networks(rng, n)
    wrong = _wrong(rng, g, images)
    return (rank_correlation(_measured(rng, g, truth[0]), wrong.mean(1), wrong, [*range(n)] * 2),)


def rank_contrasts(rng: Rng, n: int, images: int, truth: Truth, *, own: float) -> tuple[Estimate, ...]:
    """How far the τ of one measure is ahead of those of others."""
    g, groups = _networks(rng, n), [*range(n)] * 2
    wrong, first = _wrong(rng, g, images), _measured(rng, g, own)
    return tuple(rank_contrast(first, _measured(rng, g, own - t), wrong.mean(1), wrong, groups) for t in truth)


def needs(rng: Rng, n: int, images: int, truth: Truth) -> tuple[Estimate, ...]:
    """Kendall's τ over targets of two shares, each measured on one half of a target's images.

    What is left to gain is never under 0, so that some targets are tied there.
    """
    g = rng.standard_normal(n)
    rho = np.sin(np.pi / 2 * truth[0])
    h = rho * g + np.sqrt(1 - rho**2) * rng.standard_normal(n)
    had = rng.uniform(0.1, 0.5, n)

    def share(true: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal((2, n)) * 0.4 / np.sqrt(images / 2)
        return np.asarray(np.maximum(true * had + noise[0], 0.0) / (had + noise[1]))

    return (replace(rank_correlation(share(np.maximum(0.3 + 0.25 * g, 0)), share(0.4 + 0.15 * h)), over="targets"),)
