"""What the lines through networks say, in sentences; ``Extrapolation`` has the rules."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.images import Resampled
from ...evidence.judge import judge
from ...evidence.pairs import Pairs, pair_mean
from ...evidence.phrases import count, interval_text, number, range_text
from .._members import pair_said
from .._path_evidence import both_learned, by_kind, kinds_of, names_of, network_count, witnesses_of
from .._path_phrases import amount, name_of, not_finite, remarks
from .._paths import principal
from .measure import Edge, ExtendedPath, Extrapolation, Reached

__all__ = ["findings", "typical_edge"]

_CLAIM = "000-B.6-a"
_CLOSE = 0.5
"""The margin of the claim, in distances; a shorter line cannot say that the boundary is further away."""


def findings(result: Extrapolation) -> tuple[Finding, ...]:
    """Return the findings of a result, kind of pair by kind of pair."""
    found: list[Finding] = []
    for paths in by_kind(result.paths).values():
        learned = both_learned(paths)
        for images in learned[0].path.sets:
            finding = _of_pair(result, learned[0], images) if len(learned) == 1 else _of_kind(result, learned, images)
            found += [finding] if finding is not None else []
    for p in result.paths:
        found += not_finite(p.path, "beyond them or between, ")
    return tuple(found + remarks([p.path for p in result.paths], result.left_out))


def _reached(p: ExtendedPath, images: str) -> Reached | None:
    return next((r for r in p.reached if r.images == images), None)


def _estimate(paths: list[ExtendedPath], images: str) -> Estimate:
    """How far beyond its networks a kind of pair keeps its error; of one pair over images only."""
    reached = [r for p in paths if (r := _reached(p, images)) is not None]
    if len(reached) < len(paths):
        return Estimate(math.nan)
    examples = Resampled(np.stack([r.draws for r in reached]), reached[0].n)
    if len(paths) == 1:
        return examples.estimate(reached[0].beyond)
    names = tuple(names_of(p.path) for p in paths)
    return typical_edge(Pairs(names, np.array([r.beyond for r in reached]), kinds_of(paths), examples), _step(paths))


def typical_edge(pairs: Pairs, step: float) -> Estimate:
    """Return the geometric mean of where pairs leave the basin, over networks and images.

    Distances over 0 that differ by factors are skewed to the right; their logarithms hardly are.

    Args:
        pairs: one distance a pair, with the same on resampled images.
        step: what a distance of 0 counts as: where the error is not finite from the first step on, the edge lies
            within that step.

    >>> names, kinds = (("a", "b"), ("a", "c"), ("b", "c")), dict.fromkeys("abc", "P-T")
    >>> e = typical_edge(Pairs(names, np.array([0.1, 0.4, 0.2]), kinds, Resampled(np.full((3, 2), 0.2), 9)), 0.05)
    >>> round(e.value, 6), e.over
    (0.2, 'networks and images')
    """
    assert isinstance(pairs.examples, Resampled)
    draws = pairs.examples.values.astype(np.float64)
    logs = [np.log(np.where(x == 0, step, x)) for x in (np.asarray(pairs.values, dtype=np.float64), draws)]
    return pair_mean(replace(pairs, values=logs[0], examples=Resampled(logs[1], pairs.examples.images))).as_ratio()


def _step(paths: list[ExtendedPath]) -> float:
    """The first step of the grid beyond a network, the longer one of both sides, which are both there."""
    places = paths[0].path.lambdas
    return float(max(-places[places < 0].max(), places[places > 1].min() - 1))


def _of_kind(result: Extrapolation, paths: list[ExtendedPath], images: str) -> Finding | None:
    """One sentence for all pairs of a kind."""
    reached = [r for p in paths if (r := _reached(p, images)) is not None]
    if not reached:
        return None
    e, one = _estimate(paths, images), reached[0]
    networks = network_count(paths)
    what = f"the {name_of(one.metric)} on {images} has risen by {amount(one.metric, one.rise)}"
    of = f"{pair_said(paths[0].path.kind)} ({count(len(paths), 'pair')} of {count(networks, 'network')})"
    values = [r.beyond for r in reached]
    if math.isfinite(e.value):
        told = (
            f"{what} at {number(e.value)}{interval_text(e)} beyond them, both sides averaged, a geometric mean"
            f"{range_text(min(values), max(values), 'pairs', digits=2)}{_counted(reached)}"
        )
    else:
        told = f"where {what} cannot be told, as an end is not finite"
    return said(
        f"On the lines through {of} {told}; in units of the distance between the two, n = {count(one.n, 'image')}.",
        e,
        n=networks,
        unit="networks",
        weight=0.5 if _claimed(paths, one) else 0.3,
        judged=judge(_CLAIM, e, networks=witnesses_of(paths, result.witnesses)) if _claimed(paths, one) else None,
    )


def _counted(reached: list[Reached]) -> str:
    """What edges that are not known count as, where there are some."""
    capped, none = sum(r.capped for r in reached), sum(r.beyond == 0 for r in reached)
    told = [f"{capped} of {2 * len(reached)} edges are not within reach and count as {number(reached[0].reach)}"]
    told += [f"beyond {count(none, 'pair')} nothing is finite, which counts as the first step of the grid"]
    return "".join(f"; {text}" for text, there in zip(told, (capped, none), strict=True) if there)


def _claimed(paths: list[ExtendedPath], reached: Reached | None) -> bool:
    return (
        reached is not None
        and paths[0].path.kind == "P-T & P-T"
        and reached.metric != "loss"
        and reached.reach > _CLOSE
    )


def _of_pair(result: Extrapolation, p: ExtendedPath, images: str) -> Finding | None:
    metric = principal(p.path, images)
    edges = [e for side in ("a", "b") if (e := p.edge(images, metric, side))]
    if not edges:
        return None
    ends = {"a": p.path.a, "b": p.path.b}
    parts = [_where(e, ends[e.side]) for e in edges]
    beyond, claimed = _estimate([p], images), _claimed([p], _reached(p, images))
    return said(
        f"On the line through {p.path.a} and {p.path.b} the {name_of(metric)} on {images} has risen by "
        f"{amount(metric, edges[0].threshold)}: {', '.join(parts)}; in units of the distance between the two "
        f"({number(p.path.length)}), n = {count(edges[0].n, 'image')}.",
        beyond,
        n=edges[0].n,
        unit="images",
        weight=0.5 if claimed else 0.3,
        judged=judge(_CLAIM, beyond, networks=witnesses_of([p], result.witnesses)) if claimed else None,
    )


def _where(edge: Edge, end: str) -> str:
    if math.isnan(edge.beyond):
        return f"nowhere that can be told beyond {end}, which itself is not finite"
    if math.isinf(edge.beyond):
        return f"not within {number(edge.reach)} beyond {end}"
    high = f"more than {number(edge.reach)}" if math.isinf(edge.high) else number(edge.high)
    return f"at {number(edge.beyond)} ({number(edge.low)} to {high} over these test images) beyond {end}"
