"""Flatness in numbers: how the loss changes in random directions, and what a plane of losses has in it."""

from __future__ import annotations

import numpy as np
import torch

from ...numerics.bootstrap import resampled_means
from ...rng import numpy_generator

__all__ = ["MEASURES", "STEP", "resampled_rises", "slope_of", "spread", "within_of"]

MEASURES = ("rise", "change")
"""Mean of L(θ + d) − L(θ), and mean of its size |L(θ + d) − L(θ)|, over directions d."""

STEP = 0.05
"""Nats between two contours of the paper's figures (002, appendix A)."""


def resampled_rises(rays: np.ndarray, centre: np.ndarray, seed: int, resamples: int) -> np.ndarray:
    """Return both measures on resamples of the planes and, at once, of the images.

    Networks that are measured on the same images in the same planes have the same resamples: their differences are
    paired. One plane alone is never resampled.

    Args:
        rays: losses ``(radii, planes, 4, n)`` at +a, −a, +b, −b of each plane.
        centre: losses ``(n,)`` at θ.
        seed: of the resamples.
        resamples: how many.

    Returns:
        ``(2, radii, resamples)``.
    """
    radii, planes, ways, n = rays.shape
    rows = torch.from_numpy(np.concatenate([centre[None], rays.reshape(-1, n)]).astype(np.float64))
    means = resampled_means(rows, seed=seed, resamples=resamples).numpy()
    with np.errstate(invalid="ignore"):  # ∞ − ∞ at a network whose own loss is not finite
        steps = (means[:, 1:] - means[:, :1]).reshape(resamples, radii, planes, ways)
        measures = np.stack([steps.mean(-1), np.abs(steps).mean(-1)])
        shares = numpy_generator("landscape", "planes", seed).multinomial(planes, [1 / planes] * planes, resamples)
        found: np.ndarray = np.einsum("msrp,sp->mrs", measures, shares / planes)
    return found


def spread(draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of resampled numbers; nan where one of them is not finite.

    >>> spread(np.arange(201.0))
    (5.0, 195.0)
    """
    if not np.isfinite(draws).all():
        return np.nan, np.nan
    low, high = np.quantile(draws.astype(np.float64), [0.025, 0.975])
    return float(low), float(high)


def within_of(loss: np.ndarray, axis: np.ndarray, step: float = STEP) -> float:
    """Return the share of the plane's disc, p² + q² ≤ span², on which the loss is at most a step above the centre's.

    What is not finite is not within.

    Args:
        loss: ``(points, points)`` over p and q.
        axis: p and q, in norms of the filters; 0 is in the middle.
        step: in nats.

    >>> bowl = np.add.outer(*2 * [np.linspace(-1, 1, 5) ** 2])
    >>> within_of(bowl, np.linspace(-1, 1, 5), 0.5)  # 9 of 13 points
    0.6923076923076923
    """
    middle = len(axis) // 2
    disc = np.add.outer(axis**2, axis**2) <= axis[0] ** 2 * (1 + 1e-9)
    return float((loss[disc] <= loss[middle, middle] + step).mean())


def slope_of(loss: np.ndarray, axis: np.ndarray) -> float:
    """Return the steepest slope between neighbours of the plane, in nats for a move by the whole norm of the filters.

    A lower bound of the Lipschitz constant in the plane; nan when no two neighbours are finite.

    >>> slope_of(np.add.outer(3 * np.arange(3.0), np.arange(3.0)), np.array([-0.5, 0.0, 0.5]))
    6.0
    """
    with np.errstate(invalid="ignore"):
        steps = np.concatenate([np.abs(np.diff(loss, axis=k)).ravel() for k in (0, 1)])
    finite = steps[np.isfinite(steps)]
    return float(finite.max() / (axis[1] - axis[0])) if len(finite) else np.nan
