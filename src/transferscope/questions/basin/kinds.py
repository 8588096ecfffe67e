"""What the basins of many pairs say of a kind of pairs: two numbers a pair, and networks are the sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.images import Resampled
from ...evidence.judge import judge
from ...evidence.pairs import pair_mean
from ...evidence.phrases import count, interval_text, short
from .._members import TWO_RI_T, Member, Pair, first_of
from .._pair_sample import both_learned, judged_by, networks_in, pairs_sample
from .._path_phrases import compared, name_of
from .measure import Basin
from .parts import BasinMeasure

__all__ = ["kind_findings"]

_SHARES = ("error", "accuracy", "auc")
"""Metrics that are shares, as claims have it; a loss has no scale that they could speak of."""


def kind_findings(result: Basin) -> list[Finding]:
    """Return what is judged of pairs of P-T, and of pairs of RI-T."""
    members, measures = result.members(), _judged(result)
    places = {m.label: i for i, m in enumerate(members)}
    pairs = {
        Pair(places[group.members[0].label], places[group.members[1].label], group.kind): measure
        for group, measure in zip(result.groups, measures, strict=True)
        if len(group.members) == 2 and measure is not None
    }
    kinds: dict[str, list[Pair]] = {}
    for pair in pairs:
        kinds.setdefault(pair.kind, []).append(pair)
    two_ri_t = first_of(TWO_RI_T, kinds)
    claims = {"P-T & P-T": "000-3.3-g"} | ({two_ri_t: "000-3.3-h"} if two_ri_t else {})
    return [
        _of_kind(result, members, {pair: pairs[pair] for pair in both_learned(members, kinds[kind])}, claim)
        for kind, claim in claims.items()
        if kind in kinds
    ]


def _judged(result: Basin) -> list[BasinMeasure | None]:
    """Return of each group what claims are about: an error on the set extended to where it rises."""
    found: list[BasinMeasure | None] = []
    for group in result.groups:
        region = group.region("extended")
        measure = None if region is None else region.measures[0]
        found.append(measure if measure is not None and measure.metric in _SHARES else None)
    return found


def _of_kind(result: Basin, members: Sequence[Member], pairs: dict[Pair, BasinMeasure], claim: str) -> Finding:
    measures = list(pairs.values())

    def estimate(number: Callable[[BasinMeasure], float], row: int) -> Estimate:
        values = np.array([number(m) for m in measures])
        kept = all(m.resampled.size for m in measures)
        examples = Resampled(np.stack([m.resampled[row] for m in measures]), result.n) if kept else None
        return pair_mean(pairs_sample(members, list(pairs), values, examples))

    epsilon, excess = estimate(lambda m: m.numbers.epsilon, 0), estimate(lambda m: m.excess, 1)
    metric, kind = measures[0].metric, next(iter(pairs)).kind
    values = [m.numbers.epsilon for m in measures]
    known = len(values) > 1 and math.isfinite(sum(values))
    several = f", pair by pair {short(min(values))} to {short(max(values))}" if known else ""
    networks = networks_in(members, pairs)
    return said(
        f"{kind} ({count(len(pairs), 'pair')}, {count(networks, 'network')}), extended to where the "
        f"{name_of(metric)} rises: ε is {short(epsilon.value)}{interval_text(epsilon, digits=None)}{several}; at the "
        f"largest δ that is tried the {name_of(metric)} around it is {compared(metric, excess, 'over', 'under')} "
        f"μ + 2ε, so {_exists(excess)}; {count(result.n, 'image')}.",
        epsilon,
        n=networks,
        unit="networks",
        weight=0.7,
        judged=judge(claim, epsilon, excess, networks=judged_by(members, pairs, result.witnesses)),
    )


def _exists(excess: Estimate) -> str:
    if math.isnan(excess.value):
        return "nothing is known of a δ"
    if excess.low is not None and excess.high is not None and excess.low <= 0 <= excess.high:
        return "whether there is a δ cannot be told"
    return "there is a δ" if excess.value >= 0 else "there is none"
