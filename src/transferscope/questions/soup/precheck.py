"""Whether a soup can work, and why not: what lies in the middle, where final layers began, how alike ingredients are.

Looked at before and beside the soup itself, on held-out images only. Sources: Neyshabur et al. 2020, §3.3 (barriers);
the issues of github.com/mlfoundations/model-soups and wise-ft, where soups fail for want of a common head, or of
statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ...evidence.contrast import contrast
from ...evidence.estimate import Estimate
from ...numerics.averaging import uniform
from ...params import Params, floating, norm
from .ingredients import Ingredient
from .kitchen import HELD_OUT, Kitchen

__all__ = ["Cosines", "Heads", "PreCheck", "Spread", "heads_of", "middles", "spread_of"]

Heads = Literal["one start", "different starts", "not known", "no head"]
"""Whether final layers began as the same numbers."""


@dataclass(frozen=True)
class Spread:
    """How far ingredients lie apart.

    Attributes:
        radius: mean over ingredients of ‖θᵢ − θ̄‖/‖θ̄‖ over the weights without final layer and running statistics.
        head_radius: the same of the final layer; nan where there is none.
        cosine: mean cosine between two task vectors θᵢ − θ₀ of them; nan where the start is not known.
        head_cosine: mean cosine between the final layers of two ingredients; nan where there is none.
    """

    radius: float
    head_radius: float
    cosine: float
    head_cosine: float


@dataclass(frozen=True)
class PreCheck:
    """What says whether these ingredients can be averaged.

    Attributes:
        rises: by how much the error in the middle between an ingredient and the best exceeds the mean of the two, on
            held-out images, by label; of an AUC that of 1 − AUC.
        disagreement: share of held-out answers in which an ingredient and the best differ, by label.
        heads: whether final layers began as the same numbers.
        spread: how far ingredients lie apart.
        norm: whether there is batch norm whose statistics can be collected anew.
    """

    rises: dict[str, Estimate]
    disagreement: dict[str, float]
    heads: Heads
    spread: Spread
    norm: bool


def middles(
    kitchen: Kitchen,
    best: Ingredient,
    others: Sequence[Ingredient],
    rows: Mapping[str, np.ndarray],
    each: Callable[[], None],
) -> dict[str, Estimate]:
    """Return how far the error rises in the middle between the best ingredient and each other one.

    Args:
        kitchen: evaluates.
        best: one end.
        others: the other ends.
        rows: what each held-out image adds to the metric of each, by label.
        each: called after every one.
    """
    found = {}
    for other in others:
        middle = uniform(one.load() for one in (best, other))
        row = kitchen.rows(kitchen.answers(middle, [HELD_OUT]))[HELD_OUT]
        ends = (rows[best.label] + rows[other.label]) / 2
        found[other.label] = contrast([ends.mean()], [row.mean()], (ends[None], row[None]))
        each()
    return found


class Cosines:
    """The mean cosine between two of some vectors that come one at a time: (‖Σu‖² − n)/(n(n − 1)), u = v/‖v‖.

    >>> cosines = Cosines()
    >>> for v in ([2.0, 0.0], [1.0, 1.0]):
    ...     cosines.add({"w": torch.tensor(v)})
    >>> round(cosines.mean, 6)
    0.707107
    """

    def __init__(self) -> None:
        self._sum: Params = {}
        self._n = 0

    def add(self, vector: Mapping[str, Tensor]) -> None:
        """Take one in; a vector of zeros has no direction and is passed over."""
        length = norm(vector)
        if not length:
            return
        self._n += 1
        for name, value in floating(vector).items():
            part = value.to(torch.float64) / length
            self._sum[name] = part if name not in self._sum else self._sum[name].add_(part)

    @property
    def mean(self) -> float:
        """The mean over pairs; nan for fewer than two."""
        n = self._n
        return (norm(self._sum) ** 2 - n) / (n * (n - 1)) if n > 1 else math.nan


def spread_of(
    ingredients: Sequence[Ingredient],
    mean: Mapping[str, Tensor],
    head: Collection[str],
    statistics: Collection[str],
    init: Mapping[str, Tensor] | None,
) -> Spread:
    """Return how far ingredients lie apart; each is read once.

    Args:
        ingredients: at least two.
        mean: their mean.
        head: tensors of the final layer.
        statistics: running statistics of batch norm, which are no weights.
        init: the weights all started from, final layer apart; ``None`` where not known.
    """
    apart = {*head, *statistics}
    body = [k for k in floating(mean) if k not in apart]
    own = [k for k in floating(mean) if k in set(head)]
    moved, heads = Cosines(), Cosines()
    radii: list[tuple[float, float]] = []
    for one in ingredients:
        params = one.load()
        radii.append((_away(params, mean, body), _away(params, mean, own)))
        heads.add({k: params[k] for k in own})
        if init is not None:
            shared = [k for k in body if k in init]
            moved.add({k: params[k].to(torch.float64) - init[k].to(torch.float64) for k in shared})
    far = np.mean(radii, 0)
    return Spread(float(far[0]), float(far[1]), moved.mean, heads.mean)


def heads_of(ingredients: Sequence[Ingredient], init: Mapping[str, Tensor] | None, head: Collection[str]) -> Heads:
    """Say whether final layers began as the same numbers.

    Args:
        ingredients: those that know their own start are asked.
        init: the weights all started from; when it has a final layer, all began with it.
        head: tensors of the final layer.
    """
    if not head:
        return "no head"
    starts = [one.start for one in ingredients]
    if all(start is not None for start in starts):
        first: Params | None = None
        for start in starts:
            assert start is not None
            params = start()
            mine = {k: params[k] for k in head}
            if first is not None and any(not torch.equal(first[k], mine[k]) for k in head):
                return "different starts"
            first = mine
        return "one start"
    return "one start" if init is not None and all(k in init for k in head) else "not known"


def _away(params: Mapping[str, Tensor], mean: Mapping[str, Tensor], names: Sequence[str]) -> float:
    if not names:
        return math.nan
    length = norm(mean, names)
    far = norm({k: params[k].to(torch.float64) - mean[k].to(torch.float64) for k in names})
    return far / length if length else math.nan
