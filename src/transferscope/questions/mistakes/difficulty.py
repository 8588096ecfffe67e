"""Whether what only one kind of network gets wrong is hard for others, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...evidence.estimate import Estimate
from ...evidence.finding import Finding, said
from ...evidence.judge import judge
from ...evidence.pairs import Pairs, pair_mean
from ...evidence.phrases import count, percent, points_text
from .._members import Pair, run_of
from .._pair_sample import judged_by, learned_kinds, networks_in
from .._sides import TRAINED
from .measure import Mistakes

__all__ = ["Difficulty", "difficulty", "easier"]

_KIND = "P-T & RI-T"
Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Difficulty:
    """How others do where only one network of a pair is wrong.

    Attributes:
        kept: places of the pairs that have such answers of both sorts, in the pairs that were given.
        sample: of these, the share that others get right where only the RI-T is wrong, less that where only the P-T
            is.
        easy: the mean over pairs of the former share.
        hard: that of the latter.
    """

    kept: tuple[int, ...]
    sample: Pairs
    easy: float
    hard: float


def difficulty(result: Mistakes) -> list[Finding]:
    """Say whether other networks get right what only an RI-T gets wrong, more often than what only a P-T gets wrong.

    Each pair of a P-T and an RI-T has one number: the share of answers that the other networks give rightly, both
    starts weighted alike, where only the RI-T is wrong, less the same where only the P-T is wrong.
    """
    members = result.members
    every = learned_kinds(members, result.pairs).get(_KIND, ())
    ends = [(p.a, p.b) if members[p.a].role == "P-T" else (p.b, p.a) for p in every]
    names = [run_of(m.label) if m.role in TRAINED else m.label for m in members]
    judging = [i for i, m in enumerate(members) if m.role in TRAINED and not m.unfit]
    found = easier(result.right, names, {i: members[i].role for i in judging}, ends)
    if found is None:
        return []
    return [_said(result, [every[k] for k in found.kept], pair_mean(found.sample), found.easy, found.hard)]


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


def easier(
    right: NDArray[np.integer], names: Sequence[str], judging: Mapping[int, str], pairs: Sequence[tuple[int, int]]
) -> Difficulty | None:
    """Return how much more often others are right on what only an RI-T gets wrong than on what only a P-T does.

    A network that is left out leaves the others, too, by whose answers the rest of the pairs are judged.

    Args:
        right: ``(networks, images, answers)``: 1 where right, 0 where wrong, −1 where that is not known.
        names: the run of each network; several weights of one run are one network.
        judging: the place of each network that judges, with its kind, ``P-T`` or ``RI-T``.
        pairs: places of a P-T and an RI-T.

    Returns:
        The numbers of the pairs; ``None`` when no pair has them: each must be wrong alone somewhere, and there must
        be others of both kinds.

    >>> right = np.array([[1, 1, 0, 1], [1, 1, 0, 1], [1, 0, 1, 1], [1, 1, 1, 0]])[:, :, None]
    >>> kinds = {0: "P-T", 1: "P-T", 2: "RI-T", 3: "RI-T"}
    >>> found = easier(right, "abxy", kinds, [(0, 2)])  # only the RI-T errs on the second image, the P-T on the third
    >>> found.easy, found.hard  # all others are right on the former, half of both kinds together on the latter
    (1.0, 0.5)
    """
    kept, values, rows, shares = [], [], [], []
    recomputed: dict[str, list[float]] = {names[i]: [] for i in judging}
    hit, judges = right == 1, [*judging]
    for k, (p, r) in enumerate(pairs):
        others = [i for i in judges if names[i] not in (names[p], names[r])]
        only = [(right[wrong] == 0) & hit[correct] for wrong, correct in ((r, p), (p, r))]
        each = _weights(others, judging)
        if each is None or not all(o.any() for o in only):
            continue
        # How often each judge is right where only the RI-T, only the P-T is wrong: (judges, 2).
        got = np.stack([hit[others][:, o].mean(1) for o in only], axis=1)
        rate = np.einsum("j,jna->na", each, hit[others])
        kept.append(k)
        shares.append(each @ got)
        easy, hard = (_share((o * rate).sum(1), o.sum(1)) for o in only)
        rows.append(easy - hard)
        values.append(float(rows[-1].mean()))
        for name, of in recomputed.items():
            less = _weights([i for i in others if names[i] != name], judging)
            there = np.array([names[i] != name for i in others])
            of.append(float(np.subtract(*(less @ got[there]))) if less is not None else np.nan)
    if not kept:
        return None
    easy, hard = np.mean(shares, axis=0).tolist()
    kinds = {names[i]: kind for i, kind in judging.items()}
    kinds |= {names[end]: kind for k in kept for end, kind in zip(pairs[k], TRAINED, strict=True)}
    of_pairs = tuple((names[p], names[r]) for p, r in (pairs[k] for k in kept))
    left = {name: np.array(of) for name, of in recomputed.items()}
    return Difficulty(tuple(kept), Pairs(of_pairs, np.array(values), kinds, np.stack(rows), left), easy, hard)


def _weights(others: Sequence[int], judging: Mapping[int, str]) -> Numbers | None:
    """Weights of judges so that both kinds count alike; ``None`` when there is none of a kind."""
    roles = [judging[i] for i in others]
    if set(roles) != set(TRAINED):
        return None
    return np.array([1 / len(TRAINED) / roles.count(role) for role in roles])


def _share(got: Numbers, of: NDArray[np.int64]) -> Numbers:
    """Numbers per image whose mean is Σ got / Σ of: r + (got_i − r·of_i)/mean(of)."""
    total = int(of.sum())
    share = float(got.sum() / total)
    linear: Numbers = share + (got - share * of) * (len(of) / total)
    return linear
