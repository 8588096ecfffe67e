"""The networks an analysis compares, and their pairs, as every result that compares networks names them."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from torch import Tensor, nn

from ..errors import TooFewError, UsageError
from ..evidence.phrases import count
from ..models.network import Network
from ..models.solution import PROBED_HEAD, Given, Solution, Solutions, as_solution, letter, pair_kind

__all__ = [
    "P_P_T",
    "P_RI_T",
    "TWO_RI_T",
    "Member",
    "Pair",
    "as_members",
    "as_networks",
    "as_solutions",
    "first_of",
    "kinds",
    "networks_of",
    "pair_said",
    "pairs_of",
    "run_of",
]

TWO_RI_T = ("RI-T & RI-T", "RI-T & RI-T (same start)")
"""Kinds of two networks trained from random weights; the paper's claims are about the first."""

P_P_T, P_RI_T = ("P & P-T", "P & P-T (probed head)"), ("P & RI-T", "P & RI-T (probed head)")
"""Kinds of pre-trained weights and a trained network: as they are, or with a final layer fitted to the task."""

_WEIGHTS = re.compile(r" \((start|best|final|(epoch|step) \d+)\)$")
"""How :meth:`~transferscope.train.run.Run.at` says which weights of a run; names of files may end otherwise."""

_TABLE_1 = (*P_P_T, "P-T & P-T", "P-T & RI-T", *TWO_RI_T)
_ARTICLES = {"P-T": "a ", "RI-T": "an "}


@dataclass(frozen=True)
class Member:
    """A network of a comparison.

    Attributes:
        label: its name in tables and figures.
        role: ``P``, ``RI``, ``P-T``, ``RI-T`` or empty.
        group: the same for networks trained from one and the same start.
        unfit: why it is no witness for claims about networks that learned; empty for nothing known against it.
    """

    label: str
    role: str
    group: str
    unfit: str = ""


def run_of(label: str) -> str:
    """Return the run that a network is from, without what says which of its weights.

    >>> run_of("RI-T 0 (best)"), run_of("RI-T 0"), run_of("model (1)")
    ('RI-T 0', 'RI-T 0', 'model (1)')
    """
    return _WEIGHTS.sub("", label)


def networks_of(members: Sequence[Member]) -> str:
    """Count networks, and say of pre-trained ones that are the same but for their heads that they are.

    >>> networks_of([Member("P-T 0", "P", "P"), Member("P-T 1", "P", "P")])
    '2 networks (the same pre-trained weights with new heads)'
    >>> networks_of([Member("P-T 0", "P", "P, probed head"), Member("P-T 1", "P", "P, probed head")])
    '2 networks (the same pre-trained weights with one probed head)'
    >>> networks_of([Member("RI-T 0", "RI", "RI 0")])
    '1 network'
    """
    told = count(len(members), "network")
    same = len(members) > 1 and {m.role for m in members} == {"P"} and len({m.group for m in members}) == 1
    heads = "one probed head" if members and members[0].group.endswith(PROBED_HEAD) else "new heads"
    return f"{told} (the same pre-trained weights with {heads})" if same else told


@dataclass(frozen=True)
class Pair:
    """Two networks, by their places in the result's list.

    Attributes:
        a: place of the first.
        b: place of the second.
        kind: what sort of pair it is, e.g. ``P-T & RI-T``.
    """

    a: int
    b: int
    kind: str


def as_solutions(
    solutions: Solutions, least: int = 2, net: Network | Sequence[Network] | None = None
) -> tuple[Solution, ...]:
    """Give every network a name of its own; plain weights are called A, B, C, … or by the key of a mapping.

    The weights of one network alone (a solution, a mapping of tensors, a module, a path) are one solution.

    Args:
        solutions: the weights.
        least: how many there must be.
        net: the network they are of, or that of each; files among them are read into it.

    Raises:
        UsageError: when there are too few, or two have one name.
        CheckpointError: when a file cannot be read or does not fit the network.
    """
    if isinstance(solutions, (Solution, nn.Module, str, os.PathLike)):
        named: tuple[Solution, ...] = (as_solution(solutions, letter(0), _network(net, 0)),)
    elif isinstance(solutions, Mapping):
        alone = {name: value for name, value in solutions.items() if isinstance(value, Tensor)}
        several = {label: params for label, params in solutions.items() if not isinstance(params, Tensor)}
        labelled: Mapping[str, Given] = {letter(0): alone} if alone else several
        named = tuple(
            x if isinstance(x, Solution) else replace(as_solution(x, label, _network(net, i)), label=label)
            for i, (label, x) in enumerate(labelled.items())
        )
    else:
        named = tuple(as_solution(x, letter(i), _network(net, i)) for i, x in enumerate(solutions))
    if len(named) < least:
        raise TooFewError(f"{len(named)} solution(s) given; a comparison needs at least {least}")
    if twice := [label for label, count in Counter(s.label for s in named).items() if count > 1]:
        raise UsageError(f"two solutions are called {twice[0]!r}; give each a label of its own")
    return named


def _network(net: Network | Sequence[Network] | None, place: int) -> Network | None:
    if net is None or isinstance(net, Network):
        return net
    return net[place] if place < len(net) else None


def as_networks(net: Network | Sequence[Network], count: int) -> tuple[Network, ...]:
    """Return one network a solution: the same for all, or as given.

    Raises:
        UsageError: when there is not one a solution.
    """
    nets = (net,) * count if isinstance(net, Network) else tuple(net)
    if len(nets) != count:
        raise UsageError(f"{len(nets)} networks for {count} solutions; give one network, or one a solution")
    return nets


def as_members(solutions: Sequence[Solution]) -> tuple[Member, ...]:
    """Return what a result keeps of the solutions."""
    return tuple(Member(s.label, s.role, s.group, s.unfit) for s in solutions)


def pairs_of(solutions: Sequence[Solution]) -> tuple[Pair, ...]:
    """Return all pairs, in the order of the solutions."""
    return tuple(Pair(i, j, pair_kind(solutions[i], solutions[j])) for i, j in combinations(range(len(solutions)), 2))


def kinds(pairs: Sequence[Pair]) -> dict[str, tuple[Pair, ...]]:
    """Sort pairs by kind: first those of Neyshabur et al. 2020, Table 1 in its order, then others as they appear."""
    found: dict[str, tuple[Pair, ...]] = {}
    for pair in pairs:
        found[pair.kind] = (*found.get(pair.kind, ()), pair)
    ordered = [kind for kind in _TABLE_1 if kind in found]
    return {kind: found[kind] for kind in (*ordered, *(k for k in found if k not in ordered))}


def pair_said(kind: str) -> str:
    """Say a kind of pairs as the subject of a sentence, plural.

    >>> pair_said("P-T & P-T"), pair_said("RI-T & RI-T (same start)"), pair_said("P-T & RI-T")
    ('two P-T', 'two RI-T from the same start', 'a P-T and an RI-T')
    >>> pair_said("P & RI-T"), pair_said("P & P-T (probed head)"), pair_said("mine & yours")
    ('P and an RI-T', 'P with the probed head and a P-T', 'mine and yours')
    """
    named, same, _ = kind.partition(" (same start)")
    named, probed, _ = named.partition(" (probed head)")
    first, _, second = named.partition(" & ")
    first += " with the probed head" if probed else ""
    if first == second:
        return f"two {first}{' from the same start' if same else ''}"
    return " and ".join(filter(None, (_ARTICLES.get(name, "") + name for name in (first, second))))


def first_of(names: Sequence[str], there: Collection[str]) -> str | None:
    """Return the first of some kinds that there is.

    >>> first_of(TWO_RI_T, ["P-T & P-T", "RI-T & RI-T (same start)"])
    'RI-T & RI-T (same start)'
    """
    return next((name for name in names if name in there), None)
