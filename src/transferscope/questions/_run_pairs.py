"""Which pairs of networks training runs give."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from ..evidence.left_out import LeftOut
from ..models.solution import Solution, pair_kind
from ..params import Params
from ..train.run import Run
from ._paths import Pair

__all__ = ["pairs_among", "run_pairs"]


def pairs_among(solutions: Sequence[Solution], partners: int | None = None) -> list[Pair]:
    """Return the pairs among some networks, in order; all, or a share of them that treats all networks alike.

    Networks stand around a circle, for each kind of pair those that are in it. Each is joined with the next so many;
    of two kinds, the i-th of one with those of the other from the i-th on. Pairs whose roles are not known are each
    a kind of their own and always there.

    Args:
        solutions: the networks.
        partners: how many that follow it each is joined with; ``None`` for all.

    >>> four = [Solution(f"P-T {i}", {}, "P-T", "P") for i in range(4)]
    >>> [(a.label[-1], b.label[-1]) for a, b in pairs_among(four, 1)]
    [('0', '1'), ('0', '3'), ('1', '2'), ('2', '3')]
    """
    every = list(combinations(solutions, 2))
    if partners is None:
        return every
    around: dict[tuple[str, str], dict[str, int]] = {}  # by kind and role: the places of its networks
    for a, b in every:
        for one in (a, b):
            places = around.setdefault((pair_kind(a, b), one.role), {})
            places.setdefault(one.label, len(places))
    kept = []
    for a, b in every:
        of_a, of_b = (around[pair_kind(a, b), one.role] for one in (a, b))
        ahead = (of_b[b.label] - of_a[a.label]) % max(len(of_a), len(of_b))
        near = min(ahead, len(of_a) - ahead) <= partners if a.role == b.role else ahead < partners
        if near:
            kept.append((a, b))
    return kept


def run_pairs(
    runs: Sequence[Run],
    *,
    end: str = "final",
    partners: int | None = None,
    best_and_final: bool = True,
    start: Solution | None = None,
) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """Return the pairs of ``barrier`` that runs on one target give, and what they cannot give.

    All pairs of runs (P-T/P-T, RI-T/RI-T, P-T/RI-T, …), then best and final of each run where they differ, then the
    pre-trained network with each P-T. A P-T whose final layer was fitted before training is joined with what it began
    as: the pre-trained network with that layer, which fits the task as the pre-trained one does not.

    Args:
        runs: on one target.
        end: which weights of a run: ``final``, ``best``, or the tag of any snapshot.
        partners: how many others that follow it each run is joined with; ``None`` for all (:func:`pairs_among`).
        best_and_final: whether to join the best and the final weights of each run.
        start: the pre-trained network, to be joined with each P-T.

    Raises:
        UsageError: when a run that did not diverge kept no weights of this tag.
    """
    done = [run for run in runs if not run.diverged]
    ends = {run.label: run.at(end) for run in done}
    pairs = pairs_among([ends[run.label] for run in done], partners)
    left_out = [LeftOut(run.label, run.ended, run.target) for run in runs if run.diverged]
    if best_and_final:
        kept = [run for run in done if {"best", "final"} <= run.snapshots.keys()]
        pairs += [(run.best, run.final) for run in kept if not _equal(run.best.params, run.final.params)]
        same = [run for run in kept if _equal(run.best.params, run.final.params)]
        left_out += [LeftOut(f"{run.label} best & final", "the weights are the same", run.target) for run in same]
    if start is not None:
        tuned = [run for run in done if run.role == "P-T"]
        # The same numbers for all runs of a group, so they are read once.
        begun = {run.group: run for run in reversed(tuned) if run.probed}
        probed = {group: run.probed_start for group, run in begun.items()}
        pairs += [(probed.get(run.group, start), ends[run.label]) for run in tuned]
    return tuple(pairs), tuple(left_out)


def _equal(a: Params, b: Params) -> bool:
    return all(torch.equal(value, b[name]) for name, value in a.items())
