"""Were the held-out images trained on? Whoever has learned them is better there than on test images."""

from __future__ import annotations

import numpy as np

from ...evidence.contrast import contrast
from ...evidence.estimate import Estimate
from ...evidence.phrases import count, points_text
from .measure import HELD_OUT, Soup

__all__ = ["above_test", "warning"]

_MARGIN = 0.02
"""By so much the ingredients must be better at least on held-out images before a word is said."""


def above_test(result: Soup) -> Estimate:
    """Return by how much the mean metric of all ingredients is higher on held-out images than on the first test set.

    Of all ingredients, as the best was chosen on held-out images. The interval is over images of both sets.
    """
    held, test = (
        np.mean([result.row(name, images) for name in result.ingredients], axis=0)
        for images in (HELD_OUT, result.tests[0])
    )
    return contrast([held.mean()], [test.mean()], (held[None], test[None]), paired=False)


def warning(result: Soup) -> tuple[str, Estimate] | None:
    """Return what to say where held-out images may have been trained on, with the number behind it; else nothing."""
    gap = above_test(result)
    if gap.low is None or gap.low <= _MARGIN:
        return None
    name, more = result.tests[0], points_text(gap).replace("these test images", "the images of both")
    text = (
        f"Held-out images may have been trained on: the mean {result.measured} of the networks is {more} higher "
        f"there than on {name}. What was learned by heart chooses nothing: give images that no network was trained "
        f"on, unless it is {name} that is of a harder kind; {count(result.n[HELD_OUT], 'held-out image')}, "
        f"{result.n[name]:,} of {name}."
    )
    return text, gap
