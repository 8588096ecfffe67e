"""What a question leaves out, told once a start instead of once a run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ._phrases import count, listed

__all__ = ["by_start"]

_RUN = re.compile(r"(?P<start>.+?) \d+ on (?P<target>.+?) (?P<why>(?:has|keeps|trains) .+)")


def by_start(told: Sequence[str]) -> list[str]:
    """Put together what is said of runs that differ in nothing but seed and target.

    Args:
        told: a sentence a run, ``START SEED on TARGET has …``, ``keeps …`` or ``trains …``; others stay as they are.

    >>> by_start(["top 0 on clipart has no head", "top 1 on clipart has no head", "odd is odd"])
    ['top (2 runs on clipart) has no head', 'odd is odd']
    """
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for text in told:
        found = _RUN.fullmatch(text)
        key, target = ((found["start"], found["why"]), found["target"]) if found else ((text, ""), "")
        groups.setdefault(key, []).append((text, target))
    phrases = []
    for (start, why), runs in groups.items():
        targets = listed(list(dict.fromkeys(target for _, target in runs)))
        several = len(runs) > 1 and why
        phrases.append(f"{start} ({count(len(runs), 'run')} on {targets}) {why}" if several else runs[0][0])
    return phrases
