"""Pairs of networks as a sample: which of them a claim is judged by, and the networks that vary in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..evidence.guard import Witness
from ..evidence.images import PerImage
from ..evidence.pairs import Pairs
from ._learned import those_that_learned
from ._members import Member, Pair, kinds, run_of
from ._sides import TRAINED

__all__ = ["both_learned", "found_unfit", "judged_by", "learned_kinds", "networks_in", "pairs_sample"]


def both_learned(members: Sequence[Member], pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    """Return the pairs of which both networks learned something; all where there is none, so that the reason is said.

    >>> members = [Member("P-T 0", "P-T", "P"), Member("P-T 1", "P-T", "P"), Member("P-T 2", "P-T", "P", "diverged")]
    >>> [(p.a, p.b) for p in both_learned(members, [Pair(0, 1, ""), Pair(0, 2, "")])]
    [(0, 1)]
    """
    return tuple(those_that_learned(pairs, lambda pair: members[pair.a].unfit or members[pair.b].unfit))


def learned_kinds(members: Sequence[Member], pairs: Sequence[Pair]) -> dict[str, tuple[Pair, ...]]:
    """Return the pairs of :func:`both_learned` kind by kind, in the order of the paper's table."""
    return {kind: both_learned(members, of) for kind, of in kinds(pairs).items()}


def pairs_sample(
    members: Sequence[Member], pairs: Sequence[Pair], values: NDArray[np.floating], examples: PerImage | None = None
) -> Pairs:
    """Return numbers of pairs with the networks that vary in them: the runs. P and random starts are fixed.

    Several weights of one run are one network.

    Args:
        members: the networks of a result.
        pairs: some pairs of them.
        values: one number a pair.
        examples: numbers per image of each pair, or resampled numbers.

    >>> members = [Member("P", "P", "P"), Member("P-T 0", "P-T", "P"), Member("P-T 1", "P-T", "P")]
    >>> pairs_sample(members, [Pair(0, 1, ""), Pair(0, 2, "")], np.array([1.0, 2.0])).kinds
    {'P-T 0': 'P-T', 'P-T 1': 'P-T'}
    """
    varying = {run_of(m.label): m.role for m in members if m.role in TRAINED}
    return Pairs(tuple(_names(members[p.a], members[p.b]) for p in pairs), values, varying, examples)


def networks_in(members: Sequence[Member], pairs: Iterable[Pair]) -> int:
    """Return how many networks are in some pairs.

    >>> networks_in([Member(x, "", "") for x in "abc"], [Pair(0, 1, ""), Pair(1, 2, "")])
    3
    """
    return len({_name(members[place]) for pair in pairs for place in (pair.a, pair.b)})


def judged_by(members: Sequence[Member], pairs: Iterable[Pair], witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """Return what a judge is to know of the networks of some pairs, and of the pre-trainings.

    Args:
        members: the networks of a result.
        pairs: those that the numbers are of.
        witnesses: what is known of the runs and pre-trainings.

    >>> members = [Member("P-T 0", "P-T", "P"), Member("RI-T 0", "RI-T", "", "diverged")]
    >>> [w.unfit for w in judged_by(members, [Pair(0, 1, "")], [])]
    ['', 'diverged']
    """
    used = {place for pair in pairs for place in (pair.a, pair.b)}
    trained = [m for i, m in enumerate(members) if i in used and m.role in TRAINED]
    given = [m for m in members if m.role == "P" and m.unfit]
    found = [Witness(m.label, m.role, m.unfit) for m in (*trained, *given)]
    return (*found, *(w for w in witnesses if w.role == "P"))


def found_unfit(members: Sequence[Member], witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """Return what is known of the runs together with what a question found out of its networks.

    >>> found_unfit([Member("P-T 0", "P-T", "P", "gave one answer")], [Witness("P-T 0", "P-T")])[0].unfit
    'gave one answer'
    """
    own = {_name(m): m.unfit for m in members if m.unfit and m.role in TRAINED}
    return tuple(replace(w, unfit=w.unfit or own.get(w.label, "")) for w in witnesses)


def _name(member: Member) -> str:
    return run_of(member.label) if member.role in TRAINED else member.label


def _names(a: Member, b: Member) -> tuple[str, str]:
    first, second = _name(a), _name(b)
    return (first, second) if first != second else (first, f"{first}, other weights")
