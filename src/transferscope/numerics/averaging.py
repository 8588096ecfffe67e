"""Averages of weights, and the greedy choice of what goes into one.

Sums are in float64 and rounded once. Integer tensors (``num_batches_tracked``) are counters, of which there is no
mean: they are those of the first, and :attr:`Mean.counters` names those that differ.

Sources: Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
increasing inference time", Recipe 1; its code, https://github.com/mlfoundations/model-soups.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from ..errors import UsageError
from ..params import Params, check_same, clone, floating

__all__ = ["Accept", "Mean", "Tried", "fingerprint", "greedy", "in_order", "kept", "uniform"]

Accept: TypeAlias = Literal["not worse", "better"]
"""When a greedy soup takes one more: ``not worse`` is the paper's Recipe 1 (≥), ``better`` the authors' code (>)."""


class Mean:
    """The mean Σᵢθᵢ/n of weights that come one at a time; held is one sum in float64, the memory of two in float32.

    >>> mean = Mean()
    >>> for x in (0.0, 4.0):
    ...     mean.add({"w": torch.tensor([x]), "steps": torch.tensor(int(x))})
    >>> mean.value()["w"].item(), mean.value()["steps"].item(), mean.counters
    (2.0, 0, ('steps',))
    """

    def __init__(self) -> None:
        self.count = 0
        self._like: Params = {}  # names, shapes, types and counters of the first
        self._sums: Params = {}
        self._differ: dict[str, None] = {}

    @property
    def counters(self) -> tuple[str, ...]:
        """Integer tensors that are not the same in all; the mean has those of the first."""
        return tuple(self._differ)

    def add(self, params: Mapping[str, Tensor]) -> None:
        """Take one more into the mean.

        Raises:
            UsageError: when it is of another network than those before.
        """
        if not self.count:
            self._like = {
                k: torch.empty_like(v, device="meta") if v.is_floating_point() else v.clone()
                for k, v in params.items()
            }
            # The sum begins with the first and not with 0, so that −0 stays −0 in a mean of copies.
            self._sums = {k: v.detach().to(torch.float64, copy=True) for k, v in floating(params).items()}
        else:
            check_same(self._like, params)
            for name, value in params.items():
                if name in self._sums:
                    self._sums[name].add_(value.detach())  # as float64, without a copy in it
                elif not torch.equal(value, self._like[name]):
                    self._differ[name] = None
        self.count += 1

    def value(self, more: Mapping[str, Tensor] | None = None) -> Params:
        """Return the mean, in the types of the first.

        The mean of copies is the copy, bit for bit, in every type of up to 32 bits: n·x is exact in float64.

        Args:
            more: one that is counted in this time and not kept.

        Raises:
            UsageError: when there is nothing to average, or ``more`` is of another network.
        """
        if not self.count:
            if more is None:
                raise UsageError("mean of no weights; give at least one")
            return clone(more)
        if more is not None:
            check_same(self._like, more)
        count = self.count + (more is not None)
        found: Params = {}
        for name, like in self._like.items():
            if name not in self._sums:
                found[name] = like.clone()
                continue
            total = self._sums[name]
            if more is not None:
                total = total + more[name].detach()
            found[name] = torch.div(total, count, out=torch.empty(like.shape, dtype=like.dtype, device=total.device))
        return found


def uniform(points: Iterable[Mapping[str, Tensor]]) -> Params:
    """Return the mean of some weights: the uniform soup.

    Args:
        points: weights of one network, at least one; may come one at a time, and are not kept.

    Raises:
        UsageError: when there are none, or they are of two networks.

    >>> uniform([{"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([4.0, 4.0])}])["w"].tolist()
    [2.0, 3.0]
    """
    mean = Mean()
    for point in points:
        mean.add(point)
    return mean.value()


def fingerprint(params: Mapping[str, Tensor]) -> str:
    """Return a digest of the floating tensors, to tell copies by; counters have no part in it.

    >>> a, b = ({"w": torch.ones(2), "steps": torch.tensor(n)} for n in (1, 2))
    >>> fingerprint(a) == fingerprint(b), fingerprint(a) == fingerprint({"w": torch.zeros(2)})
    (True, False)
    """
    h = hashlib.blake2b(digest_size=16)
    for name, value in sorted(floating(params).items()):
        h.update(repr((name, value.dtype, tuple(value.shape))).encode())
        h.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return h.hexdigest()


@dataclass(frozen=True)
class Tried:
    """One step of a greedy choice.

    Attributes:
        name: what was tried.
        before: the held-out metric without it; nan at the first step.
        after: the held-out metric with it.
        accepted: whether it stays.
    """

    name: str
    before: float
    after: float
    accepted: bool


def in_order(held_out: Mapping[str, float]) -> list[str]:
    """Return names by their held-out metric, the best first, equal ones by name, those without a number last.

    >>> in_order({"b": 0.8, "c": 0.9, "a": 0.8, "d": math.nan})
    ['c', 'a', 'b', 'd']
    """
    return sorted(held_out, key=lambda name: (math.isnan(held_out[name]), -held_out[name], name))


def greedy(
    held_out: Mapping[str, float],
    metric: Callable[[tuple[str, ...]], float],
    *,
    accept: Accept = "not worse",
) -> tuple[Tried, ...]:
    """Choose what goes into a soup, or an ensemble: Recipe 1 of Wortsman et al. 2022.

    The best one alone is the first soup. The others are tried in the order of their own held-out metric, and each
    stays when the metric with it is ``not worse`` (≥, the paper) or ``better`` (>, the authors' code). A metric that
    is not a number keeps nothing. Copies would always be kept by ≥: drop them before (:func:`fingerprint`).

    Args:
        held_out: the metric of each alone, larger is better, on images that are not tested on.
        metric: of a soup of these, the newest last.
        accept: see :data:`Accept`.

    Returns:
        A step for each, in the order in which they were tried.

    Raises:
        UsageError: when there is nothing to choose from.

    >>> numbers = {"a": 1.0, "b": 0.5, "c": 0.4}  # the metric of a soup: its mean, and a little for its size
    >>> steps = greedy(numbers, lambda soup: sum(numbers[n] for n in soup) / len(soup) + 0.25 * (len(soup) == 2))
    >>> [(s.name, s.after, s.accepted) for s in steps[:2]], kept(steps)
    ([('a', 1.0, True), ('b', 1.0, True)], ('a', 'b'))
    """
    if not held_out:
        raise UsageError("a greedy soup of nothing; give at least one network")
    first, *rest = in_order(held_out)
    chosen: tuple[str, ...] = (first,)
    best = held_out[first]
    steps = [Tried(first, math.nan, best, accepted=True)]
    for name in rest:
        after = metric((*chosen, name))
        accepted = after > best or (accept == "not worse" and after == best)
        steps.append(Tried(name, best, after, accepted))
        if accepted:
            chosen, best = (*chosen, name), after
    return tuple(steps)


def kept(steps: Sequence[Tried]) -> tuple[str, ...]:
    """Return what a greedy choice kept, in the order in which it came in."""
    return tuple(step.name for step in steps if step.accepted)
