"""How differently two runs from one start err: shares of their answers, one number a pair, and image by image."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ...evidence.estimate import Estimate
from ...evidence.pairs import Pairs, pair_contrast, pair_mean
from .groups import VariantGroup

__all__ = ["Share", "apart"]

Share: TypeAlias = Literal["disagreement", "uncommon"]
"""Answers on which exactly one of two is right, of all answers; or of all mistakes of the two."""


def apart(share: Share, group: VariantGroup, other: VariantGroup | None = None) -> Estimate:
    """Return a share over all pairs of members, or by how much it exceeds that of another start.

    Σo/Σc, o the answers that exactly one of two gets right and c what they are a part of, over all pairs and images.
    Its interval is over networks, each of which is left out in turn, and images (linearised ratio: a pair moves it by
    (o − rc)/c̄, c̄ the mean over pairs).

    Args:
        share: of what.
        group: runs from a start; those that learned nothing are left out where others did.
        other: runs from another start.
    """
    pairs = [_pairs(share, g) for g in (group, other) if g is not None]
    if not all(of.names for of in pairs):
        return Estimate(math.nan)
    return pair_contrast(*pairs) if len(pairs) == 2 else pair_mean(pairs[0])


def _pairs(share: Share, group: VariantGroup) -> Pairs:
    pairs = list(combinations(group.compared, 2))
    names = tuple((group.members[a], group.members[b]) for a, b in pairs)
    kinds = dict.fromkeys(group.members, group.start)
    if not pairs:
        return Pairs((), np.zeros(0), kinds)
    known = group.right[0] >= 0
    wrong = (group.right == 0) & known
    one = np.array([(wrong[a] ^ wrong[b]).sum(1) for a, b in pairs], dtype=np.float64)
    both = np.array([(wrong[a] & wrong[b]).sum(1) for a, b in pairs], dtype=np.float64)
    of = one + 2 * both if share == "uncommon" else np.broadcast_to(known.sum(1).astype(np.float64), one.shape)
    each = _linearised(one, of)
    return Pairs(names, each.mean(1), kinds, each)


def _linearised(one: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers whose mean is Σone/Σof, and whose variance is that of this ratio; nan where Σof is 0."""
    mean = float(of.mean())
    if not mean > 0:
        return np.full(one.shape, math.nan)
    ratio = float(one.mean()) / mean
    return (one + ratio * (mean - of)) / mean
