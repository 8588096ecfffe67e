"""Algebra on the weights of a network.

``Params`` is what ``module.state_dict()`` holds: parameters and buffers by name. Algebra touches the floating
tensors only; integer buffers (``num_batches_tracked``) are counters, and are taken over from the first operand.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from .errors import UsageError

__all__ = [
    "Params",
    "bits_digest",
    "check_same",
    "clone",
    "combine",
    "difference",
    "distance",
    "floating",
    "lerp",
    "norm",
]

Params: TypeAlias = dict[str, Tensor]


def floating(params: Mapping[str, Tensor]) -> Params:
    """Return the floating tensors only.

    >>> sorted(floating({"w": torch.ones(2), "steps": torch.tensor(3)}))
    ['w']
    """
    return {k: v for k, v in params.items() if v.is_floating_point()}


def clone(params: Mapping[str, Tensor]) -> Params:
    """Return a copy that shares no memory."""
    return {k: v.detach().clone() for k, v in params.items()}


def bits_digest(params: Mapping[str, Tensor]) -> str:
    """Hash names and bits of weights to 32 hex digits, whatever file they are from.

    >>> a, b = ({"w": torch.tensor([x])} for x in (0.0, -0.0))
    >>> bits_digest(a) == bits_digest(clone(a)), bits_digest(a) == bits_digest(b)
    (True, False)
    """
    h = hashlib.blake2b(digest_size=16)
    for name in sorted(params):
        value = params[name].detach().cpu().contiguous()
        h.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        h.update(value.reshape(-1).view(torch.uint8).numpy().data if value.numel() else b"")
    return h.hexdigest()


def check_same(first: Mapping[str, Tensor], *others: Mapping[str, Tensor]) -> None:
    """Raise unless all have the same names and shapes.

    Raises:
        UsageError: naming the first tensor that differs.
    """
    for other in others:
        if missing := sorted(first.keys() ^ other.keys()):
            side = "first" if missing[0] in first else "second"
            raise UsageError(
                f"two different networks: {missing[0]!r} is only in the {side} "
                f"({len(missing)} names differ); give checkpoints of one architecture"
            )
        for name, value in first.items():
            if value.shape != other[name].shape:
                raise UsageError(
                    f"two different networks: {name!r} is {tuple(value.shape)} in the first and "
                    f"{tuple(other[name].shape)} in the second; give checkpoints of one architecture"
                )


def combine(points: Sequence[Mapping[str, Tensor]], weights: Sequence[float]) -> Params:
    """Return Σᵢ weightsᵢ · pointsᵢ, computed in float64 and returned in the first operand's types.

    Args:
        points: at least one set of parameters, all of one network.
        weights: one number a point.

    >>> a, b = {"w": torch.tensor([0.0, 2.0])}, {"w": torch.tensor([4.0, 4.0])}
    >>> combine([a, b], [0.75, 0.25])["w"].tolist()
    [1.0, 2.5]
    """
    if len(points) != len(weights) or not points:
        raise UsageError(f"combine needs one weight a point, got {len(points)} points, {len(weights)} weights")
    check_same(*points)
    out: Params = {}
    for name, first in points[0].items():
        if not first.is_floating_point():
            out[name] = first.clone()
            continue
        total = torch.zeros_like(first, dtype=torch.float64)
        for point, weight in zip(points, weights, strict=True):
            total.add_(point[name].to(torch.float64), alpha=float(weight))
        out[name] = total.to(first.dtype)
    return out


def lerp(a: Mapping[str, Tensor], b: Mapping[str, Tensor], t: float) -> Params:
    """Return (1 − t)·a + t·b (Neyshabur et al. 2020, §3.3); t = 0 and t = 1 give a and b exactly.

    >>> lerp({"w": torch.zeros(1)}, {"w": torch.ones(1)}, 0.25)["w"].item()
    0.25
    """
    return combine([a, b], [1.0 - t, t])


def difference(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> Params:
    """Return a − b over the floating tensors, in float64."""
    check_same(a, b)
    return {k: v.to(torch.float64) - b[k].to(torch.float64) for k, v in floating(a).items()}


def norm(params: Mapping[str, Tensor], names: Iterable[str] | None = None) -> float:
    """Return the Euclidean norm over the named (default: all floating) tensors, in float64.

    >>> norm({"a": torch.tensor([3.0]), "b": torch.tensor([[4.0]])})
    5.0
    """
    chosen = floating(params) if names is None else {k: params[k] for k in names}
    return math.sqrt(math.fsum(float(v.to(torch.float64).square().sum()) for v in chosen.values()))


def distance(a: Mapping[str, Tensor], b: Mapping[str, Tensor], names: Iterable[str] | None = None) -> float:
    """Return ‖a − b‖₂ over the named (default: all floating) tensors, in float64.

    >>> distance({"w": torch.tensor([1.0, 1.0])}, {"w": torch.tensor([4.0, 5.0])})
    5.0
    """
    keys = list(floating(a)) if names is None else list(names)
    return math.sqrt(math.fsum(float((a[k].to(torch.float64) - b[k].to(torch.float64)).square().sum()) for k in keys))
