"""Errors of networks on images, both a sample, with a known truth.

A network is wrong on an image when a latent normal number is over a threshold. It is the sum of how hard the image is
for all networks (variance 1), for a kind of networks, how weak the network is, and what only this network makes of
this image (variance 1). Two networks of one kind then err together about as much as real ones do.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri, owens_t

from transferscope.models.solution import Solution
from transferscope.questions._run_pairs import pairs_among

__all__ = ["Array", "alike", "changed", "correlated", "disagreement", "errors_of", "kinds_alike", "ring"]

Array = NDArray[np.float64]


def errors_of(
    rng: np.random.Generator,
    n: int,
    images: int,
    rates: Sequence[float],
    *,
    kind: float = 0.5,
    network: float = 0.15,
) -> list[Array]:
    """Return errors ``(n, images)`` of several kinds whose rates over all images and networks are given.

    For two kinds it is what the tests of the evidence simulate (a test holds the two equal).

    Args:
        rng: of the data.
        n: networks of each kind.
        images: how many.
        rates: one a kind.
        kind: standard deviation of what makes an image hard for one kind only.
        network: standard deviation between networks of a kind.
    """
    hard = rng.standard_normal(images)
    total = np.sqrt(2 + kind**2 + network**2)
    found = []
    for rate in rates:
        latent = hard + kind * rng.standard_normal(images) + network * rng.standard_normal((n, 1))
        latent = latent + rng.standard_normal((n, images))
        found.append((latent > -total * ndtri(rate)).astype(np.float64))
    return found


def changed(
    rng: np.random.Generator, n: int, images: int, rise: float, *, rate: float, network: float, keep: float = 0.8
) -> Array:
    """Return by how much networks are wrong on each image after a change and were not before: −1, 0 or 1.

    Args:
        rng: of the data.
        n: networks.
        images: how many.
        rise: of the error's rate over all networks and images.
        rate: of errors before.
        network: standard deviation between networks of how strongly the change tells, latent.
        keep: which share of what a network makes of an image outlasts the change.
    """
    hard, own = rng.standard_normal(images), rng.standard_normal((n, images))
    fresh, each = rng.standard_normal((n, images)), network * rng.standard_normal((n, 1))
    before = hard + own > -np.sqrt(2) * ndtri(rate)
    latent = hard + keep * own + np.sqrt(1 - keep**2) * fresh + each
    after = latent > -np.sqrt(2 + network**2) * ndtri(rate + rise)
    return np.asarray(after.astype(np.float64) - before)


def disagreement(rate: float, correlation: float) -> float:
    """Return the share of images on which exactly one of two networks errs.

    4·T(h, √((1 − ρ)/(1 + ρ))) with Owen's T and h = Φ⁻¹(rate).

    Source: Owen 1956.
    """
    return float(4 * owens_t(ndtri(rate), np.sqrt((1 - correlation) / (1 + correlation))))


def alike(rate: float, share: float) -> float:
    """Return the latent correlation at which two networks disagree on a share of images."""
    return float(brentq(lambda r: disagreement(rate, r) - share, -0.5, 0.9999))


def kinds_alike(
    rng: np.random.Generator,
    n: int,
    images: int,
    rate: float,
    within: Sequence[float],
    across: float,
    network: float = 0.1,
) -> list[Array]:
    """Return errors of kinds whose networks have given latent correlations within a kind and across.

    Args:
        rng: of the data.
        n: networks of each kind.
        images: how many.
        rate: of errors, for all.
        within: correlation of two networks of a kind, one a kind, at least ``across``.
        across: of two of different kinds.
        network: standard deviation of how far the share that a network has of its own differs.
    """
    hard = rng.standard_normal(images)
    found = []
    for correlation in within:
        mine = np.sqrt(across) * hard + np.sqrt(max(correlation - across, 0.0)) * rng.standard_normal(images)
        # A network that goes more its own way disagrees more with all others; its rate of errors stays.
        weight = np.clip(1 + network * rng.standard_normal((n, 1)), 0.5, 1 / np.sqrt(correlation) - 1e-9)
        latent = weight * mine + np.sqrt(1 - weight**2 * correlation) * rng.standard_normal((n, images))
        found.append((latent > -ndtri(rate)).astype(np.float64))
    return found


def correlated(rng: np.random.Generator, shape: tuple[int, ...], parts: int, correlation: float) -> Array:
    """Return standard normal numbers ``(parts, *shape)`` with one correlation between parts."""
    common = rng.standard_normal(shape)
    own = rng.standard_normal((parts, *shape))
    return np.asarray(np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def ring(n: int, partners: int | None = None) -> list[tuple[int, int]]:
    """Return the pairs of n networks of a kind, each with the next few others, as a study joins them; or all.

    >>> ring(4, 1)
    [(0, 1), (0, 3), (1, 2), (2, 3)]
    """
    networks = [Solution(str(i), {}, "P-T", "P") for i in range(n)]
    return [(int(a.label), int(b.label)) for a, b in pairs_among(networks, partners)]
