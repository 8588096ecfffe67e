"""What lies between networks trained on unions of domains and on single ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Unpack

import numpy as np

from ...data.imageset import ImageSet
from ...evidence.guard import Witness
from ...models.network import Network
from ...models.solution import Solution
from ...probes.evaluate import EngineOptions
from ...probes.evaluation import check_options
from ...progress import Progress, silent
from .._domains import DomainPaths, is_union, trace_domains
from .._paths import grid

__all__ = ["CombinedDomains", "combined_domains"]


@dataclass(frozen=True, eq=False)
class CombinedDomains(DomainPaths):
    """Metrics on the lines to networks trained on unions of domains, evaluated on every domain.

    The paper shows these lines and claims nothing of them in words, so nothing is judged here: findings say how high
    the barrier is and whether the middle beats both ends, with λ chosen on other images than it is measured on. Of
    one path intervals are over images; of several of one kind, which share no network, over networks and images.

    Of the two domains of a path, one at least is a union.

    Attributes:
        threshold: height up to which there is no barrier to speak of; of error, or of 1 − AUC.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by domain.
    """

    question: ClassVar[str] = "combined_domains"
    cites: ClassVar[tuple[str, ...]] = ("Neyshabur et al. 2020, B.8", "Neyshabur et al. 2020, Figs. 24–29")

    threshold: float
    witnesses: dict[str, tuple[Witness, ...]] = field(default_factory=dict)


def combined_domains(
    net: Network,
    solutions: Mapping[str, Sequence[Solution]],
    sets: Mapping[str, ImageSet],
    *,
    train: Mapping[str, ImageSet] | None = None,
    witnesses: Mapping[str, tuple[Witness, ...]] | None = None,
    lambdas: int | Sequence[float] | np.ndarray = 21,
    metrics: Sequence[str] | None = None,
    threshold: float = 0.02,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress = silent,
    **options: Unpack[EngineOptions],
) -> CombinedDomains:
    """Measure a network between weights trained on unions of domains and others, on every domain (Neyshabur et al.
    2020, B.8).

    Every union is joined with every other domain, P-T with P-T and RI-T with RI-T.

    Args:
        net: the network of all.
        solutions: those trained on each domain; a union is written ``real+clipart``.
        sets: test images of each single domain, of the same classes; all paths are evaluated on all.
        train: training images of each single domain, to recalibrate batch norm on.
        witnesses: what is known of the runs and pre-trainings that the networks are from, by domain.
        lambdas: number of points, or their λ; the end points are always among them.
        metrics: of ``loss``, ``error``, ``accuracy``, ``auc``; by default what suits the labels.
        threshold: height of error, or of 1 − AUC, up to which there is no barrier to speak of.
        resamples: bootstrap resamples over images.
        seed: of the resamples.
        progress: told after every point, of the points of all paths.
        options: see :class:`~transferscope.probes.evaluate.EngineOptions`.

    Raises:
        UsageError: when domains have different classes, solutions are not of this network, or there is no pair with a
            union, or for an unknown option.
    """
    check_options(options, combined_domains)
    traces = trace_domains(
        net, solutions, sets, lambda a, b: is_union(a) or is_union(b), train=train, lambdas=grid(lambdas),
        metrics=metrics, resamples=resamples, seed=seed, progress=progress, **options,
    )  # fmt: skip
    return CombinedDomains(traces.paths, traces.left_out, resamples, traces.how, threshold, dict(witnesses or {}))
