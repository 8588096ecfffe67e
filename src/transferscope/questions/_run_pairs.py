"""Which pairs of networks training runs give."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch

from ..evidence.left_out import LeftOut
from ..models.solution import Solution
from ..params import Params
from ..train.run import Run
from ._paths import Pair

__all__ = ["run_pairs"]


def run_pairs(
    runs: Sequence[Run], *, end: str = "final", best_and_final: bool = True, start: Solution | None = None
) -> tuple[tuple[Pair, ...], tuple[LeftOut, ...]]:
    """Return the pairs of F7 that runs on one target give, and what they cannot give.

    All pairs of runs (P-T/P-T, RI-T/RI-T, P-T/RI-T, …), then best and final of each run where they differ, then the
    pre-trained network with each P-T.

    Args:
        runs: on one target.
        end: which weights of a run: ``final``, ``best``, or the tag of any snapshot.
        best_and_final: whether to join the best and the final weights of each run.
        start: the pre-trained network, to be joined with each P-T.

    Raises:
        UsageError: when a run that did not diverge kept no weights of this tag.
    """
    done = [run for run in runs if not run.diverged]
    ends = {run.label: run.at(end) for run in done}
    pairs: list[Pair] = [(ends[a.label], ends[b.label]) for a, b in combinations(done, 2)]
    left_out = [LeftOut(run.label, run.ended, run.target) for run in runs if run.diverged]
    if best_and_final:
        kept = [run for run in done if {"best", "final"} <= run.snapshots.keys()]
        pairs += [(run.best, run.final) for run in kept if not _equal(run.best.params, run.final.params)]
        same = [run for run in kept if _equal(run.best.params, run.final.params)]
        left_out += [LeftOut(f"{run.label} best & final", "the weights are the same", run.target) for run in same]
    if start is not None:
        pairs += [(start, ends[run.label]) for run in done if run.role == "P-T"]
    return tuple(pairs), tuple(left_out)


def _equal(a: Params, b: Params) -> bool:
    return all(torch.equal(value, b[name]) for name, value in a.items())
