"""Whether networks have learned anything, and what becomes of claims about those that have not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..data.imageset import ImageSet
from .result import Finding

__all__ = ["above_chance", "chance_of", "silenced"]

_MARGIN = 0.02
"""A mean that is above chance by no more than this has not clearly learned anything."""


def chance_of(test: ImageSet) -> float:
    """Return what always naming the most frequent class reaches: its share of the images; 0.5 of an AUC.

    >>> labels, ids = np.array([0, 0, 1]), np.array(["a", "b", "c"])
    >>> round(chance_of(ImageSet(np.zeros((3, 1, 1, 3), np.uint8), labels, ("x", "y"), ids)), 3)
    0.667
    """
    return 0.5 if test.multilabel else float(np.bincount(test.labels).max() / len(test))


def above_chance(mean: float, low: float | None, chance: float) -> bool:
    """Return whether a mean is clearly above chance: its interval, if there is one, and by more than 2 points.

    >>> above_chance(0.5, 0.4, 0.1), above_chance(0.5, 0.05, 0.1), above_chance(0.11, None, 0.1)
    (True, False, False)
    """
    return mean > chance + _MARGIN and (low is None or low > chance)


def silenced(finding: Finding, why: str) -> Finding:
    """Return a finding that decides nothing, and says why.

    >>> silenced(Finding("A beats B.", 1.0, 3, "runs", claim="c", verdict="agrees"), "B has learned nothing").text
    'A beats B; B has learned nothing, so this decides no claim.'
    """
    if finding.claim is None:
        return finding
    text = f"{finding.text.removesuffix('.')}; {why}, so this decides no claim."
    return replace(finding, text=text, verdict="cannot tell")
