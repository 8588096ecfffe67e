"""What the similarities say, in sentences; intervals are jackknifed over batches of images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .._members import TWO_RI_T, Pair, first_of, kinds
from .._phrases import bracket, count, number, verdict_of
from ..result import Finding
from .measure import Similarity

__all__ = ["findings"]


@dataclass(frozen=True)
class _Claim:
    """The paper's claim that pairs of one kind (the first that there is) are more similar than those of another."""

    more: tuple[str, ...]
    less: tuple[str, ...]
    text: str
    weight: float


_CLAIMS = (
    _Claim(
        ("P-T & P-T",),
        TWO_RI_T,
        "000 §3.2: two P-T compute more similar features than two RI-T",
        0.9,
    ),
    _Claim(
        ("P-T & P-T",),
        ("P-T & RI-T",),
        "000 §3.2: two P-T compute more similar features than a P-T and an RI-T",
        0.7,
    ),
    _Claim(
        ("P & P-T",),
        ("P-T & RI-T",),
        "000 §3.2: the features of a P-T stay closer to those of P than to those of an RI-T",
        0.7,
    ),
)

_WITH_RI_T = ("P-T & RI-T", *TWO_RI_T)
_LAST = "000 §3.2: where an RI-T is one of the two, the features of the last stage are the most similar ones"


def findings(result: Similarity) -> tuple[Finding, ...]:
    """Return the findings of a result: how similar each kind of pair is, and whether the order is the paper's."""
    by_kind = {kind: pairs for kind, pairs in kinds(result.pairs).items() if result.entries(pairs)}
    found = [_level(result, kind, pairs) for kind, pairs in by_kind.items()]
    for claim in _CLAIMS:
        more, less = (first_of(side, by_kind) for side in (claim.more, claim.less))
        if more and less:
            found += _contrast(result, claim, {k: by_kind[k] for k in (more, less)})
    with_random = [pair for kind in _WITH_RI_T for pair in by_kind.get(kind, ())]
    return (*found, *_last(result, with_random), *_incomparable(result))


def _level(result: Similarity, kind: str, pairs: Sequence[Pair]) -> Finding:
    entries, values = result.entries(pairs), result.values()
    value, low, high = result.mean(entries)
    means = {name: float(values[of].mean()) for name, of in result.by_name(entries).items()}
    most, least = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
    extremes = f", highest in {most} ({number(means[most])}), lowest in {least} ({number(means[least])})"
    return Finding(
        f"{kind}: mean CKA {number(value)}{bracket(low, high)} over {count(len(means), 'module')}"
        f"{extremes if len(means) > 1 else ''}; {count(result.n, 'image')}, "
        f"{count(len(pairs), 'pair')} of networks.",
        value=value,
        low=low,
        high=high,
        n=result.n,
        unit="images",
        weight=0.4,
    )


def _contrast(result: Similarity, claim: _Claim, pairs: Mapping[str, Sequence[Pair]]) -> list[Finding]:
    """Compare two kinds of pairs over the modules that both have."""
    by_name = {kind: result.by_name(result.entries(of)) for kind, of in pairs.items()}
    shared = set.intersection(*map(set, by_name.values()))
    if not shared:
        return []
    plus, minus = ([t for name, of in names.items() if name in shared for t in of] for names in by_name.values())
    value, low, high = result.mean(plus, minus)
    values, verdict = result.values(), verdict_of(low, high)
    word = {"agrees": "more", "disagrees": "less"}.get(verdict, "not clearly more")
    (more, of_more), (less, of_less) = pairs.items()
    return [
        Finding(
            f"The features of {more} are {word} similar than those of {less}: mean CKA {number(values[plus].mean())} "
            f"against {number(values[minus].mean())} over {count(len(shared), 'module')}, difference {number(value)}"
            f"{bracket(low, high)}; {count(result.n, 'image')}, {len(of_more)} and {count(len(of_less), 'pair')} of "
            "networks.",
            value=value,
            low=low,
            high=high,
            n=result.n,
            unit="images",
            claim=claim.text,
            verdict=verdict,
            weight=claim.weight,
        )
    ]


def _last(result: Similarity, pairs: Sequence[Pair]) -> list[Finding]:
    """Hold the last module before the head against the most similar of the others."""
    by_name = result.by_name(result.entries(pairs))
    if len(by_name) < 2:
        return []
    *others, last = by_name
    means = {name: float(result.values()[of].mean()) for name, of in by_name.items()}
    best = max(others, key=means.__getitem__)
    value, low, high = result.mean(by_name[last], by_name[best])
    verdict = verdict_of(low, high)
    word = {"agrees": "are", "disagrees": "are not"}.get(verdict, "are not clearly")
    return [
        Finding(
            f"Where an RI-T is one of the two, the features of the last module, {last}, {word} the most similar: "
            f"mean CKA {number(means[last])} against {number(means[best])} in {best}, difference {number(value)}"
            f"{bracket(low, high)}; {count(result.n, 'image')}, {count(len(pairs), 'pair')} of networks.",
            value=value,
            low=low,
            high=high,
            n=result.n,
            unit="images",
            claim=_LAST,
            verdict=verdict,
            weight=0.3,
        )
    ]


def _incomparable(result: Similarity) -> list[Finding]:
    own = np.diagonal(result.cka)
    names = [f"{x} of {m.label}" for m, of in zip(result.members, result.modules, strict=True) for x in of]
    flat = [name for name, value in zip(names, own, strict=True) if not math.isfinite(value)]
    if not flat:
        return []
    shown = ", ".join(flat[:5]) + (", …" if len(flat) > 5 else "")
    return [
        Finding(
            f"{count(len(flat), 'module')} of {len(own)} cannot be compared: features are the same for all images "
            f"or not finite: {shown}.",
            value=len(flat),
            n=len(own),
            unit="modules",
            weight=0.6,
        )
    ]
