"""What the similarities say, in sentences: networks are the sample, one left out at a time, and images vary, too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import Pairs, pair_contrast, pair_mean
from ...evidence.phrases import count, interval_text, number
from .._members import TWO_RI_T, Pair, first_of, kinds, pair_said
from .._pair_sample import both_learned, judged_by, learned_kinds, networks_in, pairs_sample
from .._sides import said_unlearned
from .batches import over_batches
from .measure import Similarity

__all__ = ["findings"]


@dataclass(frozen=True)
class _Order:
    """A claim that pairs of one kind (the first that there is) are more similar than those of another."""

    claim: str
    more: tuple[str, ...]
    less: tuple[str, ...]
    weight: float


_ORDERS = (
    _Order("000-3.2-c", ("P-T & P-T",), TWO_RI_T, 0.9),
    _Order("000-3.2-d", ("P-T & P-T",), ("P-T & RI-T",), 0.7),
    _Order("000-3.2-e", ("P & P-T",), ("P-T & RI-T",), 0.7),
)
_WITH_RI_T = ("P-T & RI-T", *TWO_RI_T)


def findings(result: Similarity) -> tuple[Finding, ...]:
    """Return the findings of a result: how similar each kind of pair is, and whether the order is the paper's."""
    of = _Compared(result)
    by_kind = {k: pairs for k, pairs in learned_kinds(result.members, result.pairs).items() if of.modules(pairs)}
    found = [_level(of, kind, pairs) for kind, pairs in by_kind.items()]
    for order in _ORDERS:
        more, less = (first_of(side, by_kind) for side in (order.more, order.less))
        if more and less:
            found += _contrast(of, order, (more, by_kind[more]), (less, by_kind[less]))
    found += _last(of)
    return (*found, *_incomparable(result), *said_unlearned(result.members, result.witnesses))


class _Compared:
    """The modules of each pair that have a CKA, heads left out."""

    def __init__(self, result: Similarity) -> None:
        self.result = result
        self.by_pair: dict[int, dict[str, int]] = {p: {} for p in range(len(result.pairs))}
        for name, places in result.by_name(result.entries(result.pairs)).items():
            for place in places:
                self.by_pair[int(result.matched[place, 0])][name] = place

    def modules(self, pairs: Sequence[Pair]) -> dict[str, list[int]]:
        """Return the modules that all of these pairs have, with their places in ``matched``, pair by pair."""
        there = [self.by_pair[self.result.pairs.index(pair)] for pair in pairs]
        return {name: [of[name] for of in there] for name in there[0] if all(name in of for of in there)}

    def sample(self, pairs: Sequence[Pair], plus: Sequence[list[int]], minus: list[int] | None = None) -> Pairs:
        """Return the mean CKA of some modules, less that of one other, for each pair."""
        result = self.result

        def of(values: np.ndarray) -> np.ndarray:
            mean: np.ndarray = np.mean([values[..., at] for at in plus], axis=0)
            return mean if minus is None else mean - values[..., minus]

        return pairs_sample(result.members, pairs, of(result.values()), over_batches(of(result.without).T, result.n))


def _level(of: _Compared, kind: str, pairs: Sequence[Pair]) -> Finding:
    result, modules = of.result, of.modules(pairs)
    found, values = pair_mean(of.sample(pairs, [*modules.values()])), of.result.values()
    means = {name: float(values[at].mean()) for name, at in modules.items()}
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    extremes = f", highest in {most} ({number(means[most])}), lowest in {least} ({number(means[least])})"
    return said(
        f"{kind}: mean CKA {number(found.value)}{interval_text(found)} over {count(len(means), 'module')}"
        f"{extremes if len(means) > 1 else ''}; {_counts(result, pairs)}.",
        found,
        n=networks_in(result.members, pairs),
        unit="networks",
        weight=0.4,
    )


def _contrast(
    of: _Compared, order: _Order, more: tuple[str, Sequence[Pair]], less: tuple[str, Sequence[Pair]]
) -> list[Finding]:
    """Compare two kinds of pairs over the modules that both have."""
    result, both = of.result, [of.modules(pairs) for _, pairs in (more, less)]
    shared = [name for name in both[0] if name in both[1]]
    if not shared:
        return []
    first, second = (
        of.sample(pairs, [modules[name] for name in shared])
        for (_, pairs), modules in zip((more, less), both, strict=True)
    )
    found, used = pair_contrast(first, second), (*more[1], *less[1])
    judged = judge(order.claim, found, networks=judged_by(result.members, used, result.witnesses))
    word = {"agrees": "more", "disagrees": "less"}.get(judged.verdict, "not clearly more")
    return [
        said(
            f"The features of {pair_said(more[0])} are {word} similar than those of {pair_said(less[0])}: mean CKA "
            f"{number(float(first.values.mean()))} against {number(float(second.values.mean()))} over "
            f"{count(len(shared), 'module')}, difference {number(found.value)}{interval_text(found)}; "
            f"{_counts(result, more[1], less[1])}.",
            found,
            n=networks_in(result.members, used),
            unit="networks",
            weight=order.weight,
            judged=judged,
        )
    ]


def _last(of: _Compared) -> list[Finding]:
    """Hold the last module before the head against each of the others."""
    result, by_kind = of.result, kinds(of.result.pairs)
    pairs = both_learned(result.members, [pair for kind in _WITH_RI_T for pair in by_kind.get(kind, ())])
    modules = of.modules(pairs) if pairs else {}
    if len(modules) < 2:
        return []
    *others, last = modules
    excess = {name: pair_mean(of.sample(pairs, [modules[last]], modules[name])) for name in others}
    best = min(others, key=lambda name: excess[name].value)
    found, means = excess[best], {name: float(result.values()[at].mean()) for name, at in modules.items()}
    judged = judge("000-3.2-f", *excess.values(), networks=judged_by(result.members, pairs, result.witnesses))
    word = {"agrees": "are", "disagrees": "are not"}.get(judged.verdict, "are not clearly")
    of_all = f", the highest of {len(others)} others" if others[1:] else ""
    return [
        said(
            f"Where an RI-T is one of the two, the features of the last module, {last}, {word} the most similar: "
            f"mean CKA {number(means[last])} against {number(means[best])} in {best}{of_all}, difference "
            f"{number(found.value)}{interval_text(found)}; {_counts(result, pairs)}.",
            found,
            n=networks_in(result.members, pairs),
            unit="networks",
            weight=0.3,
            judged=judged,
        )
    ]


def _counts(result: Similarity, pairs: Sequence[Pair], others: Sequence[Pair] | None = None) -> str:
    """Say how much there is, and why one batch of images gives no interval."""
    batch = " in one batch, too few for an interval" if len(result.without) < 2 else ""
    told = f"{len(pairs)} and {count(len(others), 'pair')}" if others is not None else count(len(pairs), "pair")
    return f"{count(result.n, 'image')}{batch}, {told} of networks"


def _incomparable(result: Similarity) -> list[Finding]:
    own = np.diagonal(result.cka)
    names = [f"{x} of {m.label}" for m, of in zip(result.members, result.modules, strict=True) for x in of]
    flat = [name for name, value in zip(names, own, strict=True) if not math.isfinite(value)]
    if not flat:
        return []
    shown = ", ".join(flat[:5]) + (", …" if len(flat) > 5 else "")
    return [
        said(
            f"{count(len(flat), 'module')} of {len(own)} cannot be compared: features are the same for all images "
            f"or not finite: {shown}.",
            Estimate(float(len(flat))),
            n=len(own),
            unit="modules",
            weight=0.6,
        )
    ]
