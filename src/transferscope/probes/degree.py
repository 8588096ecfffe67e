"""How the values of a forward pass depend on weights that move along fixed directions: not at all, affinely, or else.

A convolution of unmoved activations by a moved kernel is affine in the coefficients of the directions, and so is what
linear operations make of it, until the first nonlinearity. Affine maps keep barycentric combinations:
f(Σ bⱼ Pⱼ) = Σ bⱼ f(Pⱼ) when Σ bⱼ = 1; so k + 1 passes up to there serve every point of a grid.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import fx

__all__ = ["degrees"]

_aten = torch.ops.aten
Degree = float


def degrees(steps: Sequence[fx.Node], moving: Collection[fx.Node]) -> dict[fx.Node, Degree]:
    """Return the degree of every step as a polynomial in the coefficients: 0, 1, 2, … or infinity.

    Args:
        steps: operations in the order of execution.
        moving: nodes of the weights that move; these are of degree 1.
    """
    found: dict[fx.Node, Degree] = dict.fromkeys(moving, 1.0)
    for node in steps:
        inputs = [found.get(n, 0.0) for n in node.all_input_nodes]
        if not any(inputs):
            continue
        rule = _RULES.get(node.target, _other)
        found[node] = rule(node, _Degrees(found))
    return found


class _Degrees:
    def __init__(self, known: Mapping[fx.Node, Degree]) -> None:
        self._known = known

    def __call__(self, value: Any) -> Degree:
        if isinstance(value, fx.Node):
            return self._known.get(value, 0.0)
        if isinstance(value, (tuple, list)):
            return max((self(v) for v in value), default=0.0)
        return 0.0


def _argument(node: fx.Node, place: int, name: str) -> Any:
    return node.args[place] if len(node.args) > place else node.kwargs.get(name)


def _other(node: fx.Node, of: _Degrees) -> Degree:
    return math.inf


def _first(node: fx.Node, of: _Degrees) -> Degree:
    """Linear in the first argument, and no other can vary."""
    return math.inf if any(of(a) for a in node.args[1:]) else of(node.args[0])


def _sum(node: fx.Node, of: _Degrees) -> Degree:
    return max(of(a) for a in node.args)


def _product(node: fx.Node, of: _Degrees) -> Degree:
    return of(node.args[0]) + of(node.args[1])


def _quotient(node: fx.Node, of: _Degrees) -> Degree:
    return math.inf if of(node.args[1]) else of(node.args[0])


def _linear(node: fx.Node, of: _Degrees) -> Degree:
    """W x + b of a convolution or matrix product."""
    return max(of(node.args[0]) + of(node.args[1]), of(_argument(node, 2, "bias")))


def _batch_norm(node: fx.Node, of: _Degrees) -> Degree:
    """γ(x − m)/√(v + ε) + β with stored statistics."""
    x, scale, shift, mean, variance = (of(a) for a in node.args[:5])
    if variance or node.args[5]:
        return math.inf
    return max(max(x, mean) + scale, shift)


_RULES: dict[Any, Callable[[fx.Node, _Degrees], Degree]] = {
    _aten.conv1d.default: _linear,
    _aten.conv2d.default: _linear,
    _aten.conv2d.padding: _linear,
    _aten.linear.default: _linear,
    _aten.matmul.default: _product,
    _aten.mul.Tensor: _product,
    _aten.div.Tensor: _quotient,
    _aten.batch_norm.default: _batch_norm,
    _aten.add.Tensor: _sum,
    _aten.sub.Tensor: _sum,
    _aten.cat.default: _first,
}
for _op in (
    _aten.reshape.default, _aten.flatten.using_ints, _aten.permute.default, _aten.transpose.int,
    _aten.contiguous.default, _aten.unsqueeze.default, _aten.squeeze.dim, _aten.select.int, _aten.slice.Tensor,
    _aten.expand.default, _aten.clone.default, _aten.unflatten.int, _aten.roll.default, _aten.mean.dim,
    _aten.sum.dim_IntList, _aten.avg_pool2d.default, _aten.adaptive_avg_pool2d.default, _aten.neg.default,
    _aten.pad.default,
):  # fmt: skip
    _RULES[_op] = _first
