"""A network's forward pass as a graph of pure operations, so that it can be cut anywhere.

``torch.export`` records it with the batch size left open; what is done in place is replaced by its pure form, and
what cannot change the output in eval mode is dropped. Nothing is executed here but the recording itself.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import torch
from torch import Tensor, fx, nn

from ..runtime import out_of_memory

__all__ = ["Recording", "UnrecordableError", "record"]

_RESHAPES = frozenset(
    (torch.ops.aten.reshape.default, torch.ops.aten.flatten.using_ints, torch.ops.aten.unflatten.int)
)


class UnrecordableError(Exception):
    """The forward pass cannot be recorded, cut or stacked; the text says why. Never leaves the engine."""


@dataclass(frozen=True, eq=False)
class Recording:
    """A forward pass as pure operations in the order of execution.

    Attributes:
        steps: the operations, in order.
        x: the node of the images.
        output: the node of the logits.
        weights: node → name in the state dict, of every tensor used.
        constants: node → value, of tensors that are no weights.
    """

    steps: tuple[fx.Node, ...]
    x: fx.Node
    output: fx.Node
    weights: Mapping[fx.Node, str]
    constants: Mapping[fx.Node, Tensor]

    def is_size(self, node: fx.Node) -> bool:
        """Say whether a node is a number that follows from the batch size, not a tensor."""
        return isinstance(node.meta.get("val"), (torch.SymInt, int))

    def size(self, node: fx.Node, batch: int) -> int:
        """Return the number that :meth:`is_size` speaks of, for a batch."""
        value: Any = node.meta["val"]
        return value if type(value) is int else _at(value, batch)

    def axis(self, node: fx.Node) -> int | None:
        """Return the dimension of a tensor that grows with the batch, ``None`` when there is none.

        Raises:
            UnrecordableError: when it is no tensor, or does not grow along one dimension in proportion.
        """
        value = node.meta.get("val")
        if not isinstance(value, Tensor):
            raise UnrecordableError(f"{node.name} is not a tensor")
        grows = [i for i, size in enumerate(value.shape) if _grows(size)]
        if not grows:
            return None
        size: Any = value.shape[grows[0]]
        if len(grows) > 1 or _at(size, 6) * 5 != _at(size, 5) * 6:
            raise UnrecordableError(f"{node.name} does not grow along one dimension with the batch")
        return grows[0]

    def stacks(self, node: fx.Node) -> bool:
        """Whether the values for some images and those for others, one after the other, are the values for all.

        Not so where a reshape has put another dimension in front of the images within one: tokens × images, say.
        """
        return self._ahead.get(node) == 1

    @cached_property
    def _ahead(self) -> dict[fx.Node, int]:
        """Node → a, where the dimension that grows with the batch is a × batch × c/a; 0 where that is not known."""
        ahead = {self.x: 1}
        axes = {n: axis for n in (self.x, *self.steps) if _is_tensor(n) and (axis := self.axis(n)) is not None}
        for node in [*axes][1:]:
            axis, shape = axes[node], _shape(node)
            sources = [n for n in node.all_input_nodes if n in ahead]
            if shape[axis] == 1:
                ahead[node] = 1
            elif node.target in _RESHAPES:
                entries = math.prod(_shape(sources[0])[: axes[sources[0]]]) * ahead[sources[0]]
                ahead[node], rest = divmod(entries, math.prod(shape[:axis]))
                ahead[node] *= rest == 0
            else:
                alike = {ahead[n] for n in sources if _shape(n)[axes[n]] == shape[axis]}
                ahead[node] = alike.pop() if len(alike) == 1 else 0
        return ahead


def record(module: nn.Module, x: Tensor) -> Recording:
    """Record a forward pass in eval mode.

    Args:
        module: in eval mode; its tensors are those of the recording.
        x: an input of at least two images, as it will be called with.

    Raises:
        UnrecordableError: when ``torch.export`` cannot, or fixes the batch size.
    """
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim.AUTO},), strict=False)
    except Exception as e:
        if out_of_memory(e):
            raise
        reason = next(iter(str(e).strip().splitlines()), type(e).__name__)
        raise UnrecordableError(f"its forward pass cannot be recorded: {reason[:200]}") from e
    graph = exported.graph_module.graph
    kinds = torch.export.graph_signature.InputKind
    names = _names_by_tensor(module)
    state = dict(exported.state_dict)
    weights: dict[fx.Node, str] = {}
    constants: dict[fx.Node, Tensor] = {}
    images: fx.Node | None = None
    placeholders = [n for n in graph.nodes if n.op == "placeholder"]
    for node, spec in zip(placeholders, exported.graph_signature.input_specs, strict=True):
        target = str(spec.target)
        if spec.kind is kinds.USER_INPUT:
            images = node
        elif spec.kind in (kinds.PARAMETER, kinds.BUFFER) and target in state:
            weights[node] = names.get(id(state[target]), target)
        else:
            constant = exported.constants.get(target)
            if not isinstance(constant, Tensor):
                raise UnrecordableError(f"it uses {target}, which is not a tensor")
            constants[node] = constant
    if images is None or not _grows(images.meta["val"].shape[0]):
        raise UnrecordableError("its forward pass fixes the batch size; len(x) does, x.shape[0] does not")
    _make_pure(graph)
    returned = next(n for n in graph.nodes if n.op == "output").args[0]
    output = returned[0] if isinstance(returned, (tuple, list)) and len(returned) == 1 else returned
    if not isinstance(output, fx.Node):
        raise UnrecordableError("it does not return one tensor")
    return Recording(tuple(_needed(graph, output)), images, output, weights, constants)


def _names_by_tensor(module: nn.Module) -> dict[int, str]:
    return {id(value): name for name, value in reversed(module.state_dict(keep_vars=True).items())}


def _make_pure(graph: fx.Graph) -> None:
    """Replace what works in place by its pure form, ``view`` by ``reshape``, and drop dropout."""
    place = {node: i for i, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        target = node.target
        if not isinstance(target, torch._ops.OpOverload):
            continue
        if target._schema.is_mutable:
            changed = node.args[0]
            node.target = target = _pure(target)
            for user in list(changed.users):
                if place[user] > place[node]:
                    user.replace_input_with(changed, node)
        if target is torch.ops.aten.view.default:
            node.target = torch.ops.aten.reshape.default  # stacked tensors may lie otherwise in memory
        elif target in (torch.ops.aten.dropout.default, torch.ops.aten.feature_dropout.default):
            if node.args[2]:
                raise UnrecordableError("it drops values at random in eval mode")
            node.replace_all_uses_with(node.args[0])


def _pure(target: torch._ops.OpOverload) -> torch._ops.OpOverload:
    name = target._schema.name.removeprefix("aten::")
    packet = getattr(torch.ops.aten, name.removesuffix("_"), None) if name.endswith("_") else None
    found = getattr(packet, target._overloadname, None)
    if found is None or found._schema.is_mutable:
        raise UnrecordableError(f"it works in place by {target}")
    pure: torch._ops.OpOverload = found
    return pure


def _needed(graph: fx.Graph, output: fx.Node) -> Iterator[fx.Node]:
    needed, waiting = {output}, [output]
    while waiting:
        for argument in waiting.pop().all_input_nodes:
            if argument not in needed:
                needed.add(argument)
                waiting.append(argument)
    return (node for node in graph.nodes if node in needed and node.op == "call_function")


def _grows(size: Any) -> bool:
    return type(size) is not int and bool(_expression(size).free_symbols)


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _shape(node: fx.Node) -> list[int]:
    """Shape for a batch of one image."""
    return [size if type(size) is int else _at(size, 1) for size in node.meta["val"].shape]


def _at(size: Any, batch: int) -> int:
    return _with(_expression(size), batch)


@lru_cache(maxsize=4096)
def _with(expression: Any, batch: int) -> int:
    """Put a batch size into an expression: a millisecond of algebra, asked again at every cut of a network."""
    return int(expression.subs(dict.fromkeys(expression.free_symbols, batch)))


def _expression(size: Any) -> Any:
    return size.node.expr
