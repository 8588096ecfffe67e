"""What the lines to networks trained on unions of domains say, in sentences."""

from __future__ import annotations

import math

from .._domains import DomainPath
from .._path_phrases import amount, between, known, name_of, not_finite, outcome, remarks
from .._paths import principal
from .._phrases import listed
from ..cross_domain.findings import middle_findings
from ..result import Finding
from .measure import CombinedDomains

__all__ = ["findings"]


def findings(result: CombinedDomains) -> tuple[Finding, ...]:
    """Return the findings of a result: the barrier of each path on each domain, then its middle."""
    found = [_heights(p, result.threshold) for p in result.paths]
    found += middle_findings(result.paths, claim=None)
    for p in result.paths:
        found += not_finite(p.path, "")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def _heights(p: DomainPath, threshold: float) -> Finding:
    """The barrier of one path on every domain in one sentence; its number is the highest."""
    metric = principal(p.path, p.path.sets[0])
    heights = [p.height(images, metric) for images in p.path.sets]
    parts = [f"{amount(metric, h.height)}{between(metric, h.low, h.high)} on {h.images}" for h in heights]
    sizes = list(dict.fromkeys(f"{h.n:,}" for h in heights))
    sizes = sizes if len(sizes) == 1 else [f"{h.n:,}" for h in heights]
    worst = max(heights, key=lambda h: -math.inf if math.isnan(h.height) else h.height)
    words = {"agrees": "a barrier", "disagrees": "no barrier", "cannot tell": "perhaps a barrier"}
    above = (
        f", {words[outcome(worst.low, worst.high, threshold)]} above {amount(metric, threshold)} on {worst.images}"
    )
    return Finding(
        f"Between {p.path.a} ({p.trained_on[0]}) and {p.path.b} ({p.trained_on[1]}) the {name_of(metric)} rises over "
        f"the straight line between its ends by {listed(parts)}{'' if metric == 'loss' else above}; "
        f"n = {listed(sizes)} images{' each' if len(sizes) == 1 else ''}.",
        value=worst.height,
        low=known(worst.low),
        high=known(worst.high),
        n=worst.n,
        unit="images",
        weight=0.5,
    )
