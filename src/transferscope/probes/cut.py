"""A recorded forward pass cut where moved weights come in: what does not depend on them is computed once.

    x ──before──▶ live values ──moved──▶ what the moved weights make of them ──after──▶ logits

The cut follows the graph, not the order of modules: whatever is live, a residual shortcut as well, crosses it.
``before`` is the same for all points. ``after`` has the same weights at all points, so that points are stacked along
the batch. Only ``moved`` has other weights at each point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, fx, nn

from .compiled import Compiled
from .degree import degrees
from .forward_graph import Recording, UnrecordableError

__all__ = ["Cut", "Part", "Values"]

Values = dict[fx.Node, Tensor]
"""What is known: weights and values by node."""

_PRODUCTS = frozenset(
    getattr(getattr(torch.ops.aten, name), overload)
    for name, overload in (
        ("conv1d", "default"), ("conv2d", "default"), ("conv2d", "padding"), ("conv3d", "default"),
        ("linear", "default"), ("matmul", "default"), ("bmm", "default"), ("addmm", "default"), ("mm", "default"),
        ("einsum", "default"), ("scaled_dot_product_attention", "default"),
    )
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Part:
    """Some of the operations of a recording as one function of the values that come in.

    Attributes:
        recording: whose operations they are.
        inputs: nodes whose values come in.
        outputs: nodes whose values go out.
        module: the function.
        compiled: the same, compiled, if it is.
    """

    recording: Recording
    inputs: tuple[fx.Node, ...]
    outputs: tuple[fx.Node, ...]
    module: fx.GraphModule
    compiled: Compiled | None = None

    @classmethod
    def of(cls, recording: Recording, inside: Iterable[fx.Node], outputs: Iterable[fx.Node]) -> Part:
        """Gather those of the operations that lead to the outputs; what they need from outside comes in."""
        wanted, chosen = tuple(outputs), set(inside)
        chosen &= _leading_to([n for n in recording.steps if n in chosen], set(wanted))
        graph, copies, inputs = fx.Graph(), dict[fx.Node, fx.Node](), list[fx.Node]()
        steps = [n for n in recording.steps if n in chosen]
        for node in dict.fromkeys(n for step in steps for n in step.all_input_nodes):
            if node not in chosen:
                copies[node] = graph.placeholder(f"v{len(inputs)}")
                inputs.append(node)
        for node in steps:
            copies[node] = graph.node_copy(node, copies.__getitem__)
        for node in wanted:
            if node not in copies:
                copies[node] = graph.placeholder(f"v{len(inputs)}")
                inputs.append(node)
        graph.output(tuple(copies[n] for n in wanted))
        return cls(recording, tuple(inputs), wanted, fx.GraphModule(nn.Module(), graph))

    def __call__(self, known: Mapping[fx.Node, Tensor], batch: int) -> tuple[Tensor, ...]:
        """Return the values of the outputs, for known values of what comes in and so many images."""
        sizes = self.recording
        values = [sizes.size(n, batch) if sizes.is_size(n) else known[n] for n in self.inputs]
        returned: tuple[Tensor, ...] = (self.compiled or self.module)(*values)
        return returned


class Cut:
    """A recorded forward pass in parts, for one set of moving weights.

    Args:
        recording: the forward pass.
        moving: names of the weights that are not the same at all points.

    Attributes:
        before: from the images to the live values.
        shared: from the weights to values that no image plays a part in, and that are the same at all points.
        moved: what has other weights at each point.
        after: from there to the logits.
        saves: whether a convolution or matrix product is left out of the passes of all points but one.

    Raises:
        UnrecordableError: when the values that cross the cut cannot be stacked, or one of them is made of images and
            does not grow with their number.
    """

    def __init__(self, recording: Recording, moving: frozenset[str]) -> None:
        self.recording = recording
        steps = [n for n in recording.steps if not recording.is_size(n)]
        movers = {node for node, name in recording.weights.items() if name in moving}
        varying = _reached(steps, movers)
        still = {n for n in steps if n not in varying}
        fed = {n for n in (recording.x, *steps) if _is_tensor(n) and recording.axis(n) is not None}
        made = {n for n in varying if _is_tensor(n) and n not in fed} | movers  # of weights alone
        first = _leading_to(steps, {n for n in varying if made.intersection(n.all_input_nodes)}) & varying
        crossing = dict.fromkeys(
            i for n in steps if n in varying for i in n.all_input_nodes if i in still or i is recording.x
        )
        seen = _reached(steps, {recording.x})
        if any(n in seen for n in crossing if n not in fed):
            raise UnrecordableError("it makes a value of the images that does not grow with their number")
        self.live = tuple(n for n in crossing if n in fed)
        self.before = Part.of(recording, still, self.live)
        self.shared = Part.of(recording, still, [n for n in crossing if n not in fed])
        self._varying = [n for n in steps if n in varying]
        # Lists, and what cannot be stacked, do not cross: who takes them belongs to what is done point by point.
        stay = {n for n in steps if not _is_tensor(n) or (n in fed and not recording.stacks(n))}
        while more := [n for n in varying - first if (first | still) & stay & {*n.all_input_nodes}]:
            first |= _leading_to(steps, set(more)) & varying
        self.moved, self.after = self._split(first)
        self.saves = any(n.target in _PRODUCTS for n in still if n in fed)
        degree = degrees(steps, movers)
        straight = {n for n in varying if degree[n] <= 1}
        self._straight = straight if first <= straight else None
        for node in (*self.live, *self.moved.outputs):
            recording.axis(node)

    @cached_property
    def affine(self) -> tuple[Part, Part] | None:
        """The parts as far as all is affine and beyond, ``None`` when it is not affine from the beginning."""
        if self._straight is None:
            return None
        parts = self._split(self._straight)
        crossing = {*parts[0].outputs, *(n for n in self.live if n in parts[1].inputs)}
        return parts if all(self.recording.stacks(n) for n in crossing) else None

    def _split(self, first: set[fx.Node]) -> tuple[Part, Part]:
        """Split the varying operations into these and the rest, none of which comes before them."""
        output = self.recording.output
        rest = [n for n in self._varying if n not in first]
        over = dict.fromkeys(i for n in rest for i in n.all_input_nodes if i in first)
        if output in first:
            over[output] = None
        return Part.of(self.recording, first, over), Part.of(self.recording, rest, [output])


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _reached(steps: Sequence[fx.Node], sources: set[fx.Node]) -> set[fx.Node]:
    reached = set(sources)
    for node in steps:
        if any(i in reached for i in node.all_input_nodes):
            reached.add(node)
    return reached - sources


def _leading_to(steps: Sequence[fx.Node], goals: set[fx.Node]) -> set[fx.Node]:
    leading = set(goals)
    for node in reversed(steps):
        if node in leading:
            leading.update(node.all_input_nodes)
    return leading
