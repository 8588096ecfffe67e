"""Which runs are joined by a straight line with those of plain fine-tuning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from ...models.solution import Solution
from ...train.run import Run

__all__ = ["pairs_to"]


def pairs_to(
    reference: str, groups: Mapping[str, Sequence[Run]], ends: Mapping[str, Sequence[Solution]], order: Sequence[str]
) -> tuple[list[tuple[Solution, Solution]], tuple[str, ...]]:
    """Return which networks are joined by a line, and the starts of which only runs of the same seed could be.

    Runs of the same seed share head and data order, which two P-T never do: such pairs would look closer.

    Args:
        reference: start of plain fine-tuning; its runs are joined with one another, too.
        groups: runs by start.
        ends: weights of those that did not diverge.
        order: of the starts.
    """
    seeds = {name: [run.seed for run in groups[name] if not run.diverged] for name in order}
    pairs: list[tuple[Solution, Solution]] = list(combinations(ends[reference], 2))
    same = []
    for name in order:
        if name == reference:
            continue
        both = [
            (a, b, s != t)
            for a, s in zip(ends[reference], seeds[reference], strict=True)
            for b, t in zip(ends[name], seeds[name], strict=True)
        ]
        if both and not any(other for *_, other in both):
            same.append(name)
            both = [(a, b, True) for a, b, _ in both]
        pairs += [(a, b) for a, b, other in both if other]
    return pairs, tuple(same)
