"""Whether a law depends on how many models there are, how dense they lie, and how wide their range is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...numerics.hull import upper_hull
from ...numerics.law_profile import floor_profile
from ...numerics.law_resampling import laws_of_parts
from ...numerics.logit_law import fit_logit_law
from ...numerics.power_law import PowerLaw, fit_power_law

__all__ = ["Density", "Narrow", "SizeRow", "density", "narrow", "sizes"]

KORNBLITH = (0.70, 0.81)
"""Upstream accuracies of the sixteen networks of Kornblith et al. 2019 on ImageNet."""

_SHARES = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0)
_LEAST = 6
_HELD = 0.1
_BINS = 10
_IN_RANGE = 10


@dataclass(frozen=True)
class SizeRow:
    """Laws of so many models, many times; errors are mean squares over models, in accuracy squared.

    Attributes:
        what: ``points`` or ``hull``.
        models: how many were drawn from those that are not held out.
        fitted: how many of the draws gave a law.
        fitting: mean squared error on the points that were fitted.
        prediction: mean squared error on the held-out models with the largest upstream accuracy; of the hull on the
            height of the whole hull there.
        prediction_low: 2.5 % quantile over draws.
        prediction_high: 97.5 % quantile.
    """

    what: str
    models: int
    fitted: int
    fitting: float
    prediction: float
    prediction_low: float
    prediction_high: float


@dataclass(frozen=True)
class Density:
    """The law of all points as it is, and with the same weight for each tenth of the upstream range.

    Attributes:
        gain: downstream accuracy bought from start to end, each model counted once.
        even: the same with even weights. The hull does not change with weights.
        fullest: share of the models in the fullest tenth of the range.
    """

    gain: float
    even: float
    fullest: float


@dataclass(frozen=True)
class Narrow:
    """Refitted on a narrow range of upstream accuracy only.

    Attributes:
        low: lower end of the range.
        high: upper end.
        n: models in it.
        power: root mean squared residual of the power law.
        line: of the line in logits.
        floor: e_∞.
        unknown: why the floor is not identified there; empty where it is.
        beyond: how far the law of the range misses the models outside of it, root mean square.
    """

    low: float
    high: float
    n: int
    power: float
    line: float
    floor: float
    unknown: str
    beyond: float


def sizes(
    x: np.ndarray, y: np.ndarray, repeats: int, generator: np.random.Generator, *, hull: bool
) -> tuple[SizeRow, ...]:
    """Fit to fewer and fewer models, and predict the best tenth, which is never fitted to.

    Args:
        x: upstream accuracies.
        y: downstream accuracies.
        repeats: draws of each size.
        generator: of the draws.
        hull: whether the hull has a law, too.
    """
    n = len(x)
    order = np.argsort(x, kind="stable")
    aside = max(2, round(_HELD * n))
    rest, held = order[: n - aside], order[n - aside :]
    whole = upper_hull(x, y).rising()
    reach = held[x[held] <= whole.x[-1]]
    rows = []
    for what in ("points", "hull")[: 1 + hull]:
        at = held if what == "points" else reach
        actual = y[at] if what == "points" else whole.height(x[at])
        for size in sorted({max(_LEAST, round(share * len(rest))) for share in _SHARES}):
            if size > len(rest) or not len(at):
                continue
            once = what == "points" and size == len(rest)
            laws = laws_of_parts(x[rest], y[rest], size, 1 if once else repeats, generator, hull=what == "hull")
            if not len(laws.k):
                continue
            wrong = np.mean((1 - laws.at(1 - x[at]) - actual) ** 2, axis=1)
            low, high = np.quantile(wrong, (0.025, 0.975))
            fitting = float(np.mean(laws.rmse**2))
            rows.append(SizeRow(what, size, len(laws.k), fitting, float(np.mean(wrong)), float(low), float(high)))
    return tuple(rows)


def density(x: np.ndarray, y: np.ndarray, law: PowerLaw, start: float, end: float) -> Density:
    """Weigh models so that every tenth of the upstream range that has any counts the same."""
    edges = np.linspace(x.min(), x.max(), _BINS + 1)[1:-1]
    place = np.digitize(x, edges)
    counts = np.bincount(place, minlength=_BINS)
    even = fit_power_law(1 - x, 1 - y, 1.0 / counts[place])

    def gain(of: PowerLaw) -> float:
        a, b = of([1 - start, 1 - end])
        return float(a - b)

    return Density(gain(law), gain(even), float(counts.max() / len(x)))


def narrow(x: np.ndarray, y: np.ndarray) -> Narrow | None:
    """Refit where Kornblith et al. looked, or on the upper half of the models where they are elsewhere."""
    low, high = KORNBLITH
    inside = (x >= low) & (x <= high)
    if inside.sum() < _IN_RANGE or inside.all():
        low, high = float(np.median(x)), float(x.max())
        inside = x >= low
    if len(np.unique(x[inside])) < _IN_RANGE or inside.all():
        return None
    law = fit_power_law(1 - x[inside], 1 - y[inside])
    profile = floor_profile(1 - x[inside], 1 - y[inside], law)
    line = fit_logit_law(x[inside], y[inside])
    beyond = 1 - np.minimum(law(1 - x[~inside]), 1.0) - y[~inside]
    return Narrow(
        low, high, int(inside.sum()), law.rmse, line.rmse, law.floor, profile.unknown,
        math.sqrt(float(np.mean(beyond**2))),
    )  # fmt: skip
