"""One flat buffer that a module's weights are views of: moving in weight space is a few sweeps over memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from .points import Points

__all__ = ["FlatWeights"]

_ALIGN = 16
"""Elements; every tensor starts at a multiple, so that vector instructions see aligned addresses."""

_SWEEP = {"cpu": 2**17, "cuda": 2**24}
"""Elements combined at a time; on a CPU, two float64 work areas of this size stay in its cache."""


class FlatWeights:
    """The floating tensors of a module, end to end in one buffer, set to points of weight space in place.

    Operands are held in the format of the buffer; points are combined in float64 and rounded once. So of operands in
    this format the weights are those of :func:`transferscope.params.combine`. Beside a forward pass this costs
    nothing that can be measured.

    Args:
        module: taken over: its tensors become views of the buffer (convolution kernels channels-last).
        device: where the buffer lies.
        dtype: of the buffer, float32 or float64.
    """

    def __init__(self, module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        module.to(device=device, dtype=dtype).requires_grad_(False)
        state = {k: v for k, v in module.state_dict().items() if isinstance(v, Tensor)}
        self._counters = {k: v for k, v in state.items() if not v.is_floating_point()}
        self._places: dict[str, tuple[int, torch.Size]] = {}
        size = 0
        for name, value in state.items():
            if value.is_floating_point():
                self._places[name] = (size, value.shape)
                size += math.ceil(value.numel() / _ALIGN) * _ALIGN
        self._buffer = torch.zeros(size, device=device, dtype=dtype)
        self._views = self._lay(self._buffer)
        for name, view in self._views.items():
            view.copy_(state[name])
        _install(module, self._views)
        self._sweep = _SWEEP[device.type]
        self._sum, self._term = (torch.empty(0, device=device, dtype=torch.float64) for _ in range(2))
        self._points: Points | None = None
        self._counts: dict[int, dict[str, Tensor]] = {}
        self._counted: int | None = None
        self._spans: list[tuple[int, int]] = []
        self._rows: dict[int, list[Tensor]] = {}

    @property
    def tensors(self) -> Mapping[str, Tensor]:
        """The floating tensors of the module by name, and its counters; views that follow every move."""
        return {**self._views, **self._counters}

    def move(self, points: Points, i: int) -> None:
        """Set the weights to point i.

        What is the same at all points is set once; the operands of the last points used are kept as rows beside the
        buffer, of what moves only.
        """
        if points is not self._points:
            self._settle(points)
        terms = points.terms(i)
        first = terms[0][0]
        self._count(points, first if points.full(first) else 0)
        if len(terms) == 1 and terms[0][1] == 1.0 and points.full(first) and first not in self._rows:
            for name in points.moving:
                self._views[name].copy_(points.basis[first][name])
            return
        rows = [(self._operand(j), c) for j, c in terms]
        for place, (start, stop) in enumerate(self._spans):
            self._combine(self._buffer[start:stop], [(row[place], c) for row, c in rows])

    def _settle(self, points: Points) -> None:
        """Lay out what does not move, and find where what moves lies."""
        self._points, self._rows, self._spans = points, {}, []
        self._counts, self._counted = {}, None
        moving = points.moving
        if len(moving) < len(self._views):
            for name in self._views.keys() - moving:
                self._views[name].copy_(points.value(0, name))
        for name in self._views:
            if name in moving:
                start, shape = self._places[name]
                stop = start + math.ceil(shape.numel() / _ALIGN) * _ALIGN
                if self._spans and self._spans[-1][1] == start:
                    start = self._spans.pop()[0]
                self._spans.append((start, stop))
        longest = min(self._sweep, max((stop - start for start, stop in self._spans), default=0))
        if longest > len(self._sum):
            self._sum, self._term = torch.empty((2, longest), device=self._buffer.device, dtype=torch.float64)

    def _combine(self, target: Tensor, rows: Sequence[tuple[Tensor, float]]) -> None:
        for start in range(0, len(target), max(1, len(self._sum))):
            part = slice(start, start + len(self._sum))
            total = self._sum[: len(target[part])].zero_()
            term = self._term[: len(total)]
            for row, coefficient in rows:
                total.add_(term.copy_(row[part]), alpha=coefficient)
            target[part].copy_(total)

    def _operand(self, j: int) -> list[Tensor]:
        """Return an operand of the points at hand, as far as these move; what it leaves out is zero."""
        if j not in self._rows:
            assert self._points is not None
            operand = self._points.basis[j]
            rows = [torch.zeros_like(self._buffer[start:stop]) for start, stop in self._spans]
            for (start, stop), row in zip(self._spans, rows, strict=True):
                for name, (place, shape) in self._places.items():
                    if start <= place < stop and name in operand:
                        _shaped(row[place - start : place - start + shape.numel()], shape).copy_(operand[name])
            self._rows[j] = rows
        return self._rows[j]

    def _count(self, points: Points, operand: int) -> None:
        """Set the counters to those of an operand, unless they are; each operand's come to the device once."""
        if operand == self._counted:
            return
        if operand not in self._counts:
            there = self._buffer.device
            self._counts[operand] = {name: points.basis[operand][name].to(there) for name in self._counters}
        for name, value in self._counters.items():
            value.copy_(self._counts[operand][name])
        self._counted = operand

    def _lay(self, buffer: Tensor) -> dict[str, Tensor]:
        return {
            name: _shaped(buffer[start : start + shape.numel()], shape)
            for name, (start, shape) in self._places.items()
        }


def _shaped(flat: Tensor, shape: torch.Size) -> Tensor:
    if len(shape) != 4:
        return flat.view(shape)
    return flat.view(shape[0], shape[2], shape[3], shape[1]).permute(0, 3, 1, 2)


def _install(module: nn.Module, views: Mapping[str, Tensor]) -> None:
    for name, parameter in module.named_parameters(remove_duplicate=False):
        if name in views:
            parameter.data = views[name]
    for prefix, part in module.named_modules(remove_duplicate=False):
        for leaf in part._buffers:
            name = f"{prefix}.{leaf}" if prefix else leaf
            if name in views:
                part._buffers[leaf] = views[name]
