"""Batch norm with fixed statistics folded into the convolution before it: one sweep over the values less a layer.

With mean μ, variance v, scale γ and shift β, and s = γ/√(v + ε): bn(w∗x + b) = (s·w)∗x + β + s·(b − μ). Equal up to
rounding; not for bfloat16, which rounds several times as much with folded weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from .cut import Part, Values

__all__ = ["Folded", "fold"]

_CONVOLUTIONS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv2d.padding)
_NORM = torch.ops.aten.batch_norm.default


@dataclass(frozen=True, eq=False)
class _Pair:
    """A convolution and the batch norm after it.

    Attributes:
        weights: nodes of ``kernel``, ``mean``, ``variance``, and of ``bias``, ``scale``, ``shift`` if there are.
        eps: ε.
        kernel: node of the folded kernel.
        bias: of the folded bias.
    """

    weights: Mapping[str, fx.Node]
    eps: float
    kernel: fx.Node
    bias: fx.Node

    def values(self, known: Mapping[fx.Node, Tensor]) -> Values:
        """Return the folded kernel and bias, rounded once."""
        of = {name: known[node] for name, node in self.weights.items()}
        kernel = of["kernel"]
        factor = torch.rsqrt(of["variance"].double() + self.eps) * of.get("scale", 1.0)
        bias = factor * (of.get("bias", 0.0) - of["mean"].double()) + of.get("shift", 0.0)
        folded = kernel * factor.view(-1, 1, 1, 1)  # keeps the kernel's layout in memory
        return {self.kernel: folded.to(kernel.dtype), self.bias: bias.to(kernel.dtype)}


@dataclass(frozen=True, eq=False)
class Folded:
    """A part of a forward pass without the batch norms that follow convolutions.

    Attributes:
        part: takes folded weights.
        pairs: what they are folded from.
    """

    part: Part
    pairs: tuple[_Pair, ...]

    def values(self, known: Mapping[fx.Node, Tensor]) -> Values:
        """Return the folded weights of weights."""
        return {node: value for pair in self.pairs for node, value in pair.values(known).items()}


def fold(part: Part) -> Folded:
    """Fold batch norms that are the only ones to look at a convolution's output, where both only have weights."""
    graph, copies, pairs = fx.Graph(), dict[fx.Node, fx.Node](), list[_Pair]()
    graph.output(graph.graph_copy(part.module.graph, copies))
    entries = [node for node in part.module.graph.nodes if node.op == "placeholder"]
    origin = {copies[entry]: node for entry, node in zip(entries, part.inputs, strict=True)}
    for norm in [node for node in graph.nodes if node.target is _NORM]:
        convolution = norm.args[0]
        if convolution.target not in _CONVOLUTIONS or len(convolution.users) > 1 or norm.args[5]:
            continue
        named = {
            "kernel": convolution.args[1],
            "bias": convolution.args[2] if len(convolution.args) > 2 else None,
            **dict(zip(("scale", "shift", "mean", "variance"), norm.args[1:5], strict=True)),
        }
        weights = {name: origin.get(node) for name, node in named.items() if node is not None}
        known = {name: node for name, node in weights.items() if node and node in part.recording.weights}
        if len(known) < len(weights):
            continue
        with graph.inserting_before(convolution):
            kernel, bias = (graph.placeholder(f"{what}_of_{convolution.name}") for what in ("kernel", "bias"))
        convolution.args = (convolution.args[0], kernel, bias, *convolution.args[3:])
        norm.replace_all_uses_with(convolution)
        graph.erase_node(norm)
        pairs.append(_Pair(known, norm.args[7], kernel, bias))
        origin |= {kernel: kernel, bias: bias}
    if not pairs:
        return Folded(part, ())
    for entry in [node for node in graph.nodes if node.op == "placeholder" and not node.users]:
        graph.erase_node(entry)
    inputs = tuple(origin[node] for node in graph.nodes if node.op == "placeholder")
    return Folded(Part(part.recording, inputs, part.outputs, fx.GraphModule(nn.Module(), graph)), tuple(pairs))
