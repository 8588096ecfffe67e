"""Flatness in numbers: how the loss changes in random directions, and what a plane of losses has in it."""

from __future__ import annotations

import numpy as np

from ...evidence.draws import over_draws
from ...evidence.estimate import Estimate

__all__ = ["MEASURES", "STEP", "each_plane", "over_planes", "slope_of", "within_of"]

MEASURES = ("rise", "change")
"""Mean of L(θ + d) − L(θ), and mean of its size |L(θ + d) − L(θ)|, over directions d."""

STEP = 0.05
"""Nats between two contours of the paper's figures (Liu et al. 2019, appendix A)."""


def over_planes(rises: np.ndarray, measure: str) -> Estimate:
    """Return a measure of flatness of one network with Student's interval over planes: planes are drawn at random.

    Args:
        rises: L(θ + d) − L(θ), ``(planes, 4)`` at +a, −a, +b, −b of each plane.
        measure: of :data:`MEASURES`.

    Returns:
        The estimate; without an interval for one plane, nan where a loss is not finite.

    >>> e = over_planes(np.array([[1.0, -1.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]]), "change")
    >>> e.value, round(e.high, 2), e.over  # of 1.5 and 0
    (0.75, 10.28, 'draws')
    """
    return over_draws(each_plane(rises, measure))


def each_plane(rises: np.ndarray, measure: str) -> np.ndarray:
    """Return a measure in each plane, ``(…, planes)``, of rises ``(…, planes, 4)``."""
    found: np.ndarray = (np.abs(rises) if measure == "change" else rises).mean(-1)
    return found


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
