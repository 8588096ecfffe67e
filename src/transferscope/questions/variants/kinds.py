"""Networks from two starts as samples: the mistakes of pairs from one start, and the lines from one to the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...evidence.pairs import Pairs
from ...evidence.peaks import Peak, excess, kind_peak, peak
from .._pair_sample import run_of
from .._path_evidence import names_of, sample_of
from ..barrier.measure import BarrierPath
from .groups import VariantGroup

__all__ = ["disagreement", "rise", "uncommon"]

Array = NDArray[np.float64]


def disagreement(group: VariantGroup) -> Pairs:
    """Return for each two runs from a start the share of the answers on which exactly one of them is right."""
    known = (group.right[0] >= 0).sum(1) if len(group.right) else np.zeros(0)
    one, _ = _wrong(group)
    return _ratio(group, one, np.broadcast_to(known.astype(np.float64), one.shape))


def uncommon(group: VariantGroup) -> Pairs:
    """Return for each two runs from a start the share of their mistakes that only one makes; the mean is Σ/Σ."""
    one, both = _wrong(group)
    return _ratio(group, one, one + 2 * both)


def _wrong(group: VariantGroup) -> tuple[Array, Array]:
    """How many answers an image has that one of two, and both, get wrong, ``(pairs, images)``."""
    pairs = list(combinations(group.able, 2))
    if not pairs:
        return (np.zeros((0, group.right.shape[1])),) * 2
    wrong = group.right == 0
    one = np.stack([(wrong[a] ^ wrong[b]).sum(1) for a, b in pairs])
    both = np.stack([(wrong[a] & wrong[b]).sum(1) for a, b in pairs])
    return one.astype(np.float64), both.astype(np.float64)


def _ratio(group: VariantGroup, part: Array, whole: Array) -> Pairs:
    """Return numbers of pairs whose mean is R = Σpart/Σwhole: R + (part − R·whole)/mean whole (linearised ratio)."""
    names = tuple(combinations((run_of(group.members[i]) for i in group.able), 2))
    kinds = {run_of(member): group.start for member in group.members}
    total = float(whole.sum())
    if not total > 0:  # no mistakes at all, or no two runs
        return Pairs(names, np.full(len(names), math.nan), kinds)
    share = float(part.sum()) / total
    each = share + (part - share * whole) / whole.mean()
    return Pairs(names, each.mean(1), kinds, each)


def rise(paths: Sequence[BarrierPath], images: str, kinds: Mapping[str, str]) -> Peak | None:
    """Return the highest rise over the straight line, its λ chosen on other images than it is measured on.

    Args:
        paths: lines of one kind.
        images: name of the set.
        kinds: start of each run.

    Returns:
        Of one line the rise for its two networks; of several that of the kind. ``None`` where there is no line.
    """
    samples = [(p, sample) for p in paths if (sample := sample_of(p, images)) is not None]
    if not samples:
        return None
    rises = [excess(sample.each(), p.path.lambdas) for p, sample in samples]
    if len(rises) == 1:
        return peak(rises[0])
    return kind_peak(rises, [names_of(p.path) for p, _ in samples], kinds)
