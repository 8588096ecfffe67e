"""Points that move only a part of the weights: what does not depend on these is computed once, the rest stacked.

Two plans, both equal to whole passes up to rounding (Liu et al. 2019 and Neyshabur et al. 2020 move one module at a
time):

* *suffix*: the moved operations run point by point on the live values, and what follows them, the same at all points,
  runs on the points stacked along the batch;
* *affine*: where the network is affine in the coefficients c of the directions up to its next nonlinearity, it runs
  there at k + 1 anchors Pⱼ only (the origin, and the origin moved along each direction); the value at a point is
  Σⱼ bⱼ Pⱼ with Σⱼ bⱼ = 1, one small matrix product for all points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, fx

from ..runtime import room
from .compiled import Compiled
from .cut import Cut, Part, Values
from .folded import fold
from .points import Points

__all__ = ["Live", "Plan", "Sweep", "anchors"]

Plan = Literal["whole network", "suffix", "affine"]

_STACK_BYTES = {"cpu": 2**22, "cuda": 2**29}
"""At most, of the stacked values where the part after the moved weights begins; a CPU keeps the rest in its cache."""

_STACK_SHARE = 1 / 16
"""At most, of the memory there is; what comes after them takes several times as much."""


class Sweep:
    """One set of points, evaluated batch after batch.

    Args:
        cut: the forward pass, cut for what the points move.
        points: where.
        move: sets the network's weights to a point.
        weights: the network's tensors by name, which ``move`` changes in place.
        affine: whether the affine plan may be used.
        folds: whether batch norm is folded into the convolution before it where that is the same at all points.
        compiles: whether what follows the moved weights is compiled.

    Attributes:
        plan: ``suffix`` or ``affine``.
        compiled: what follows the moved weights, if it is compiled.
    """

    def __init__(
        self,
        cut: Cut,
        points: Points,
        move: Callable[[Points, int], None],
        weights: Mapping[str, Tensor],
        *,
        affine: bool = True,
        folds: bool = True,
        compiles: bool = False,
    ) -> None:
        self._cut, self._points, self._move = cut, points, move
        recording = cut.recording
        self._known: Values = {node: weights[name] for node, name in recording.weights.items()}
        self._known.update(recording.constants)
        move(points, 0)
        self._known.update(zip(cut.shared.outputs, cut.shared(self._known, 1), strict=True))
        found = anchors(points) if affine and cut.affine is not None else None
        self.plan: Plan = "suffix" if found is None else "affine"
        self._anchors = found
        self._before, self._after = cut.before, cut.after if found is None else self._parts()[1]
        if folds:
            before, after = fold(self._before), fold(self._after)
            self._before, self._after = before.part, after.part
            self._known.update({**before.values(self._known), **after.values(self._known)})
        self.compiled = Compiled(self._after.module) if compiles else None
        self._after = replace(self._after, compiled=self.compiled)
        device = next(iter(weights.values())).device
        self._stack_bytes = room(device, _STACK_BYTES[device.type], _STACK_SHARE)
        self._shares: Tensor | None = None
        self._most: int | None = None

    def live(self, x: Tensor) -> Live:
        """Return what crosses the cut for a batch of images."""
        known = {**self._known, self._cut.recording.x: x}
        return Live(dict(zip(self._before.outputs, self._before(known, len(x)), strict=True)), len(x))

    def restack(self) -> None:
        """Stack as many points as usual again, for smaller batches."""
        self._most = None

    def halve(self) -> bool:
        """Stack half as many points from now on; ``False`` when there is only one."""
        if self._most == 1:
            return False
        self._most = 1 if self._most is None else max(1, self._most // 2)
        return True

    def logits(self, live: Live, chosen: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Yield some of the chosen points and their logits ``(points, batch, classes)`` until all have been.

        Args:
            live: of :meth:`live`.
            chosen: places of points, in the order in which they are wanted.
        """
        if not len(chosen):
            return
        stacks = self._one_by_one if self._anchors is None else self._combined
        after = self._after
        repeated: dict[int, Values] = {}
        for some, crossing in stacks(live, chosen):
            count = len(some)
            if self._cut.recording.output in crossing:
                out = crossing[self._cut.recording.output]
            else:
                if count not in repeated:
                    repeated = {count: self._repeat(after, live.values, count)}
                (out,) = after({**self._known, **repeated[count], **crossing}, count * live.batch)
            yield some, out.reshape(count, live.batch, -1)

    def _parts(self) -> tuple[Part, Part]:
        assert self._cut.affine is not None
        return self._cut.affine

    def _repeat(self, part: Part, live: Values, count: int) -> Values:
        """Repeat over the points what the part takes of the live values."""
        return {n: self._stack([live[n]] * count, n) for n in part.inputs if n in live}

    def _stack(self, values: Sequence[Tensor], node: fx.Node) -> Tensor:
        axis = self._cut.recording.axis(node)
        assert axis is not None
        return values[0] if len(values) == 1 else torch.cat(list(values), axis)

    def _one_by_one(self, live: Live, chosen: Sequence[int]) -> Iterator[tuple[Sequence[int], Values]]:
        moved = self._cut.moved
        known = {**self._known, **live.values}
        taken: list[int] = []
        values: list[tuple[Tensor, ...]] = []
        most = 0
        for place, i in enumerate(chosen):
            self._move(self._points, i)
            values.append(moved(known, live.batch))
            taken.append(i)
            most = most or self._room(values[0])
            if len(taken) == most or place == len(chosen) - 1:
                together = zip(moved.outputs, zip(*values, strict=True), strict=True)
                yield taken, {node: self._stack(each, node) for node, each in together}
                taken, values = [], []

    def _combined(self, live: Live, chosen: Sequence[int]) -> Iterator[tuple[Sequence[int], Values]]:
        assert self._anchors is not None
        if not live.families:
            live.families = self._families(live)
        families = live.families
        one = next(iter(families.values()))
        most = self._room([family.origin for family in families.values()])
        if self._shares is None:  # once: a GPU would be waited for
            self._shares = torch.from_numpy(self._anchors[1]).to(device=one.origin.device, dtype=one.dtype)
        shares = self._shares
        for start in range(0, len(chosen), most):
            some = chosen[start : start + most]
            wanted = shares[some.start : some.stop] if isinstance(some, range) else shares[list(some)]
            yield some, {node: family.at(wanted) for node, family in families.items()}

    def _families(self, live: Live) -> dict[fx.Node, _Family]:
        """Run the affine operations at every anchor."""
        assert self._anchors is not None
        places, straight, passes = self._anchors[0], self._parts()[0], []
        for j in range(len(places)):
            self._move(places, j)
            passes.append(straight({**self._known, **live.values}, live.batch))
        return {
            node: _Family(each, self._cut.recording.axis(node))
            for node, each in zip(straight.outputs, zip(*passes, strict=True), strict=True)
        }

    def _room(self, values: Sequence[Tensor]) -> int:
        """How many points to stack."""
        size = max(1, sum(v.numel() * v.element_size() for v in values))
        most = max(1, self._stack_bytes // size)
        if self._most is None or most < self._most:
            self._most = most
        return self._most


@dataclass(eq=False)
class Live:
    """What crosses the cut for a batch of images, and what was made of it.

    Attributes:
        values: the live values by node.
        batch: number of images.
        families: the values that are affine in the coefficients, once they are there.
    """

    values: Values
    batch: int
    families: dict[fx.Node, _Family] = field(default_factory=dict)

    @property
    def finite(self) -> bool:
        """Whether all that is combined for points is finite."""
        return all(family.finite for family in self.families.values())

    @property
    def bytes(self) -> int:
        """Memory held, by what was made of the values as well."""
        made = (family.bytes for family in self.families.values())
        return sum(v.numel() * v.element_size() for v in self.values.values()) + sum(made)


class _Family:
    """Values at the anchors, end to end in memory, to be combined for many points at once."""

    def __init__(self, anchored: Sequence[Tensor], axis: int | None) -> None:
        assert axis is not None
        self._axis = axis
        ahead = [v.movedim(axis, 0) for v in anchored]
        shape = ahead[0].shape
        last = len(shape) == 4 and ahead[0].is_contiguous(memory_format=torch.channels_last)
        self._order = (0, 2, 3, 1) if last else tuple(range(len(shape)))
        self.dtype = torch.float64 if ahead[0].dtype == torch.float64 else torch.float32
        self._rows = torch.stack([v.permute(self._order).to(self.dtype).reshape(-1) for v in ahead])
        self._shape = ahead[0].permute(self._order).shape
        self.origin = self._rows[0]
        self._back = tuple(int(i) for i in np.argsort(self._order))

    @property
    def finite(self) -> bool:
        """Whether the values at all anchors are finite."""
        return bool(self._rows.isfinite().all())

    @property
    def bytes(self) -> int:
        """Memory held."""
        return self._rows.numel() * self._rows.element_size()

    def at(self, shares: Tensor) -> Tensor:
        """Return the values at points, stacked along the batch."""
        with torch.autocast(shares.device.type, enabled=False):
            flat = shares @ self._rows
        stacked = flat.view(len(shares) * self._shape[0], *self._shape[1:])
        return stacked.permute(self._back).movedim(0, self._axis)


def anchors(points: Points) -> tuple[Points, np.ndarray] | None:
    """Return few points and, for each of the given ones, shares that sum to 1 and give it from these.

    The origin and, for each direction, the origin moved along it as far as any point goes; or the operands themselves
    where the coefficients of all points sum to 1. ``None`` when neither is so, or there are no fewer than the points.

    >>> zero, step = {"w": torch.zeros(1)}, {"w": torch.ones(1)}
    >>> found = anchors(Points.moved(zero, [step], [[0.0], [1.0], [-2.0]]))
    >>> found[0].coefficients.tolist(), found[1].tolist()
    ([[1.0, 0.0], [1.0, 2.0]], [[1.0, 0.0], [0.5, 0.5], [2.0, -1.0]])
    """
    c = points.coefficients
    count = c.shape[1]
    if count >= len(c):
        return None
    if (c[:, 0] == 1.0).all():
        reach = np.abs(c[:, 1:]).max(0)
        reach[reach == 0] = 1.0
        shares = c[:, 1:] / reach
        rows = np.concatenate([np.ones((count, 1)), np.vstack([np.zeros(count - 1), np.diag(reach)])], axis=1)
        return Points(points.basis, rows), np.concatenate([1.0 - shares.sum(1, keepdims=True), shares], axis=1)
    if all(points.full(j) for j in range(count)) and np.allclose(c.sum(1), 1.0, rtol=0, atol=1e-14):
        return Points(points.basis, np.eye(count)), c
    return None
