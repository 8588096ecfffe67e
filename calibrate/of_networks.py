"""Data without images: one number a network, or a row of them."""

from __future__ import annotations

import numpy as np
from scipy.special import digamma

from transferscope.evidence import (
    Estimate,
    contrast,
    correlation,
    mean,
    measured,
    over_draws,
    ratio,
    slopes,
)
from transferscope.questions._counted import Series
from transferscope.questions._sides import times_given
from transferscope.questions.checkpoints.trends import later, trend
from transferscope.questions.criticality.order import growth
from transferscope.questions.distance.training import growing
from transferscope.questions.landscape.contrasts import starts_less_given, starts_over_given
from transferscope.questions.transfer.findings import typical_error

from .family import Truth
from .latent import correlated

__all__ = [
    "bounded_rho", "changes", "criticality", "far_from_given", "gradient_growth", "log_slopes", "numbers",
    "over_targets", "plateaus", "pretrainings", "ratios", "roughness", "shares", "squares", "steps", "times_far",
    "training_errors",
]  # fmt: skip

Rng = np.random.Generator


def numbers(rng: Rng, n: int, images: int, truth: Truth, *, first: float, second: float) -> tuple[Estimate, ...]:
    """Two kinds, normal numbers with a spread each."""
    x, y = truth[0] + first * rng.standard_normal(n), second * rng.standard_normal(n)
    return (contrast(x, y),)


def shares(rng: Rng, n: int, images: int, truth: Truth, *, modules: int, rate: float) -> tuple[Estimate, ...]:
    """Two kinds, the share of a network's modules for which something holds: binomial."""
    first, second = (rng.binomial(modules, p, n) / modules for p in (rate + truth[0], rate))
    return (contrast(first, second),)


def ratios(rng: Rng, n: int, images: int, truth: Truth, *, first: float, second: float) -> tuple[Estimate, ...]:
    """Two kinds, positive numbers, lognormal; of several parts the logarithms are correlated by 0.7."""
    x, y = (correlated(rng, (n,), len(truth), 0.7) for _ in range(2))
    return tuple(
        ratio(t * np.exp(first * a), np.exp(second * b)) for t, a, b in zip(truth, x, y, strict=True)
    )  # fmt: skip


def training_errors(
    rng: Rng, n: int, images: int, truth: Truth, *, variation: float, trained: int = 5000
) -> tuple[Estimate, ...]:
    """Small errors that are never negative, several tasks: gamma with a coefficient of variation."""
    shape = 1 / variation**2
    typical = np.exp(digamma(shape)) / shape  # the geometric mean of such numbers with mean 1
    return tuple(typical_error(t / typical * rng.gamma(shape, 1 / shape, n), 0.5 / trained) for t in truth)


def steps(rng: Rng, n: int, images: int, truth: Truth, *, spread: float, kinds: int = 2) -> tuple[Estimate, ...]:
    """How far runs of two kinds move from their start in each interval, in mean steps, as many for each kind."""
    found: list[Estimate] = []
    for of in np.split(np.array(truth), kinds):
        made = of + spread * rng.standard_normal((n, len(of)))
        rest = (
            len(of) + 1.0 - made.sum(1, keepdims=True)
        )  # the way is as long as there are steps, so these are in means
        found += growing(np.concatenate([np.zeros((n, 1)), rest, made], axis=1).cumsum(1))[1:]
    return tuple(found)


def criticality(rng: Rng, n: int, images: int, truth: Truth, *, wander: bool, depth: int = 6) -> tuple[Estimate, ...]:
    """How much μ grows with depth, twice, as sizes of modules do: in steps of four, 0 and infinite beyond a range."""
    x = np.linspace(0, 1, depth)
    logs = 1.5 * rng.standard_normal((n, depth))
    logs = logs.cumsum(1) if wander else logs
    found = []
    for t in truth:
        # Sizes grow as the two truths say; the middle of the grid is that of the numbers.
        mu = 4.0 ** np.round((logs + np.log(t) * (x - 0.5)) / np.log(4.0))
        least, most = 4.0**-5, 4.0**5
        mu = np.where(mu < least, 0.0, np.where(mu > most, np.inf, mu))
        found.append(growth(mu, np.broadcast_to([least, most], (n, depth, 2))))
    return tuple(found)


def changes(
    rng: Rng, n: int, images: int, truth: Truth, *, points: int, common: float, each: float
) -> tuple[Estimate, ...]:
    """Slopes over checkpoints of one pre-training, seed by seed; checkpoints wander for all seeds alike."""
    x = np.linspace(0, 1, points)
    ys = truth[0] * x + common * rng.standard_normal(points) + each * rng.standard_normal((n, points))
    return (trend(Series(ys)),)


def pretrainings(
    rng: Rng, n: int, images: int, truth: Truth, *, points: int, common: float, each: float
) -> tuple[Estimate, ...]:
    """The same with n pre-trainings as the sample, three seeds each; their checkpoints wander as they like."""
    x = np.linspace(0, 1, points)
    wandering = common * rng.standard_normal((n, points)).cumsum(1)
    ys = truth[0] * x + wandering + each * rng.standard_normal((3, n, points)).mean(0)
    return (mean(slopes(x, ys), over="pre-trainings"),)


def log_slopes(rng: Rng, n: int, images: int, truth: Truth, *, each: float) -> tuple[Estimate, ...]:
    """Slopes of the logarithm of speed over five doublings: those of RI-T less twice those of P-T, those of RI-T."""
    x = np.arange(5.0)
    less, of_random = truth
    near = (of_random - less) / 2 * x + each * rng.standard_normal((n, 5))
    far = of_random * x + each * rng.standard_normal((n, 5))
    return contrast(slopes(x, far), 2 * slopes(x, near)), mean(slopes(x, far))


def plateaus(
    rng: Rng, n: int, images: int, truth: Truth, *, points: int, common: float, each: float
) -> tuple[Estimate, ...]:
    """How much later the metric rises than speed; checkpoints wander for all seeds alike, in both curves.

    Both rise to 50 points, 1 − exp(−4x); the metric by so much more slowly that its mean epoch is as much later.
    """
    x = np.linspace(0, 1, points)
    fast = (1 - np.exp(-4 * x)) / (1 - np.exp(-4))
    slow = fast - 6 * truth[0] * x * (1 - x)  # the mean of x(1 − x) is 1/6
    found = [
        Series(0.5 * rise + common * rng.standard_normal(points) + each * rng.standard_normal((n, points)))
        for rise in (slow, fast)
    ]
    return (later(range(points), *found),)


def bounded_rho(rng: Rng, n: int, images: int, truth: Truth, *, shape: float) -> tuple[Estimate, ...]:
    """Correlations near 1, skewed: 1 − ρ is gamma; two kinds with equal weights."""
    found = []
    for t in truth:
        first, second = (1 - (1 - t) * rng.gamma(shape, 1 / shape, n) for _ in range(2))
        found.append(contrast(first / 2, -second / 2))
    return tuple(found)


def squares(rng: Rng, n: int, images: int, truth: Truth, *, each: float) -> tuple[Estimate, ...]:
    """The square of a vector of 16 numbers over what is predicted, less 1: skewed, as squares are."""
    off = each * rng.standard_normal((n, 16))
    unit = np.full(16, 0.25)
    found = np.square(unit + off).sum(1) - 16 * each**2  # 1 in the mean
    return (mean(truth[0] + found - 1, over="pre-trainings"),)


def over_targets(rng: Rng, n: int, images: int, truth: Truth) -> tuple[Estimate, ...]:
    """Pearson's r over n targets of two normal numbers, of each of two ways to train."""
    found = []
    for t in truth:
        x, noise = rng.standard_normal((2, n))
        found.append(correlation(x, t * x + np.sqrt(1 - t * t) * noise))
    return tuple(found)


def far_from_given(
    rng: Rng, n: int, images: int, truth: Truth, *, starts: float, planes: int = 4
) -> tuple[Estimate, ...]:
    """Random starts less pre-trained weights as given: a few planes, the same for all, these weights among them."""
    plane = 0.1 * rng.standard_normal(planes)
    rows = 0.5 + truth[0] + plane + starts * rng.standard_normal((n, 1)) + 0.1 * rng.standard_normal((n, planes))
    return (starts_less_given(rows, 0.5 + plane + 0.1 * rng.standard_normal(planes)),)


def times_far(rng: Rng, n: int, images: int, truth: Truth, *, starts: float) -> tuple[Estimate, ...]:
    """Random starts over pre-trained weights as given, lognormal, without images; parts correlated by 0.7."""
    return tuple(times_given(t * np.exp(starts * x)) for t, x in zip(truth, correlated(rng, (n,), len(truth), 0.7),
                                                                     strict=True))  # fmt: skip


def gradient_growth(rng: Rng, n: int, images: int, truth: Truth, *, starts: float) -> tuple[Estimate, ...]:
    """Growth of the gradient: (1) through random weights, (2) over that through given ones, (3) as changes."""
    alone, over, change = truth
    logs = starts * rng.standard_normal(n)
    hard = 0.5 * rng.standard_normal(images)
    rows = np.exp(hard + 0.3 * rng.standard_normal((n, images)))
    given = np.exp(hard + 0.3 * rng.standard_normal(images))
    rows, given = rows / np.exp(0.17), given / np.exp(0.17)  # means of 1 over images
    far = np.exp(logs) * rows.mean(1)
    growth = times_given(over * far, float(given.mean()), (over * np.exp(logs)[:, None] * rows, given))
    return times_given(alone * np.exp(logs)), growth, times_given(change * np.exp(logs))


def roughness(rng: Rng, n: int, images: int, truth: Truth, *, starts: float, planes: int = 4) -> tuple[Estimate, ...]:
    """Lower over higher modules: (1) random starts, (2) these over given weights, (3) given weights over planes."""
    alone, over, given = truth
    own = starts * rng.standard_normal((n, 1)) + 0.1 * rng.standard_normal((n, planes))
    of_given = np.log(given) + 0.1 * rng.standard_normal(planes)
    found = over_draws(of_given)
    stays = measured(float(np.exp(found.value)), over="draws", n=planes, spread=found.spread, freedom=found.freedom,
                     scale="log")  # fmt: skip
    rougher = times_given(np.exp(np.log(alone) + own.mean(1)))
    return rougher, starts_over_given(np.log(over) + own, of_given - np.log(given)), stays
