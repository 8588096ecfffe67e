"""The modules of any network at three granularities, each an ordered partition of all its tensors.

Neyshabur et al. 2020 (footnote 1) calls a module "a node in the computation graph that … performs a linear
transformation"; for ResNets also a whole residual block. Here:

* ``layer``: each linear map (convolution, linear, attention whose projections are one call) with its bias and what
  belongs to it: its norm, scales, scalar biases, class tokens;
* ``block``: the stem, each residual or transformer block, what lies between blocks, the head;
* ``stage``: neighbouring blocks of one container and one resolution (conv1, layer1 … layer4, fc for ResNets).

Layers refine blocks, and blocks refine stages. A network without repeated blocks (VGG, LeNet) has its layers for
blocks. Order is that of the forward pass; what the forward pass never uses comes last, with ``runs=False``.

The features of a layer are the output of its last part: after its norm where that follows, before the activation.
Those of a block or stage are the output of the outermost submodule that holds just it, or else of its last part.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import nn

from ..errors import ModelError, nearest
from .blocks import find_blocks, join_blocks, join_layers
from .layers import split_layers
from .tracing import Trace, trace
from .tree import Group, Tree, ancestors, owner_of

__all__ = ["GRANULARITIES", "Granularity", "Module", "find_head", "find_twins", "list_modules", "partition"]

Granularity: TypeAlias = Literal["layer", "block", "stage"]
GRANULARITIES: tuple[Granularity, ...] = ("layer", "block", "stage")


@dataclass(frozen=True)
class Module:
    """A unit whose weights are perturbed, compared or rewound together.

    Attributes:
        name: e.g. ``"layer1.0"``.
        tensors: names of its tensors (parameters and buffers) in ``Params``.
        output: name of the submodule whose output (the first tensor, when it returns several) is the features of this
            module; ``""`` is the whole network.
        runs: whether the forward pass in eval mode uses it; ``False`` for auxiliary classifiers and the like, whose
            ``output`` is never called.
    """

    name: str
    tensors: tuple[str, ...]
    output: str
    runs: bool = True


def list_modules(
    module: nn.Module, size: tuple[int, int], channels: int, granularity: Granularity
) -> tuple[Module, ...]:
    """List the modules of a network in forward order; together they hold every tensor exactly once.

    Args:
        module: any network that takes ``(b, channels, height, width)``.
        size: height and width in pixels of the input it is watched on.
        channels: of that input.
        granularity: ``layer``, ``block`` or ``stage``.

    Raises:
        ModelError: for another granularity, or when the forward pass fails.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> [(m.name, m.output, len(m.tensors)) for m in list_modules(net, (8, 8), 3, "layer")]
    [('0', '1', 7), ('4', '4', 2)]
    """
    return partition(module, trace(module, size, channels), granularity)


def partition(module: nn.Module, seen: Trace, granularity: Granularity) -> tuple[Module, ...]:
    """Do as :func:`list_modules`, with a forward pass that was watched already."""
    if granularity not in GRANULARITIES:
        raise ModelError(f"granularity {granularity!r}{nearest(granularity, GRANULARITIES)}")
    tree = Tree(module, seen)
    groups: list[Group] = []
    if tree.tensors:
        blocks = find_blocks(tree)
        layers = [g for block in blocks or [Group("", tree.tensors)] for g in split_layers(tree, block)]
        if granularity == "layer":
            groups = layers
        elif granularity == "block":
            groups = blocks or layers
        else:
            groups = join_blocks(tree, blocks) if blocks else join_layers(tree, layers)
    running = tuple(Module(g.name, g.tensors, _output(tree, g, granularity == "layer")) for g in groups)
    return running + _idle(tree)


def find_head(seen: Trace, classes: int) -> str:
    """Return the prefix of the final classifier's tensors: the last linear map with ``classes`` outputs.

    Returns:
        e.g. ``"fc"``; ``""`` when no submodule is one.
    """
    linear = [(use.time, name) for name, use in seen.uses.items() if use.product]
    fits = [(at, name) for at, name in linear if seen.shapes[name][:1] == (classes,)]
    return owner_of(max(fits)[1]) if fits else ""


def find_twins(seen: Trace, head: str) -> tuple[str, ...]:
    """Return other final classifiers beside the head, such as that of a distillation token.

    They are the linear maps that run last, next to each other, of the shape of the head's; where features are as many
    as classes, one may follow the other, and none is taken for a twin.
    """
    linear = sorted((use.time, name) for name, use in seen.uses.items() if use.product)
    shape = seen.shapes.get(f"{head}.weight", ())
    if len(shape) != 2 or shape[0] == shape[1]:
        return ()
    last: list[str] = []
    for _, name in reversed(linear):
        if seen.shapes[name] == shape:
            last.append(owner_of(name))
        elif len(seen.shapes[name]) > 1:
            break
    return tuple(owner for owner in reversed(last) if owner != head) if head in last else ()


def _output(tree: Tree, group: Group, parts_only: bool) -> str:
    """Find the submodule that returns last among those that hold some of these tensors and no others."""
    held, calls = set(group.tensors), tree.seen.calls
    if group.name in calls and tree.under[group.name] == held:
        return group.name
    units = tree.units(held)
    done = max((tree.unit_time[u] for u in units), default=0)
    own = {owner_of(t) for t in held} | set(units)
    around = own if parts_only else own | {path for t in held for path in ancestors(t)}
    fits = [p for p in around if p and p in calls and tree.under[p] <= held and calls[p].end >= done]
    if fits:
        return max(fits, key=lambda path: calls[path].order)
    return next(path for path in ancestors(units[-1] if units else group.tensors[0]) if path in calls)


def _idle(tree: Tree) -> tuple[Module, ...]:
    """The largest submodules that never run, in the order of the state dict."""
    named: dict[str, list[str]] = {}
    for tensor in tree.seen.tensors:
        if tensor not in tree.time:
            unused = [path for path in ancestors(tensor) if path and not tree.under.get(path)]
            named.setdefault(unused[-1] if unused else tensor, []).append(tensor)
    return tuple(Module(name, tuple(tensors), name, runs=False) for name, tensors in named.items())
