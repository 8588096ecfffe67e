"""The numbers of one group of solutions: the sets they span, where the basin ends, μ, ε and δ."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import combinations

import numpy as np
import torch

from ...evidence.draws import over_draws
from ...models.solution import Solution, pair_kind
from ...numerics.basin import BasinNumbers, basin_numbers, draw_points, resample_counts, search_rises
from ...numerics.bootstrap import percentile_interval, resampled_means
from ...numerics.crossing import first_crossing
from ...numerics.simplex import has_volume, lengths
from ...probes.metrics import Metric, as_error
from .._members import as_members
from .field import NetworkField
from .parts import Answer, BasinGroup, BasinMeasure, BasinRegion, BasinRule, Extent, Rim

__all__ = ["measured", "most_points", "why_not"]

_STEP = 16
"""Points of S that are drawn at a time where sampling stops at a width."""


def why_not(group: Sequence[Solution], gram: np.ndarray) -> str:
    """Say why solutions with these edges span no set that has an extent, or nothing."""
    if has_volume(gram):
        return ""
    what = "are the same weights" if len(group) == 2 else "span no simplex: two are equal, or one lies between others"
    return f"{' & '.join(s.label for s in group)} {what}; a basin wants solutions of different runs"


def measured(group: Sequence[Solution], field: NetworkField, rule: BasinRule) -> BasinGroup:
    """Measure a group whose solutions span a simplex."""
    k, gram, norm = len(group), field.gram, field.norm
    limit = norm if rule.limit is None else rule.limit
    hull, rims = np.eye(k), tuple[Rim, ...]()
    regions = [_region("hull", hull, field, limit, rule)]
    if rule.extend:
        rims = _rims([s.label for s in group], field, rule)
        vertices = hull + np.array([rim.used for rim in rims])[:, None] * _outwards(k)
        regions.append(_region("extended", vertices, field, limit, rule))
    apart = np.array([hull[j] - hull[i] for i, j in combinations(range(k), 2)])
    return BasinGroup(
        as_members(group), _kind(group), float(lengths(apart, gram).mean()), norm, field.size, limit, rims,
        tuple(regions),
    )  # fmt: skip


def _outwards(k: int) -> np.ndarray:
    """Twice the way from the middle to each vertex; of two, the way from one to the other."""
    return 2 * (np.eye(k) - 1 / k)


def _kind(group: Sequence[Solution]) -> str:
    if len(group) == 2:
        return pair_kind(group[0], group[1])
    if group[0].role and len({s.role for s in group}) == 1:
        return f"{len(group)} × {group[0].role}"
    return " & ".join(s.label for s in group)


def _rims(labels: Sequence[str], field: NetworkField, rule: BasinRule) -> tuple[Rim, ...]:
    """Look for the end of the basin beyond each solution, as ``extrapolation`` does beyond two."""
    k = len(labels)
    distances = np.round(np.linspace(0.0, rule.reach, rule.steps + 1), 12)
    places = np.eye(k)[:, None] + distances[:, None] * _outwards(k)[:, None]
    found = field.evaluate(places.reshape(-1, k))
    metric = _order(found.values)[0]
    errors = as_error(metric, found.values[metric]).reshape(k, -1)
    rims = []
    for label, curve in zip(labels, errors, strict=True):
        # What is not finite has risen.
        risen = np.where(np.isfinite(curve), curve, np.inf) - curve[0] - rule.rise_of(metric)
        beyond = float(first_crossing(distances, risen)) if math.isfinite(curve[0]) else math.nan
        used = 0.0 if math.isnan(beyond) else min(beyond, rule.reach)
        rims.append(Rim(label, beyond, used))
    return tuple(rims)


def _region(extent: Extent, vertices: np.ndarray, field: NetworkField, limit: float, rule: BasinRule) -> BasinRegion:
    places, inside, examples = _inside(vertices, field, rule)
    names = list(inside)
    losses = np.stack([inside[metric] for metric in names])
    draws = max(2, math.ceil(rule.draws * len(places) / rule.samples))
    rises = search_rises(field, vertices, field.gram, losses, rule.search(limit, draws))
    measures = []
    for metric in _order(names):
        q = names.index(metric)
        numbers = basin_numbers(
            losses[q], rises.deltas, rises.shaken[q], rises.beyond[q], resamples=rule.resamples, seed=rule.seed
        )
        of_images = _resampled(examples[metric], rule)
        around = _resampled(np.stack([field.farthest[condition][metric] for condition in ("shaken", "beyond")]), rule)
        low, high = _over_images(of_images, rule)
        answer = _answer(numbers, rule.threshold_of(metric))
        measures.append(
            BasinMeasure(
                metric, numbers, low, high, losses[q], rises.shaken[q], rises.beyond[q], answer,
                _on_other_images(of_images, around),
            )
        )  # fmt: skip
    return BasinRegion(extent, vertices, places, rises.deltas, tuple(measures))


def _inside(
    vertices: np.ndarray, field: NetworkField, rule: BasinRule
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return points of S, the errors there ``(m,)`` and those of each image ``(m, images)``.

    All that the rule asks for, or so many that ε is known as well as its width says.
    """
    places = draw_points(rule.samples, vertices, rule.seed)
    step = len(places) if rule.width is None else _STEP
    values, examples = dict[str, np.ndarray](), dict[str, np.ndarray]()
    done = 0
    while done < len(places):
        found = field.evaluate(places[done : done + step])
        done = min(done + step, len(places))
        for metric in found.values:
            new = as_error(metric, found.values[metric]), as_error(metric, found.examples[metric])
            for kept, more in zip((values, examples), new, strict=True):
                kept[metric] = np.concatenate([kept[metric], more]) if metric in kept else more
        if rule.width is not None and _width(values[_order(values)[0]]) <= rule.width:
            break
    return places[:done], values, examples


def _width(losses: np.ndarray) -> float:
    """Width of the 95 % interval of ε over points; nan where one is not finite."""
    ends = over_draws(np.abs(losses - losses.mean())).interval()
    return math.nan if ends is None else ends[1] - ends[0]


def _on_other_images(of_images: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Return ε and the excess, ``(2, resamples)``, from errors on resampled images at points of S and around it."""
    mu = of_images.mean(1)
    epsilon = np.abs(of_images - mu[:, None]).mean(1)
    with np.errstate(invalid="ignore"):
        return np.stack([epsilon, around.min(1) - mu - 2 * epsilon]).astype(np.float32)


def _order(metrics: Collection[str]) -> list[Metric]:
    """Put the metric that claims are judged by first."""
    judged: tuple[Metric, ...] = ("auc", "error", "accuracy", "loss")
    return [m for m in judged if m in metrics]


def _resampled(examples: np.ndarray, rule: BasinRule) -> np.ndarray:
    return resampled_means(torch.from_numpy(examples), seed=rule.seed, resamples=rule.resamples).numpy()


def _over_images(of_images: np.ndarray, rule: BasinRule) -> tuple[float, float]:
    """Return the interval of μ when both the points of S and the images are resampled."""
    of_points = resample_counts(of_images.shape[1], rule.resamples, rule.seed, "points")
    interval = percentile_interval((torch.from_numpy(of_images) * torch.from_numpy(of_points)).sum(1))
    return interval.low, interval.high


def _answer(numbers: BasinNumbers, threshold: float) -> Answer:
    if not math.isfinite(numbers.epsilon) or numbers.epsilon_low > threshold or math.isinf(numbers.delta_low):
        return "no"
    return "yes" if numbers.epsilon_high <= threshold and math.isfinite(numbers.delta_high) else "cannot tell"


def most_points(rule: BasinRule, k: int, metrics: int) -> int:
    """Return how many points a group of k solutions takes at most."""
    search = rule.search(1.0)
    deltas = len(search.scan) + metrics * search.halvings
    one = rule.samples + rule.draws + 2 * rule.draws * deltas
    return one + (one + k * (rule.steps + 1) if rule.extend else 0)
