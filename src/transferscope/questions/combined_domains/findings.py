"""What the lines to networks trained on unions of domains say, in sentences."""

from __future__ import annotations

import math

import numpy as np

from ...evidence.finding import Finding, said
from ...evidence.phrases import listed
from ...probes.metrics import as_error
from .._domains import DomainPath, called, groups_of
from .._path_evidence import network_count, peak_of
from .._path_phrases import amount, name_of, not_finite, remarks, rise_words, spread
from .._paths import principal
from ..cross_domain.findings import middle_findings
from .measure import CombinedDomains

__all__ = ["findings"]


def findings(result: CombinedDomains) -> tuple[Finding, ...]:
    """Return the findings of a result: the barrier between two domains on each domain, then the middle."""
    found = [_heights(group, result.threshold) for group in groups_of(result.paths)]
    found += middle_findings(result.paths, (), claim=None)
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def _heights(group: list[DomainPath], threshold: float) -> Finding:
    """The barrier of paths of one kind on every domain in one sentence; its number is the highest."""
    sets = group[0].path.sets
    metric = principal(group[0].path, sets[0])
    peaks = {images: peak_of(group, images, disjoint=True) for images in sets}
    parts = [f"{amount(metric, p.height.value)}{spread(metric, p.height)} on {images}" for images, p in peaks.items()]
    sizes = [f"{group[0].path.curve(images, metric).n:,}" for images in sets]
    sizes = sizes[:1] if len(set(sizes)) == 1 else sizes
    worst = max(sets, key=lambda s: -math.inf if math.isnan(v := peaks[s].height.value) else v)
    over = any(_over_both_ends(p, worst, metric) for p in group)
    above = "" if metric == "loss" else f": {rise_words(metric, peaks[worst], threshold, over_ends=over)} on {worst}"
    n = group[0].path.curve(worst, metric).n
    return said(
        f"Between {called(group)} the {name_of(metric)} rises over the straight line between its ends, at a λ chosen "
        f"on other images, by {listed(parts)}{above}; n = {listed(sizes)} images{' each' * (len(sizes) == 1)}.",
        peaks[worst].height,
        n=n if len(group) == 1 else network_count(group),
        unit="images" if len(group) == 1 else "networks",
        target=" & ".join(group[0].trained_on),
        weight=0.5,
    )


def _over_both_ends(p: DomainPath, images: str, metric: str) -> bool:
    errors, places = as_error(metric, p.path.curve(images, metric).values), p.path.lambdas
    inside = (places >= 0) & (places <= 1)
    ends = [float(errors[places == end][0]) for end in (0.0, 1.0)]
    return bool(np.max(errors[inside]) > max(ends))
