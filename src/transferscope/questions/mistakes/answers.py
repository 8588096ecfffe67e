"""Which answers networks give rightly and wrongly, as shares and image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...evidence.pairs import Pairs
from .._members import Pair
from .._pair_sample import pairs_sample
from .measure import Mistakes

__all__ = ["shares", "uncommon"]

Booleans = NDArray[np.bool_]


def shares(hits: Booleans, known: Booleans) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of known answers that are hits, and numbers per image whose mean is the share.

    With h_i hits among k_i known answers of image i, r = Σh/Σk and, k̄ the mean of k_i, e_i = r + (h_i − r·k_i)/k̄
    (linearised ratio); where an image has one answer, e_i is 1 or 0.

    Args:
        hits: ``(rows, images, answers)``; answers that are not known are no hits.
        known: ``(images, answers)``, at least one.

    Returns:
        Shares ``(rows,)``, and ``(rows, images)``.

    >>> hits = np.array([[[True, False], [True, False]]])
    >>> shares(hits, np.array([[True, True], [True, False]]))
    (array([0.66666667]), array([[0.44444444, 0.88888889]]))
    """
    each, of = hits.sum(2), known.sum(1)
    share = each.sum(1) / of.sum()
    mean = float(of.mean())
    return share, (each + share[:, None] * (mean - of)) / mean


def uncommon(result: Mistakes, pairs: Sequence[Pair], answer: int | None = None) -> Pairs:
    """Return for each pair the share of answers that exactly one of the two gets right.

    Args:
        result: the answers of all networks.
        pairs: some of its pairs.
        answer: place of the class whose yes or no is meant, for multi-label; all together for ``None``.
    """
    right = result.right if answer is None else result.right[:, :, answer : answer + 1]
    known, wrong = right[0] >= 0, right == 0
    hits = wrong[[p.a for p in pairs]] ^ wrong[[p.b for p in pairs]]
    return pairs_sample(result.members, pairs, *shares(hits, known))
