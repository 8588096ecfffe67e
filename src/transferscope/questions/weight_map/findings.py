"""What the distances behind a map of networks say, in sentences.

Distances between given networks are exact; what varies is which networks one happened to train. Networks that share
a random start are one network here: on however many targets, they are near to or far from others together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.guard import Witness
from ...evidence.judge import judge
from ...evidence.left_out import remark
from ...evidence.pairs import Pairs, pair_ratio
from ...evidence.phrases import count, interval_text, listed, number, range_text, short, times
from .._members import run_of
from .measure import MapPoint, WeightMap

__all__ = ["findings"]

Pair = tuple[int, int]


def findings(result: WeightMap) -> tuple[Finding, ...]:
    """Return the findings of a result: start against target, around the start or not, and what the map is worth."""
    found = _start_or_target(result) + _gather(result) + _random_starts(result)
    return (*found, _map(result), *_left_out(result))


def _trained(result: WeightMap) -> list[int]:
    return [i for i, p in enumerate(result.points) if p.target and p.start]


def _pairs(result: WeightMap, near: Sequence[Pair], far: Sequence[Pair]) -> tuple[Sequence[Pair], Sequence[Pair]]:
    """Return the pairs of which both learned something; all of a side that has none, so that the reason is said."""

    def learned(pairs: Sequence[Pair]) -> Sequence[Pair]:
        return [p for p in pairs if not any(result.points[i].unfit for i in p if result.points[i].target)] or pairs

    return learned(near), learned(far)


def _start_or_target(result: WeightMap) -> list[Finding]:
    at = _trained(result)
    every = [(result.points[i], result.points[j], (i, j)) for n, i in enumerate(at) for j in at[n + 1 :]]
    near, far = _pairs(
        result,
        [p for a, b, p in every if a.start == b.start != "random" and a.target != b.target],
        [p for a, b, p in every if a.start != b.start and a.target == b.target],
    )
    if not near or not far:
        return []
    starts = listed(list(dict.fromkeys(result.points[i].start for i in at)))
    sentence = (
        "Trained from one pre-trained start on different targets, networks lie {near} apart; on one target from "
        f"different starts ({starts}), {{far}}"
    )
    return [_contrast(result, "002-3-i", near, far, sentence, 0.8)]


def _gather(result: WeightMap) -> list[Finding]:
    """Whether networks lie nearer to the pre-trained weights they started from than others on their target do."""
    at = _trained(result)
    starts = {result.points[i].start for i in at}
    sources = [i for i, p in enumerate(result.points) if not p.target and p.role == "P" and p.start in starts]
    every = [(result.points[s].start == result.points[i].start, (s, i)) for s in sources for i in at]
    near, far = _pairs(result, [p for own, p in every if own], [p for own, p in every if not own])
    if not near or not far:
        return []
    names = listed([result.points[s].start for s in sources])
    sentence = (
        f"Networks trained from {names}, on {count(len(result.targets), 'target')}, lie {{near}} from it; those from "
        "other starts {far}"
    )
    return [_contrast(result, "002-3-j", near, far, sentence, 0.6)]


def _contrast(
    result: WeightMap, claim: str, near: Sequence[Pair], far: Sequence[Pair], sentence: str, weight: float
) -> Finding:
    """How many times as large the second distances are as the first."""
    sides = [_sample(result, pairs) for pairs in (near, far)]
    found, used = pair_ratio(sides[1], sides[0]), sorted({i for pair in (*near, *far) for i in pair})
    points = [result.points[i] for i in used if result.points[i].target]
    told = sentence.format(near=_spread(sides[0].values), far=_spread(sides[1].values))
    return said(
        f"{told}: {times(found.value)}{interval_text(found, form='times')} times as far; {len(near)} and "
        f"{count(len(far), 'distance')}, {count(len(points), 'network')}.",
        found,
        n=len(points),
        unit="networks",
        weight=weight,
        judged=judge(claim, found, networks=_judged_by(result, points)),
    )


def _sample(result: WeightMap, pairs: Sequence[Pair]) -> Pairs:
    """Distances with the networks that vary: those from pre-trained weights, and random starts; P is given."""
    names = [_varying(p) for p in result.points]
    kinds = {name: p.start for name, p in zip(names, result.points, strict=True) if p.target}
    values = np.array([result.distance[pair] for pair in pairs])
    return Pairs(tuple((names[i], names[j]) for i, j in pairs), values, kinds)


def _varying(point: MapPoint) -> str:
    """Return what is left out at a time: a run, or a random start with all its runs."""
    if not point.target:
        return f"{point.name}, given"
    if point.role == "RI-T" and point.group:
        return point.group
    return f"{run_of(point.label)} on {point.target}"


def _judged_by(result: WeightMap, points: Sequence[MapPoint]) -> list[Witness]:
    pretrainings = [w for of in result.witnesses.values() for w in of if w.role == "P"]
    return [*(Witness(p.name, p.role, p.unfit) for p in points), *dict.fromkeys(pretrainings)]


def _random_starts(result: WeightMap) -> list[Finding]:
    """The same question about random starts, of which the paper says nothing: is it the start, or pre-training?"""
    at = [i for i in _trained(result) if result.points[i].role == "RI-T" and result.points[i].group]
    every = [(result.points[i], result.points[j], (i, j)) for n, i in enumerate(at) for j in at[n + 1 :]]
    near, far = _pairs(
        result,
        [p for a, b, p in every if a.group == b.group and a.target != b.target],
        [p for a, b, p in every if a.group != b.group and a.target == b.target],
    )
    if not near or not far:
        return []
    values = [np.array([result.distance[p] for p in pairs]) for pairs in (near, far)]
    ratio = float(values[1].mean() / values[0].mean())
    return [
        said(
            f"From one random start on different targets, networks lie {_spread(values[0])} apart; on one target "
            f"from different random starts {_spread(values[1])}: {times(ratio)} times as far; "
            f"{len(near)} and {count(len(far), 'pair')}.",
            Estimate(ratio, n=len(at)),
            n=len(at),
            unit="networks",
            weight=0.4,
        )
    ]


def _map(result: WeightMap) -> Finding:
    """How far the picture can be trusted."""
    rho, pairs = result.order_kept(), len(result.points) * (len(result.points) - 1) // 2
    order = f"the order of distances on it and in truth correlates with ρ = {number(rho)}" if rho == rho else (
        "all distances are equal, so it shows nothing"
    )  # fmt: skip
    return said(
        f"The map has a Kullback–Leibler divergence of {number(result.divergence)} at perplexity "
        f"{result.perplexity:.3g}; {order} ({count(pairs, 'pair')}). Read it for neighbours, not for distances.",
        Estimate(rho),
        n=pairs,
        unit="pairs",
        weight=0.2,
    )


def _left_out(result: WeightMap) -> list[Finding]:
    """Networks, which have a target, and tensors, which have none."""
    networks = [one for one in result.left_out if one.target]
    trained = {p.name for p in result.points if p.target} | {f"{one.subject} ({one.target})" for one in networks}
    found = remark(networks, len(trained), "networks")
    tensors = [one.subject for one in result.left_out if not one.target]
    if tensors:
        shown = ", ".join(tensors[:6]) + (", …" if len(tensors) > 6 else "")
        text = (
            f"{count(len(tensors), 'tensor')} left out of the distances ({shown}); "
            f"{count(len(result.compared), 'tensor')} with {count(result.numel, 'weight')} compared."
        )
        n = len(result.compared) + len(tensors)
        found.append(said(text, Estimate(float(len(tensors))), n=n, unit="tensors", weight=0.2))
    return found


def _spread(values: np.ndarray) -> str:
    span = range_text(float(values.min()), float(values.max()), "pairs") if len(values) > 1 else ""
    return f"{short(float(values.mean()))}{span}"
