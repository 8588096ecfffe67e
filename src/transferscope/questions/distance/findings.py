"""What the distances say, in sentences.

A distance between two given networks is exact; what varies is which networks one happened to train. So networks are
the sample, one left out at a time with all its pairs; P and random starts are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import Pairs, pair_mean, pair_ratio
from ...evidence.phrases import count, interval_text, range_text, short, shortened, times
from ...evidence.trend import over_depth
from .._members import P_P_T, P_RI_T, TWO_RI_T, Pair, first_of, pair_said
from .._pair_sample import both_learned, judged_by, learned_kinds, networks_in, pairs_sample
from .._sides import TRAINED, said_unlearned
from .measure import Distance
from .training import deviations, steady

__all__ = ["findings", "growth"]

_LEAST = 4
"""Modules in which an order over depth means something."""

Side = tuple[str, Sequence[Pair]]


def findings(result: Distance) -> tuple[Finding, ...]:
    """Return the findings of a result: who is near whom, and how far from the start."""
    by_kind, starts = learned_kinds(result.members, result.pairs), result.starts()
    own = {role: both_learned(result.members, [p for p in starts if role in _roles(result, p)]) for role in TRAINED}
    found = [_level(result, kind, pairs) for kind, pairs in by_kind.items() if "RI &" not in f"{kind} &"]
    found += [_level(result, "RI-T & its start", own["RI-T"])] if own["RI-T"] else []
    random, two = first_of(TWO_RI_T, by_kind), first_of(("P-T & P-T",), by_kind)
    for claim, more, less, weight in (
        ("000-3.2-g", random, two, 0.9),
        ("000-3.2-h", first_of(P_RI_T, by_kind), first_of(P_P_T, by_kind), 0.4),
    ):
        if more is not None and less is not None:
            found.append(_order(result, claim, (more, by_kind[more]), (less, by_kind[less]), weight))
    if own["P-T"] and own["RI-T"]:
        sides = ("RI-T & its start", own["RI-T"]), ("P-T & its start", own["P-T"])
        found.append(_order(result, "000-3.2-i", *sides, 0.7))
    found += _depth(result, {kind: by_kind[kind] for kind in ("P-T & P-T", random) if kind in by_kind})
    found += [*deviations(result), *steady(result), *_tensors(result)]
    return (*found, *said_unlearned(result.members, result.witnesses))


def _roles(result: Distance, pair: Pair) -> set[str]:
    return {result.members[pair.a].role, result.members[pair.b].role}


def _of(result: Distance, pairs: Sequence[Pair]) -> Pairs:
    values = result.comparable()[[result.pairs.index(p) for p in pairs]]
    return pairs_sample(result.members, pairs, values)


def _where(result: Distance) -> str:
    return " without the head" if any(result.missing) else ""


def _level(result: Distance, kind: str, pairs: Sequence[Pair]) -> Finding:
    sample = _of(result, pairs)
    found, values = pair_mean(sample), sample.values
    spread = range_text(float(values.min()), float(values.max()), "pairs") if len(values) > 1 else ""
    by_module = result.distance[[result.pairs.index(p) for p in pairs]].mean(0)
    # Of what is in the sum: heads, too, unless they were left out of it.
    summed = [m for m in np.flatnonzero(~result.heads | (not any(result.missing))) if math.isfinite(by_module[m])]
    largest = max(summed, key=by_module.__getitem__) if len(summed) > 1 else None
    most = "" if largest is None else f", most in {result.modules[largest]} ({short(by_module[largest])})"
    return said(
        f"{kind}: {short(found.value)}{interval_text(found, digits=None) or spread} apart{_where(result)}{most}; "
        f"{count(len(values), 'pair')} of networks.",
        found,
        n=networks_in(result.members, pairs),
        unit="networks",
        weight=0.3,
    )


def _order(result: Distance, claim: str, more: Side, less: Side, weight: float) -> Finding:
    """How many times as far apart pairs of one kind are as those of another."""
    far, near = _of(result, more[1]), _of(result, less[1])
    found, used = pair_ratio(far, near), (*more[1], *less[1])
    farther = pair_said(more[0])
    return said(
        f"{farther[:1].upper()}{farther[1:]} are {times(found.value)}{interval_text(found, form='times')} times as "
        f"far apart as {pair_said(less[0])}{_where(result)}: "
        f"{short(float(far.values.mean()))} against {short(float(near.values.mean()))}; "
        f"{len(more[1])} and {count(len(less[1]), 'pair')}.",
        found,
        n=networks_in(result.members, used),
        unit="networks",
        weight=weight,
        judged=judge(claim, found, networks=judged_by(result.members, used, result.witnesses)),
    )


def _depth(result: Distance, by_kind: dict[str, tuple[Pair, ...]]) -> list[Finding]:
    """Whether modules that come later lie farther apart: one factor a pair, and networks are the sample."""
    at = {kind: [result.pairs.index(p) for p in pairs] for kind, pairs in by_kind.items()}
    every = result.distance[[p for of in at.values() for p in of]]
    body = np.isfinite(every).all(0) & ~result.heads
    still = body & (every == 0).any(0)
    kept = np.flatnonzero(body & ~still)
    if not by_kind or len(kept) < _LEAST:
        return []
    found = {
        kind: growth(result.distance[of][:, kept], partial(pairs_sample, result.members, by_kind[kind]))
        for kind, of in at.items()
    }
    used = [pair for pairs in by_kind.values() for pair in pairs]
    judged = judge("000-3.2-j", *found.values(), networks=judged_by(result.members, used, result.witnesses))
    word = {"agrees": "rises", "disagrees": "does not rise"}.get(judged.verdict, "does not clearly rise")
    told = []
    for kind, e in found.items():
        ends = [short(float(result.distance[at[kind], m].mean())) for m in (kept[0], kept[-1])]
        told.append(
            f"{kind} by a factor of {times(e.value)}{interval_text(e, form='times')}, from {ends[0]} to {ends[1]}"
        )
    names = [result.modules[m] for m in kept]
    apart = f"; {shortened([result.modules[m] for m in np.flatnonzero(still)])} left out, where a distance is 0"
    return [
        said(
            f"Distance {word} with depth, from {names[0]} to {names[-1]} (a line through the logarithms of all "
            f"modules, a mean over pairs): {'; '.join(told)}; {count(len(kept), 'module')}"
            f"{apart * bool(still.any())}.",
            min(found.values(), key=lambda e: e.value),
            n=networks_in(result.members, used),
            unit="networks",
            weight=0.3,
            judged=judged,
        )
    ]


def growth(by_module: np.ndarray, sample: Callable[[np.ndarray], Pairs]) -> Estimate:
    """Return how many times as far apart the last module is as the first: exp of the slope of the logarithm.

    Args:
        by_module: ``(pairs, modules)`` distances over 0, in forward order.
        sample: makes a sample of one number a pair.

    >>> names = (("a", "b"), ("a", "c"), ("b", "c"))
    >>> e = growth(np.array([[1.0, 2.0, 4.0]] * 3), lambda x: Pairs(names, x, dict.fromkeys("abc", "P-T")))
    >>> round(e.value, 6), e.over
    (4.0, 'networks')
    """
    return pair_mean(sample(over_depth(np.log(by_module)))).as_ratio()


def _tensors(result: Distance) -> list[Finding]:
    tensors = sorted({name for names in result.missing for name in names})
    if not tensors:
        return []
    pairs = sum(map(bool, result.missing))
    return [
        said(
            f"{count(len(tensors), 'tensor')} of the head ({', '.join(tensors)}) left out in {pairs} of "
            f"{count(len(result.pairs), 'pair')}, where it is missing or shapes differ; distances here are without "
            "the head throughout.",
            Estimate(float(len(tensors))),
            n=pairs,
            unit="pairs",
            weight=0.2,
        )
    ]
