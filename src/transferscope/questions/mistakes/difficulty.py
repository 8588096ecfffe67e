"""Whether what only one kind of network gets wrong is hard for others, too."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import pair_mean
from ...evidence.phrases import count, percent, points_text
from .._members import Pair, run_of
from .._pair_sample import judged_by, learned_kinds, networks_in, pairs_sample
from .._sides import TRAINED
from .measure import Mistakes

__all__ = ["difficulty"]

_KIND = "P-T & RI-T"
Numbers = NDArray[np.float64]


def difficulty(result: Mistakes) -> list[Finding]:
    """Say whether other networks get right what only an RI-T gets wrong, more often than what only a P-T gets wrong.

    Each pair of a P-T and an RI-T has one number: the share of answers that the other networks give rightly, both
    starts weighted alike, where only the RI-T is wrong, less the same where only the P-T is wrong.
    """
    every = learned_kinds(result.members, result.pairs).get(_KIND, ())
    judged = {pair: both for pair in every if (both := _judged(result, pair))}
    if not judged:
        return []
    pairs = [*judged]
    easy, hard = (np.stack([both[i] for both in judged.values()]) for i in range(2))
    each = easy - hard
    found = pair_mean(pairs_sample(result.members, pairs, each.mean(1), each))
    return [_said(result, pairs, found, float(easy.mean()), float(hard.mean()))]


def _said(result: Mistakes, pairs: Sequence[Pair], found: Estimate, easy: float, hard: float) -> Finding:
    judged = judge("000-3.2-b", found, networks=judged_by(result.members, pairs, result.witnesses))
    word = {"agrees": "easier than", "disagrees": "harder than"}.get(judged.verdict, "not clearly easier than")
    return said(
        f"What only an RI-T gets wrong is {word} what only a P-T gets wrong: the remaining networks (both starts "
        f"weighted alike) get {percent(easy)} of the former right and {percent(hard)} of the latter, difference "
        f"{points_text(found)}; {count(result.n, 'image')}, {count(len(pairs), 'pair')} of networks.",
        found,
        n=networks_in(result.members, pairs),
        unit="networks",
        weight=0.6,
        judged=judged,
    )


def _judged(result: Mistakes, pair: Pair) -> tuple[Numbers, Numbers] | None:
    """Numbers per image for what only the RI-T and only the P-T gets wrong; ``None`` without such answers."""
    members, right = result.members, result.right
    ends = {members[place].role: place for place in (pair.a, pair.b)}
    own = {run_of(members[place].label) for place in ends.values()}
    others = [m for m in members if m.role in TRAINED and not m.unfit and run_of(m.label) not in own]
    rows = [[members.index(m) for m in others if m.role == role] for role in TRAINED]
    if not all(rows):
        return None
    rates = np.mean([(right[of] == 1).mean(0) for of in rows], axis=0)
    found = []
    for role, other in (("RI-T", "P-T"), ("P-T", "RI-T")):
        only = (right[ends[role]] == 0) & (right[ends[other]] == 1)
        found.append(_share((only * rates).sum(1), only.sum(1)))
    return None if any(math.isnan(f[0]) for f in found) else (found[0], found[1])


def _share(got: Numbers, of: NDArray[np.int64]) -> Numbers:
    """Numbers per image whose mean is Σ got / Σ of: r + (got_i − r·of_i)/mean(of); nan where there is nothing."""
    total = int(of.sum())
    if not total:
        return np.full(len(of), math.nan)
    share = float(got.sum() / total)
    linear: Numbers = share + (got - share * of) * (len(of) / total)
    return linear
