"""How far a power law moves with other models, and with other test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .hull import chain
from .power_law import fit_power_laws

__all__ = ["Laws", "laws_of_halves", "laws_of_images", "laws_of_parts"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Laws:
    """Laws of resamples: k, α and floor of each; those that could not be fitted are left out.

    Attributes:
        k: factors.
        alpha: exponents.
        floor: floors.
        rmse: root mean squared residual of each on the points it was fitted to.
        drawn: resamples, with those that could not be fitted.
    """

    k: Array
    alpha: Array
    floor: Array
    rmse: Array
    drawn: int

    def at(self, error: ArrayLike | float) -> Array:
        """Return what each law says at some upstream errors, one row a law.

        >>> Laws(np.array([0.5]), np.array([2.0]), np.array([0.1]), np.zeros(1), 1).at([0.0, 1.0]).tolist()
        [[0.1, 0.6]]
        """
        x = np.atleast_1d(np.asarray(error, dtype=np.float64))
        with np.errstate(divide="ignore", over="ignore"):
            excess = np.exp(np.log(self.k)[:, None] + self.alpha[:, None] * np.log(x)[None, :])
        return np.where(self.k[:, None] > 0, excess, 0.0) + self.floor[:, None]


def laws_of_halves(
    us: ArrayLike, ds: ArrayLike, draws: int, generator: np.random.Generator, *, hull: bool, tail: bool = False
) -> Laws:
    """Fit laws to random halves of the models, drawn without replacement.

    Half of n without replacement varies about the whole as the whole varies about the truth: its variance is
    (1 − m/n)·σ²/m = σ²/n at m = n/2 (Politis, Romano & Wolf 1999 on subsampling), so the standard deviation over
    halves is a standard error where the law is fitted to all points. Of a hull it is none: hulls are made of
    extremes, each half loses vertices and gains none, and in simulations intervals made in any of the usual ways hold
    the true gain in 33 to 89 of 100 cases. So what halves say of a hull is a range, and is to be called so. The
    bootstrap with replacement is not offered: each vertex is missing with probability 1/e, and its interval may
    not even hold the estimate.

    Args:
        us: upstream accuracies of n models.
        ds: downstream accuracies.
        draws: how many halves.
        generator: of the draws.
        hull: whether the law is fitted to the hull's vertices, anew for each half, or to all points.
        tail: whether also to the vertices after the hull's peak.

    Raises:
        UsageError: with fewer than eight models.
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    if len(x) < 8:
        raise UsageError(f"halves of {len(x)} models; a law of a half takes eight models at least")
    return laws_of_parts(x, y, len(x) // 2, draws, generator, hull=hull, tail=tail)


def laws_of_parts(
    us: ArrayLike,
    ds: ArrayLike,
    size: int,
    draws: int,
    generator: np.random.Generator,
    *,
    hull: bool,
    tail: bool = False,
) -> Laws:
    """Fit laws to random parts of the models, drawn without replacement.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        size: models of each part.
        draws: how many parts.
        generator: of the draws.
        hull: as in :func:`laws_of_halves`.
        tail: as there.

    Raises:
        UsageError: for parts larger than the whole.
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    if not 1 <= size <= len(x):
        raise UsageError(f"parts of {size} of {len(x)} models; expected a number from 1 to {len(x)}")
    order = np.argsort(generator.random((draws, len(x))), axis=1)[:, :size]
    weights = np.zeros((draws, len(x)))
    np.put_along_axis(weights, order, 1.0, axis=1)
    if hull:
        weights = _vertices(x, y, weights, tail)
    return _laws(1.0 - x, 1.0 - y, weights, draws)


def laws_of_images(
    us: ArrayLike,
    ds: ArrayLike,
    us_images: int | None,
    ds_images: int | None,
    draws: int,
    generator: np.random.Generator,
    *,
    hull: bool,
    tail: bool = False,
) -> Laws:
    """Fit laws to accuracies drawn anew as shares of test images, Binomial(n, p)/n.

    The models stay as they are. Of a hull this shows the winner's curse: it takes the largest of noisy numbers, so
    that the drawn hulls lie above the one they are drawn from. Images are taken as independent between models,
    while in truth all models see the same; the noise in common is left out.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        us_images: images of the upstream test set; ``None``: taken as exact.
        ds_images: of the downstream test set.
        draws: how many.
        generator: of the draws.
        hull: as in :func:`laws_of_halves`.
        tail: as there.
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    a, b = (_redrawn(v, n, draws, generator) for v, n in ((x, us_images), (y, ds_images)))
    weights = np.ones((draws, len(x)))
    if hull:
        weights = _vertices(a, b, weights, tail)
    if us_images is None and ds_images is None:
        raise UsageError("no number of test images; give that of the upstream or of the downstream set")
    return _laws(1.0 - a, 1.0 - b, weights, draws)


def _redrawn(p: Array, n: int | None, draws: int, generator: np.random.Generator) -> Array:
    if n is None:
        return np.broadcast_to(p, (draws, len(p)))
    return generator.binomial(n, p, size=(draws, len(p))) / n


def _vertices(x: Array, y: Array, weights: Array, tail: bool) -> Array:
    """Return weights that leave only the hull's vertices of each row, up to its peak unless the tail counts."""
    found = np.zeros_like(weights)
    shared = None if x.ndim == 2 else np.lexsort((-y, x))
    for row, weight in enumerate(weights):
        a, b = (x, y) if shared is not None else (x[row], y[row])
        order = np.lexsort((-b, a)) if shared is None else shared
        order = order[weight[order] > 0]
        heights = b[order]
        kept = chain(a[order].tolist(), heights.tolist())
        if not tail:
            kept = kept[: int(np.argmax(heights[kept])) + 1]
        found[row, order[kept]] = 1.0
    return found


def _laws(x: Array, y: Array, weights: Array, draws: int) -> Laws:
    enough = np.count_nonzero(weights, axis=1) >= 3
    if x.ndim == 2:
        x, y = x[enough], y[enough]
        if weights.mean() < 0.5:  # few vertices of many points: put them together
            x, y, weights = _packed(x, y, weights[enough])
        else:
            weights = weights[enough]
    else:
        weights = weights[enough]
        used = weights.any(axis=0)
        x, y, weights = x[used], y[used], weights[:, used]
    if not len(weights):
        none = np.empty(0)
        return Laws(none, none, none, none, draws)
    k, alpha, floor, sse = fit_power_laws(x, y, weights, precise=False)
    good = np.isfinite(k)
    rmse = np.sqrt(sse[good] / weights[good].sum(axis=1))
    return Laws(k[good], alpha[good], floor[good], rmse, draws)


def _packed(x: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    order = np.argsort(-weights, axis=1, kind="stable")[:, : int(np.count_nonzero(weights, axis=1).max())]
    a, b, w = (np.take_along_axis(v, order, axis=1) for v in (x, y, weights))
    return a, b, w
