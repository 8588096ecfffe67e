"""Ways to put ingredients together that need the weights they started from; what has a coefficient has several."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from torch import Tensor

from ...numerics.averaging import uniform
from ...numerics.merging import dare, model_stock, task_arithmetic, ties, wise_ft
from ...params import Params
from ...rng import generator
from .ingredients import Ingredient

__all__ = ["METHODS", "Merged", "Method", "how_many", "merged"]

Method: TypeAlias = Literal["wise_ft", "model_stock", "task_arithmetic", "ties", "dare"]
METHODS: dict[Method, str] = dict(
    zip(get_args(Method), ("WiSE-FT", "Model Stock", "task arithmetic", "TIES", "DARE"), strict=True)
)
"""What they are called."""

_SINGLE: frozenset[Method] = frozenset({"model_stock", "dare"})
"""Methods without a coefficient that is chosen here."""


@dataclass(frozen=True, eq=False)
class Merged:
    """Weights that a method gives.

    Attributes:
        method: which.
        coefficient: α of WiSE-FT, λ of TIES, nλ of task arithmetic (1 is the uniform soup); 1 for the others.
        params: the weights.
        members: what went in.
    """

    method: Method
    coefficient: float
    params: Params
    members: tuple[str, ...]


def how_many(methods: Sequence[Method], coefficients: Sequence[float]) -> int:
    """Return how many weights :func:`merged` yields."""
    return sum(1 if method in _SINGLE else len(coefficients) for method in methods)


def merged(
    methods: Sequence[Method],
    ingredients: Sequence[Ingredient],
    best: Ingredient,
    init: Mapping[str, Tensor],
    *,
    coefficients: Sequence[float],
    density: float,
    keep: float,
    seed: int,
    plain: Collection[str],
) -> Iterator[Merged]:
    """Yield weights, method by method and coefficient by coefficient.

    WiSE-FT is the line from the start to the best ingredient. DARE drops from each ingredient and averages them.
    TIES, Model Stock and task arithmetic hold all ingredients in memory.

    Args:
        methods: which.
        ingredients: all of them.
        best: the best on held-out images.
        init: the weights all started from; what it lacks is averaged plainly.
        coefficients: to try.
        density: of TIES.
        keep: share that DARE keeps.
        seed: of DARE's draws.
        plain: tensors that are averaged plainly in any case.
    """
    labels = tuple(one.label for one in ingredients)
    for method in methods:
        if method == "wise_ft":
            end = best.load()
            line = {k: end[k] if k in plain else v for k, v in init.items()}
            for alpha in coefficients:
                yield Merged(method, alpha, wise_ft(line, end, alpha), (best.label,))
            continue
        if method == "dare":
            draws = [generator("dare", seed, one.label) for one in ingredients]
            thinned = (
                dare(init, one.load(), keep=keep, generator=g, plain=plain)
                for one, g in zip(ingredients, draws, strict=True)
            )
            yield Merged(method, 1.0, uniform(thinned), labels)
            continue
        tuned = [one.load() for one in ingredients]
        if method == "model_stock":
            yield Merged(method, 1.0, model_stock(init, tuned, plain=plain), labels)
            continue
        for scale in coefficients:
            if method == "ties":
                params = ties(init, tuned, density=density, scale=scale, plain=plain)
            else:
                params = task_arithmetic(init, tuned, scale / len(tuned), plain=plain)
            yield Merged(method, scale, params, labels)
