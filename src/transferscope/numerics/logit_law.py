"""Downstream accuracy as a line in logits, and how it and the power law predict models they have not seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from .power_law import fit_power_law

__all__ = ["HeldOut", "LogitLaw", "fit_logit_law", "held_out", "logit"]

CLIP = 0.5 / 5000
"""How near 0 and 1 an accuracy is taken to be at most: half of 5,000 images' one, where nobody says how many."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LogitLaw:
    """logit(DS) = intercept + slope·logit(US).

    Attributes:
        intercept: in logits.
        slope: logits downstream for one upstream.
        clip: how near 0 and 1 accuracies are taken to be at most.
        sse: sum of squared residuals, in accuracy.
        n: models.
    """

    intercept: float
    slope: float
    clip: float
    sse: float
    n: int

    @property
    def rmse(self) -> float:
        """Root of the mean squared residual, in accuracy."""
        return math.sqrt(self.sse / self.n)

    def __call__(self, us: ArrayLike | float) -> Array:
        """Return the downstream accuracy at each upstream accuracy.

        >>> LogitLaw(0.0, 1.0, 1e-4, 0.0, 2)([0.5, 0.25]).round(6).tolist()
        [0.5, 0.25]
        """
        return np.asarray(1.0 / (1.0 + np.exp(-self.intercept - self.slope * logit(us, self.clip))), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What two laws say of models that they were not fitted to.

    Attributes:
        index: the models that were held out.
        actual: their downstream accuracy.
        power: what the power law says.
        logit: what the line in logits says.
    """

    index: NDArray[np.int64]
    actual: Array
    power: Array
    logit: Array

    @property
    def rmse(self) -> tuple[float, float]:
        """Root mean squared errors of the power law and of the line in logits."""
        power, line = (float(np.sqrt(np.mean((v - self.actual) ** 2))) for v in (self.power, self.logit))
        return power, line


def logit(p: ArrayLike, clip: float = CLIP) -> Array:
    """Return log(p/(1 − p)) of accuracies, which are first cut to [clip, 1 − clip].

    >>> logit([0.5, 1.0], 0.25).round(6).tolist()
    [0.0, 1.098612]
    """
    q = np.clip(np.asarray(p, dtype=np.float64), clip, 1.0 - clip)
    return np.asarray(np.log(q) - np.log1p(-q), dtype=np.float64)


def fit_logit_law(us: ArrayLike, ds: ArrayLike, clip: float = CLIP) -> LogitLaw:
    """Fit the line of Kornblith et al. 2019 by least squares in logits.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        clip: how near 0 and 1 accuracies are taken to be at most.

    Raises:
        UsageError: with fewer than two different upstream accuracies.

    >>> law = fit_logit_law([0.2, 0.5, 0.8], [0.2, 0.5, 0.8])
    >>> round(law.slope, 9), abs(round(law.intercept, 9))
    (1.0, 0.0)
    """
    a, b = logit(us, clip).ravel(), logit(ds, clip).ravel()
    if len(a) != len(b) or len(np.unique(a)) < 2:
        raise UsageError(f"a line of {len(np.unique(a))} different x and {len(b)} y; give two different x at least")
    centred = a - a.mean()
    slope = float(centred @ b / (centred @ centred))
    law = LogitLaw(float(b.mean() - slope * a.mean()), slope, clip, 0.0, len(a))
    rest = np.asarray(ds, dtype=np.float64).ravel() - law(us).ravel()
    return LogitLaw(law.intercept, law.slope, clip, float(rest @ rest), len(a))


def held_out(
    us: ArrayLike,
    ds: ArrayLike,
    which: Literal["random", "best"],
    *,
    generator: np.random.Generator,
    share: float = 0.1,
    clip: float = CLIP,
) -> HeldOut | None:
    """Predict models by laws that were fitted without them.

    Args:
        us: upstream accuracies.
        ds: downstream accuracies.
        which: ``random``: each model once, in folds of ``share``; ``best``: only those with the largest upstream
            accuracy, by laws of all others, which is the prediction that counts.
        generator: of the folds.
        share: of the models that are held out at a time.
        clip: of the line in logits.

    Returns:
        The predictions; ``None`` where a part that is left to fit has too few different upstream accuracies, three
        for the power law and two, once cut, for the line.

    Raises:
        UsageError: when fewer than five models are left to fit.

    >>> x = np.linspace(0.2, 0.9, 20)
    >>> found = held_out(x, 0.95 - 0.8 * (1 - x) ** 1.5, "best", generator=np.random.default_rng(0))
    >>> len(found.index), found.rmse[0] < 1e-6 < found.rmse[1]
    (2, True)
    """
    x, y = np.asarray(us, dtype=np.float64).ravel(), np.asarray(ds, dtype=np.float64).ravel()
    n = len(x)
    aside = max(1, round(share * n))
    if n - aside < 5:
        raise UsageError(f"{n} models, {aside} held out; a law takes five others at least")
    if which == "best":
        parts = [np.argsort(x, kind="stable")[n - aside :]]
    else:
        parts = np.array_split(generator.permutation(n), max(2, round(n / aside)))
    power, line = np.full(n, np.nan), np.full(n, np.nan)
    for part in parts:
        rest = np.setdiff1d(np.arange(n), part)
        if len(np.unique(x[rest])) < 3 or len(np.unique(logit(x[rest], clip))) < 2:
            return None
        power[part] = 1.0 - fit_power_law(1.0 - x[rest], 1.0 - y[rest])(1.0 - x[part])
        line[part] = fit_logit_law(x[rest], y[rest], clip)(x[part])
    index = np.sort(np.concatenate(parts)).astype(np.int64)
    return HeldOut(index, y[index], power[index], line[index])
