"""What the lines through networks say, in sentences; ``Extrapolation`` has the rules."""

from __future__ import annotations

import math

from .._path_phrases import amount, known, name_of, not_finite, remarks
from .._paths import principal
from .._phrases import count, number
from ..result import Finding, Verdict
from .measure import Edge, ExtendedPath, Extrapolation

__all__ = ["findings"]

_CLAIM = "000 B.6: two P-T lie close to the boundary of their basin"
_CLOSE = 0.5


def findings(result: Extrapolation) -> tuple[Finding, ...]:
    """Return the findings of a result, pair by pair."""
    found: list[Finding] = []
    for p in result.paths:
        found += [finding for images in p.path.sets if (finding := _edges(p, images))]
        found += not_finite(p.path, "beyond them or between, ")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def _edges(p: ExtendedPath, images: str) -> Finding | None:
    metric = principal(p.path, images)
    edges = [e for side in ("a", "b") if (e := p.edge(images, metric, side))]
    if not edges:
        return None
    ends = {"a": p.path.a, "b": p.path.b}
    parts = [_where(e, ends[e.side]) for e in edges]
    nearest = min(edges, key=lambda e: math.inf if math.isnan(e.beyond) else e.beyond)
    claimed = p.path.kind == "P-T & P-T"
    return Finding(
        f"On the line through {p.path.a} and {p.path.b} the {name_of(metric)} on {images} has risen by "
        f"{amount(metric, edges[0].threshold)}: {', '.join(parts)}; in units of the distance between the two "
        f"({number(p.path.length)}), n = {count(nearest.n, 'image')}.",
        value=nearest.beyond,
        low=known(nearest.low),
        high=known(nearest.high),
        n=nearest.n,
        unit="images",
        claim=_CLAIM if claimed else None,
        verdict=_verdict(edges) if claimed else None,
        weight=0.5 if claimed else 0.3,
    )


def _where(edge: Edge, end: str) -> str:
    if math.isnan(edge.beyond):
        return f"nowhere that can be told beyond {end}, which itself is not finite"
    if math.isinf(edge.beyond):
        return f"not within {number(edge.reach)} beyond {end}"
    high = f"more than {number(edge.reach)}" if math.isinf(edge.high) else number(edge.high)
    return f"at {number(edge.beyond)} (95 % interval {number(edge.low)} to {high}) beyond {end}"


def _verdict(edges: list[Edge]) -> Verdict:
    if len(edges) == 2 and all(e.high <= _CLOSE for e in edges):
        return "agrees"
    if len(edges) == 2 and all(min(e.low, e.reach) > _CLOSE for e in edges):
        return "disagrees"
    return "cannot tell"
