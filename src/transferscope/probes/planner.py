"""Which plan evaluates points of one network: whole passes, or parts of them that give the same numbers.

What cannot be recorded as a graph, or whose graph does not give the logits of a plain pass (looked at on a few images
before each run), is evaluated in whole passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..runtime import out_of_memory
from .compiled import Compiled
from .cut import Cut
from .forward_graph import Recording, UnrecordableError, record
from .points import Points
from .sweep import Plan, Sweep

__all__ = ["Planner"]

_CHECKED_IMAGES = 4

_TOLERANCE: dict[str, float] = {"float64": 1e-9, "float32": 1e-3, "bfloat16": 0.1}
"""Of logits, as a share of the largest: far above rounding, far below another function."""


class Planner:
    """Plans for one network.

    Args:
        module: in eval mode; its tensors follow ``move``.
        weights: these tensors by name.
        move: sets them to a point.
        first: returns the first images, at most so many.
        precision: of the products, one of :data:`~transferscope.probes.evaluation.Precision`.
        compiles: whether what is evaluated again and again is compiled.

    Attributes:
        plan: the last one.
        reason: why a part was moved and yet the whole network passed, or ``""``.
        compiled: what runs again and again under it, if it is compiled.
    """

    def __init__(
        self,
        module: nn.Module,
        weights: Mapping[str, Tensor],
        move: Callable[[Points, int], None],
        first: Callable[[int], Tensor],
        precision: str,
        *,
        compiles: bool,
    ) -> None:
        self._module, self._weights, self._move, self._first = module, weights, move, first
        self._precision = precision
        self._parameters = {name for name, _ in module.named_parameters()}
        self._whole = Compiled(module) if compiles else None
        self._recording: Recording | str | None = None
        self.plan: Plan = "whole network"
        self.reason = ""
        self.compiled: Compiled | None = None

    def whole(self, x: Tensor) -> Tensor:
        """Return the logits of a whole pass with the weights as they are."""
        logits: Tensor = (self._whole or self._module)(x)
        return logits

    def sweep(self, points: Points, moving: frozenset[str] | None, *, folds: bool = True) -> Sweep | None:
        """Return the plan for a part of the weights, ``None`` for whole passes.

        Args:
            points: where.
            moving: what changes from point to point; ``None``: something beyond the points as well.
            folds: whether batch norm may be folded into convolutions; never in bfloat16.
        """
        self.plan, self.reason, self.compiled = "whole network", "", self._whole
        if moving is None or len(points) == 1 or moving >= self._parameters:
            return None
        folds = folds and self._precision != "bfloat16"
        try:
            cut = Cut(self._recorded(), moving)
            if not cut.saves and cut.affine is None:
                return None
            compiles = self._whole is not None
            sweep = Sweep(cut, points, self._move, self._weights, folds=folds, compiles=compiles)
            self._check(sweep, points)
        except UnrecordableError as e:
            self.reason = str(e)
            return None
        self.plan, self.compiled = sweep.plan, sweep.compiled
        return sweep

    def _recorded(self) -> Recording:
        if self._recording is None:
            x = self._first(2)
            try:
                self._recording = record(self._module, x if len(x) > 1 else x.repeat(2, 1, 1, 1))
            except UnrecordableError as e:
                self._recording = str(e)
        if isinstance(self._recording, str):
            raise UnrecordableError(self._recording)
        return self._recording

    def _check(self, sweep: Sweep, points: Points) -> None:
        """Hold the plan against whole passes of a few images at a few points."""
        x = self._first(_CHECKED_IMAGES)
        chosen = sorted({0, len(points) // 2, len(points) - 1})
        try:
            live = sweep.live(x)
            found = torch.cat([part for _, part in sweep.logits(live, chosen)])
        except RuntimeError as e:
            if out_of_memory(e):
                raise
            raise UnrecordableError(
                f"its graph cannot be cut here: {next(iter(str(e).splitlines()), '')[:200]}"
            ) from e
        if not live.finite:  # a share of 0 of what is not finite is not 0, so that it would spoil every point
            raise UnrecordableError("its values are not finite at the far end of a direction")
        for i, logits in zip(chosen, found, strict=True):
            self._move(points, i)
            plain = self._module(x).to(x.dtype)
            scale = plain.nan_to_num(0, 0, 0).abs().max() + torch.finfo(x.dtype).tiny
            near = _TOLERANCE[self._precision]
            close = torch.isclose(logits.to(x.dtype) / scale, plain / scale, rtol=0, atol=near)
            if not (close | ~plain.isfinite()).all():
                raise UnrecordableError("its graph does not give the logits of a plain pass")
