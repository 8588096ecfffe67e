"""What lies between networks trained on different domains of the same classes?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Unpack

import numpy as np
import torch

from ...data.imageset import ImageSet
from ...evidence.guard import Witness, chance_of
from ...models.network import Network
from ...models.solution import Solution
from ...numerics.bootstrap import bootstrap_mean
from ...probes.evaluate import EngineOptions
from ...probes.evaluation import check_options
from ...progress import Progress, silent
from .._domains import DomainPaths, End, is_union, trace_domains
from .._paths import LEVEL, grid

__all__ = ["Advantage", "CrossDomain", "cross_domain"]


@dataclass(frozen=True)
class Advantage:
    """How much better a P-T does than an RI-T on a domain that neither was trained on, on the same images.

    Attributes:
        trained_on: the domain both were trained on.
        images: the domain both were evaluated on.
        better: label of the P-T.
        worse: label of the RI-T.
        metric: of what; AUC as 1 − it.
        difference: error of the RI-T minus error of the P-T.
        low: lower end of its 95 % bootstrap interval over images (paired), of these two networks.
        high: upper end.
        n: number of images.
    """

    trained_on: str
    images: str
    better: str
    worse: str
    metric: str
    difference: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class CrossDomain(DomainPaths):
    """Metrics on the lines between networks trained on different domains, evaluated on every domain.

    "The middle between two P-T beats both ends" is said of the best λ from 0.25 to 0.75, chosen on other images than
    it is measured on, against each end. "P-T is better than RI-T across domains" is said of the mean error of all
    networks of a kind that were trained on one domain, on another one; a run that diverged has the error of chance.
    Intervals are over networks and images. The i-th network of one domain is joined with the i-th of the other, so
    pairs share no network and each is one number.

    Attributes:
        advantages: of P-T over RI-T away from home, two networks at a time.
        chance: what the metric of each set of images is by chance.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by domain.
    """

    question: ClassVar[str] = "cross_domain"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, B.7", "Neyshabur et al. 2020, Figs. 19–23")

    advantages: tuple[Advantage, ...]
    chance: dict[str, float] = field(default_factory=dict)
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)


def cross_domain(
    net: Network,
    solutions: Mapping[str, Sequence[Solution]],
    sets: Mapping[str, ImageSet],
    *,
    train: Mapping[str, ImageSet] | None = None,
    witnesses: Mapping[str, tuple[Witness, ...]] | None = None,
    lambdas: int | Sequence[float] | np.ndarray = 21,
    metrics: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> CrossDomain:
    """Measure a network between weights trained on different domains, on every domain (Neyshabur et al. 2020, B.7).

    Every two domains are joined, P-T with P-T and RI-T with RI-T, the i-th of one with the i-th of the other.

    Args:
        net: the network of all.
        solutions: those trained on each domain; unions (``real+clipart``) belong to
            :func:`~transferscope.questions.combined_domains.measure.combined_domains`.
        sets: test images of each domain, of the same classes; all paths are evaluated on all.
        train: training images of each domain, to recalibrate batch norm on.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by domain; there the label
            of a network has no domain before it.
        lambdas: number of points, or their λ; the end points are always among them.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        resamples: bootstrap resamples over images.
        seed: of the resamples.
        progress: told after every point, of the points of all paths.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when domains have different classes, solutions are not of this network, or there is no pair,
            or for an unknown option.
    """
    check_options(options, cross_domain)
    traces = trace_domains(
        net, solutions, sets, lambda a, b: not (is_union(a) or is_union(b)), train=train, lambdas=grid(lambdas),
        metrics=metrics, resamples=resamples, seed=seed, progress=progress, **options,
    )  # fmt: skip
    advantages = [
        _advantage(better, worse, images, seed, resamples)
        for (domain, role), pre_trained in traces.ends.items()
        if role == "P-T"
        for better, worse in zip(pre_trained, traces.ends.get((domain, "RI-T"), ()), strict=False)
        for images in sets
        if images != domain
    ]
    chance = {name: chance_of(images) for name, images in sets.items()}
    return CrossDomain(
        traces.paths, traces.left_out, resamples, traces.how, tuple(advantages), chance, dict(witnesses or {})
    )


def _advantage(better: End, worse: End, images: str, seed: int, resamples: int) -> Advantage:
    metric, good = better.errors[images]
    _, bad = worse.errors[images]
    each = bad - good
    interval = bootstrap_mean(torch.from_numpy(each), seed=seed, resamples=resamples, level=LEVEL)
    return Advantage(
        better.domain, images, better.label, worse.label, metric,
        float(each.mean()), interval.low, interval.high, len(each),
    )  # fmt: skip
