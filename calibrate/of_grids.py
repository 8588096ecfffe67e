"""Grids of pre-trainings: up- and downstream accuracies about a law, and factors that may add to it."""

from __future__ import annotations

import numpy as np

from transferscope.evidence import Estimate, measured
from transferscope.numerics.law_profile import floor_profile
from transferscope.numerics.power_law import fit_power_law
from transferscope.numerics.same_curve import curve_offsets
from transferscope.questions.scaling.floor import floor_estimate

from .family import Truth

__all__ = ["floors", "offsets"]

Rng = np.random.Generator
_TESTED = 1000


def _accuracies(rng: Rng, n: int, floor: float, scatter: float) -> tuple[np.ndarray, np.ndarray]:
    """True upstream accuracies from 10 to 90 %, and downstream ones about e = 0.8·e_US^1.5 + e_∞."""
    x = rng.uniform(0.1, 0.9, n)
    return x, 1 - (0.8 * (1 - x) ** 1.5 + floor) + scatter * rng.standard_normal(n)


def _tested(rng: Rng, accuracy: np.ndarray) -> np.ndarray:
    return rng.binomial(_TESTED, np.clip(accuracy, 0, 1)) / _TESTED


def floors(rng: Rng, n: int, images: int, truth: Truth, *, scatter: float) -> tuple[Estimate, ...]:
    """The floor of the law of all, with its profile."""
    x, y = _accuracies(rng, n, truth[0], scatter)
    x, y = _tested(rng, x), _tested(rng, y)
    if len(np.unique(x)) < 5:
        return (Estimate(float("nan")),)
    law = fit_power_law(1 - x, 1 - y)
    return (floor_estimate(law.floor, floor_profile(1 - x, 1 - y, law), n),)


def offsets(rng: Rng, n: int, images: int, truth: Truth, *, scatter: float) -> tuple[Estimate, ...]:
    """What factors add; the first also moves models along the curve, so that it goes with upstream accuracy."""
    levels = rng.integers(0, 3, (n, len(truth))) / 2
    if n < 4 + len(truth) + 1:
        return ()
    x = np.clip(0.1 + 0.5 * levels[:, 0] + 0.3 * rng.random(n), 0, 0.9)
    y = 1 - (0.8 * (1 - x) ** 1.5 + 0.1) + levels @ np.array(truth) + scatter * rng.standard_normal(n)
    x, y = _tested(rng, x), _tested(rng, y)
    names = [str(i) for i in range(len(truth))]
    return tuple(
        measured(o.offset, over="networks", n=n, spread=o.variance, freedom=float(o.freedom))
        for o in curve_offsets(x, y, names, levels, _TESTED)
    )
