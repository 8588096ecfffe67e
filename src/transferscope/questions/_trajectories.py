"""The weights that a training run went through, by step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import UsageError, nearest
from ..models.network import Network
from ..models.solution import Solution, as_solution
from ..params import Params
from ..train.run import Run

__all__ = ["Trajectory", "given", "single", "trajectory"]

_ON_THE_WAY = re.compile(r"(epoch|step) ([1-9]\d*)")


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Weights of one run in the order of training.

    Attributes:
        label: the run.
        role: ``P-T``, ``RI-T`` or empty.
        group: runs from one and the same start share it.
        ended: ``finished`` or ``diverged at step s``.
        steps: how many steps were done, rising.
        keys: where the weights are found in ``kept``.
        kept: may load lazily.
        unfit: why the run is no witness for claims about networks that learned; empty where it is one.
    """

    label: str
    role: str
    group: str
    ended: str
    steps: tuple[int, ...]
    keys: tuple[int, ...] | tuple[str, ...]
    kept: Mapping[Any, Mapping[str, Tensor]]
    unfit: str = ""

    def weights(self) -> Iterator[Params]:
        """Yield the weights one after the other, so that they need not be in memory together."""
        for key in self.keys:
            yield dict(self.kept[key])


def trajectory(run: Run, tags: Sequence[str] | None = None) -> Trajectory:
    """Return the start, the end and all that a run recorded between them, each step once.

    Of a run that diverged that is what there was until then, which may be nothing.

    Args:
        run: the run.
        tags: only these, e.g. ``"epoch 3"``, ``"step 100"``, ``"final"``.

    Raises:
        UsageError: when a run that did not diverge recorded nothing between start and end, or not what is asked for;
            or it is not known at which step.
    """
    kept = run.snapshots
    there = [tag for tag in kept if tag in ("epoch 0", "final") or _ON_THE_WAY.fullmatch(tag)]
    if tags is None and not run.diverged and not any(_ON_THE_WAY.fullmatch(tag) for tag in there):
        raise UsageError(
            f"run {run.label!r} on {run.target} recorded no weights between its start and its end; "
            "train with record: {epochs: [1, 2, 4, 8], steps: [10, 30, 100]}, say"
        )
    for tag in tags or ():
        if tag not in there and not run.diverged:
            raise UsageError(f"run {run.label!r} on {run.target} recorded no {tag!r}{nearest(tag, there)}")
    chosen = there if tags is None else [tag for tag in tags if tag in there]
    by_step: dict[int, str] = {}
    for tag in chosen:
        by_step.setdefault(_step(run, tag), tag)
    steps = tuple(sorted(by_step))
    keys = tuple(by_step[step] for step in steps)
    unfit = run.unfit or (run.ended if run.diverged else "")
    return Trajectory(run.label, run.role, run.group, run.ended, steps, keys, kept, unfit)


def given(weights: Mapping[str, Mapping[int, Solution | Mapping[str, Tensor]]], net: Network) -> list[Trajectory]:
    """Return weights by step by label, as a run of unknown role each.

    Args:
        weights: of each.
        net: the network they are of.

    Raises:
        UsageError: when a label has none.
    """
    for label, by_step in weights.items():
        if not by_step:
            raise UsageError(f"{label!r} holds no weights; give them by step, e.g. {{0: start, 100: later}}")
    return [
        Trajectory(
            label, "", "", "finished", tuple(sorted(of)), tuple(sorted(of)),
            {step: as_solution(at, label, net).params for step, at in of.items()},
        )
        for label, of in weights.items()
    ]  # fmt: skip


def single(solution: Solution) -> Trajectory:
    """Return weights that belong to no run as one of a single look, at step 0."""
    return Trajectory(
        solution.label, solution.role, solution.group, "finished", (0,), (0,), {0: solution.params}, solution.unfit
    )  # fmt: skip


def _step(run: Run, tag: str) -> int:
    """Return how many steps were done when weights were kept under a tag."""
    what, _, number = tag.partition(" ")
    if what == "step":
        return int(number)
    if tag == "epoch 0":
        return 0
    for rows in (run.steps, run.epochs):
        steps, epochs = (rows.get(name, np.zeros(0, np.int64)) for name in ("step", "epoch"))
        steps = steps if tag == "final" else steps[epochs == int(number)]
        if len(steps):
            return int(steps.max())
    raise UsageError(f"run {run.label!r} on {run.target} does not say at which step {tag!r} is; its history is empty")
