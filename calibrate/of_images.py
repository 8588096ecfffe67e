"""Data with images: errors, AUC and losses of networks on the same images, both a sample."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from scipy.special import ndtri

from transferscope.evidence import Estimate, contrast, mean, slopes
from transferscope.numerics.auc import auroc_influence
from transferscope.questions._counted import Series
from transferscope.questions._sides import times_given
from transferscope.questions.block_shuffle.slopes import drop_slope
from transferscope.questions.checkpoints.best import best_between
from transferscope.questions.checkpoints.trends import trend
from transferscope.questions.rewind.findings import change_over_depth, most_and_least_critical
from transferscope.questions.soup.entries import over_sets

from .family import Truth
from .latent import Array, changed, errors_of

__all__ = ["accuracies", "auc_and_loss", "best_checkpoint", "checkpoint_slopes", "classes", "drop_slopes",
           "gradient_size", "metric_slopes", "overfitting", "rewound", "rewound_depth", "soups",
           "soups_shifted"]  # fmt: skip

Rng = np.random.Generator


def _contrast(first: Array, second: Array) -> Estimate:
    return contrast(first.mean(1), second.mean(1), (first, second))


def accuracies(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, kind: float = 0.5
) -> tuple[Estimate, ...]:
    """Several kinds, each held against the same other one: accuracy of the first, second, … less that of the last."""
    *others, last = errors_of(rng, n, images, [*(rate - t for t in truth), rate], kind=kind, network=network)
    return tuple(_contrast(1 - other, 1 - last) for other in others)


def sources(rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float) -> tuple[Estimate, ...]:
    """Sources in an order: each held against the next one."""
    rates = [rate + sum(truth[:i]) for i in range(len(truth) + 1)]
    found = errors_of(rng, n, images, rates, network=network)
    return tuple(_contrast(1 - a, 1 - b) for a, b in pairwise(found))


def classes(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, kind: float
) -> tuple[Estimate, ...]:
    """One contrast a class, on the images of the class only; networks are the same in all classes."""
    found = []
    each = max(images // len(truth), 2)
    for t in truth:
        first, second = errors_of(rng, n, each, (rate - t, rate), network=network, kind=kind)
        found.append(_contrast(1 - first, 1 - second))
    return tuple(found)


def best_checkpoint(
    rng: Rng, n: int, images: int, truth: Truth, *, points: int, common: float, rate: float, network: float
) -> tuple[Estimate, ...]:
    """The checkpoint that is best on validation images against the first and the last; one pre-training's own metric.

    Between the first and the last all are alike but for what each brings to all seeds. The same networks are on both
    sets.
    """
    over_first, over_last, source = truth
    rates = [rate + over_first, *[rate] * (points - 2), rate + over_last] + common * rng.standard_normal(points)
    both = 1 - np.stack(errors_of(rng, n, 2 * images, list(rates), network=network), axis=1)
    test, val = (Series(part.mean(2), part) for part in (both[:, :, :images], both[:, :, images:]))
    best = best_between(test, val)
    assert best is not None
    last, at_best = errors_of(rng, 1, images, (rate - source, rate), network=0.0)
    return best.over_first, best.over_last, _contrast(1 - last, 1 - at_best)


def overfitting(rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float) -> tuple[Estimate, ...]:
    """How much worse the last epoch is than the best one, of n networks from either start, target by target."""
    found = []
    for t in truth:
        first, second = (changed(rng, n, images, t, rate=rate, network=network) for _ in range(2))
        found.append(contrast(first.mean(1) / 2, -second.mean(1) / 2, (first / 2, -second / 2)))
    return tuple(found)


def rewound(rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float) -> tuple[Estimate, ...]:
    """By how much the error rises with a module set back, one kind of networks after the other."""
    found = []
    for t in truth:
        rise = changed(rng, n, images, t, rate=rate, network=network, keep=0.95)
        found.append(mean(rise.mean(1), rise))
    return tuple(found)


def rewound_depth(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, wander: bool, depth: int = 6
) -> tuple[Estimate, ...]:
    """By how much more the error rises with a late module set back: a rise of 10 points, and what modules add."""
    hard, own = rng.standard_normal(images), rng.standard_normal((n, images))
    before = hard + own > -np.sqrt(2) * ndtri(rate)
    each = network * rng.standard_normal((n, depth))
    each = each.cumsum(1) if wander else each
    rises = 0.1 + truth[0] * (np.linspace(0, 1, depth) - 0.5)
    found = []
    for m, rise in enumerate(rises):
        latent = hard + 0.8 * own + 0.6 * rng.standard_normal((n, images)) + each[:, m : m + 1]
        total = np.sqrt(2 + network**2 * (m + 1 if wander else 1))
        found.append((latent > -total * ndtri(rate + rise)).astype(np.float64) - before)
    examples = np.stack(found, axis=1)
    return (change_over_depth(examples.mean(2), examples),)


def most_and_least(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, modules: int = 6
) -> tuple[Estimate, ...]:
    """The rise with the most and the least critical module set back: one rises by the first, all others alike."""
    hard, own = rng.standard_normal(images), rng.standard_normal((n, images))
    before = hard + own > -np.sqrt(2) * ndtri(rate)
    weak = network * rng.standard_normal((n, 1))
    found = []
    for m in range(modules):
        latent = hard + 0.95 * own + np.sqrt(1 - 0.95**2) * rng.standard_normal((n, images)) + weak
        total = np.sqrt(2 + network**2)
        found.append((latent > -total * ndtri(rate + truth[min(m, 1)])).astype(np.float64) - before)
    return most_and_least_critical(np.stack(found, axis=1))


def _of_a_seed(rng: Rng, n: int, images: int, *, network: float, keep: float = 0.9) -> Callable[..., Array]:
    """Errors at a rate of the best single network of each of n seeds, or of what is made of it and its like."""
    hard, own = rng.standard_normal(images), rng.standard_normal((n, images))

    def wrong(at: float, *, changed: bool) -> Array:
        latent, spread = hard + own, 2.0
        if changed:
            fresh, each = rng.standard_normal((n, images)), network * rng.standard_normal((n, 1))
            latent, spread = hard + keep * own + np.sqrt(1 - keep**2) * fresh + each, 2.0 + network**2
        found: Array = (latent > -np.sqrt(spread) * ndtri(at)).astype(np.float64)
        return found

    return wrong


def soups_shifted(
    rng: Rng, n: int, images: int, truth: Truth, *, rates: tuple[float, float], network: float
) -> tuple[Estimate, ...]:
    """By how much soups of n seeds are better than the best single network of each, over two sets of other sizes."""
    sizes = (2 * images // 3, images - 2 * images // 3)
    gains = []
    for size, rate in zip(sizes, rates, strict=True):
        wrong = _of_a_seed(rng, n, size, network=network)
        gains.append(wrong(rate, changed=False) - wrong(rate - truth[0], changed=True))
    gain = over_sets(gains)
    return (mean(gain.mean(1), gain),)


def soups(
    rng: Rng, n: int, images: int, truth: Truth, *, rate: float, network: float, keep: float = 0.9
) -> tuple[Estimate, ...]:
    """Soups of n seeds against the best single network of each, as the question has them.

    One number: by how much soups are better. Two: by how much ensembles are, and soups beyond half of that.
    """
    wrong = _of_a_seed(rng, n, images, network=network, keep=keep)
    best = wrong(rate, changed=False)
    if len(truth) == 1:
        gains = [best - wrong(rate - truth[0], changed=True)]
    else:
        together = best - wrong(rate - truth[0], changed=True)
        gains = [together, best - wrong(rate - truth[1] - truth[0] / 2, changed=True) - together / 2]
    return tuple(mean(gain.mean(1), gain) for gain in gains)


def auc_and_loss(
    rng: Rng, n: int, images: int, truth: Truth, *, signal: float, spread: float
) -> tuple[Estimate, ...]:
    """AUC by influence values of 20 % positive images, and a skewed loss; networks differ in how much they see."""
    area, nats = truth
    labels = torch.from_numpy((np.arange(images) < max(images // 5, 2)).astype(np.int64))[:, None]
    scale = np.sqrt(2 * 2.25)  # of the difference of a positive and a negative image's score
    hard, each = rng.standard_normal(images), []
    for extra in (area, 0.0):
        # AUC = Φ(d/√(scale² + τ²)) over networks whose d varies by τ.
        base = float(np.sqrt(scale**2 + spread**2))
        seen = base * ndtri(signal + extra) + spread * rng.standard_normal((n, 1))
        score = hard + 0.5 * rng.standard_normal(images) + rng.standard_normal((n, images))
        score = score + seen * labels.numpy()[:, 0]
        each.append(auroc_influence(torch.from_numpy(score.T.copy()), labels.expand(images, n)).numpy().T)
    losses = []
    for extra in (nats, 0.0):
        latent = 0.5 * hard + 0.3 * rng.standard_normal(images) + 0.4 * rng.standard_normal((n, images))
        losses.append(extra + 0.02 * rng.standard_normal((n, 1)) + 0.3 * np.exp(latent))
    return _contrast(*each), _contrast(*losses)


def _sides(rng: Rng, n: int, images: int, rates: list[float], network: float) -> Array:
    """Whether networks are right, ``(n, places, images)``: one row of networks a seed, on the same images."""
    each = errors_of(rng, n, images, rates, network=network)
    return np.stack([1 - e for e in each], 1)


def metric_slopes(rng: Rng, n: int, images: int, truth: Truth, *, network: float) -> tuple[Estimate, ...]:
    """Slopes of the accuracy over five doublings of the block, seed by seed, of each of two kinds."""
    x = np.arange(5.0)
    weights = slopes(x, np.eye(5))
    found = []
    for t in truth:
        right = _sides(rng, n, images, [0.5 - t * (s - 2) for s in x], network)
        found.append(mean(right.mean(2) @ weights, np.einsum("nsi,s->ni", right, weights)))
    return tuple(found)


def drop_slopes(rng: Rng, n: int, images: int, truth: Truth, *, network: float) -> tuple[Estimate, ...]:
    """The slope of the relative drop over five sides of blocks, in percent of the accuracy of P-T."""
    sizes, near = [1, 2, 4, 8, 16], 0.7
    drops = [0.3 + truth[0] / 100 * (s - 2) for s in range(5)]
    first = _sides(rng, n, images, [1 - near] * 5, network)
    second = _sides(rng, n, images, [1 - near * (1 - d) for d in drops], network)
    return (drop_slope(sizes, *(Series(right.mean(2), right) for right in (first, second))),)


def checkpoint_slopes(
    rng: Rng, n: int, images: int, truth: Truth, *, points: int, common: float, network: float
) -> tuple[Estimate, ...]:
    """Slopes of the accuracy over checkpoints of one pre-training, which wander for all seeds alike."""
    x = np.linspace(0, 1, points)
    rates = 0.4 - truth[0] * (x - 0.5) - common * rng.standard_normal(points)
    right = _sides(rng, n, images, list(rates), network)
    return (trend(Series(right.mean(2), right)),)


def gradient_size(rng: Rng, n: int, images: int, truth: Truth, *, starts: float) -> tuple[Estimate, ...]:
    """The mean norm of the gradient of random starts over that of pre-trained weights as given; images vary, too."""
    hard = 0.5 * rng.standard_normal(images)
    rows = truth[0] * np.exp(starts * rng.standard_normal((n, 1)) + hard + 0.3 * rng.standard_normal((n, images)))
    given = np.exp(hard + 0.3 * rng.standard_normal(images))
    return (times_given(rows.mean(1), float(given.mean()), (rows, given)),)
