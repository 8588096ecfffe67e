"""What results over several runs say of those that diverged."""

from __future__ import annotations

from collections.abc import Sequence

from ._phrases import count, listed
from .result import Finding

__all__ = ["diverged_finding"]


def diverged_finding(told: Sequence[str], runs: int) -> list[Finding]:
    """Return the remark on diverged runs, nothing where there are none.

    Args:
        told: which run it is and how it ended, for each.
        runs: how many runs there are.

    >>> [f.text for f in diverged_finding(["P-T 0 on clipart (diverged at step 3)"], 4)]
    ['1 run of 4 diverged, left out of the means: P-T 0 on clipart (diverged at step 3).']
    """
    if not told:
        return []
    return [
        Finding(
            f"{count(len(told), 'run')} of {runs} diverged, left out of the means: {listed(told)}.",
            value=len(told),
            n=runs,
            unit="runs",
            weight=0.6,
        )
    ]
