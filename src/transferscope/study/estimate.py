"""What a study would compute and how long it would take: a short measurement here, and the products it is made of."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..data.feed import Batch
from ..models.network import Network
from ..models.placed import placed
from ..probes.evaluate import usual_batch
from ..rng import generator
from ..runtime import full_float32, threads
from ..store.digest import digest
from ..train.recipe import Recipe
from ..train.trainer import Trainer
from .execute import resources
from .graph import Step
from .overlay import make
from .pace import Pace, pace
from .training_steps import TRAINING_COST
from .work.network import network_of

__all__ = ["V100", "Estimate", "StepEstimate", "estimate", "hours"]

_MEASURED_SECONDS = 2.0
V100 = 50_000 / 165 * TRAINING_COST * 8.2e9
"""Operations a second of a machine that passes 50,000 images of 224 px through ResNet-50 in 2 min 45 s.

Source: Neyshabur et al. 2020, Appendix A.
"""

_WORTH_A_GPU = 60.0
"""Seconds there under which nobody asks how long it takes on a GPU."""

_BUSY = 1.3
"""How often as long things must take before a plan says that the machine is busy."""

_UNITS = (("PFLOP", 1e15), ("TFLOP", 1e12), ("GFLOP", 1e9), ("MFLOP", 1e6))

_ROW = 110.0
"""Bytes of a row of a history."""

_CLASSES = 100
"""Outputs of the network that is measured; they hardly matter."""


@dataclass(frozen=True)
class StepEstimate:
    """A step and about how long it takes.

    Attributes:
        step: what would be computed.
        about: its sizes, in words.
        seconds: on the device of the measurement; ``None`` for preparing images, which depends on the disk.
        operations: floating-point operations, a multiplication and an addition being two.
        stored: bytes of the weights and the history that it leaves.
    """

    step: Step
    about: str
    seconds: float | None
    operations: float
    stored: float = 0.0


@dataclass(frozen=True)
class Estimate:
    """What a study takes.

    Attributes:
        steps: each of them.
        device: where it was measured; ``meta``: nowhere.
        training: training images a second there.
        evaluation: images evaluated a second there.
        image_operations: operations of one image's way forward through the network.
        busy: how often as long things take now as on a quiet machine, as other programs are at work; 1 is not at all.
    """

    steps: tuple[StepEstimate, ...]
    device: str
    training: float
    evaluation: float
    image_operations: float
    busy: float = 1.0

    @property
    def seconds(self) -> float:
        """All steps one after the other."""
        return sum(s.seconds for s in self.steps if s.seconds is not None)

    def lines(self) -> list[str]:
        """Return what to print: a line a step, one for all runs that only differ in their seed, and sums."""
        groups: dict[Any, list[StepEstimate]] = {}
        for s in self.steps:
            groups.setdefault(_but_for_the_seed(s.step), []).append(s)
        rows = [_row(group) for group in groups.values()]
        width = max((len(title) for title, _, _ in rows), default=0)
        lines = [f"{title:{width}}  {time:>9}  {about}".rstrip() for title, time, about in rows]
        operations = sum(s.operations for s in self.steps)
        there = operations / V100
        gpu = f"a GPU as fast as the V100 of Neyshabur et al. 2020, Appendix A ({V100 / 1e12:.1f} TFLOP/s)"
        elsewhere = f"; about {hours(there)} on {gpu}" if there >= _WORTH_A_GPU and self.measured else ""
        where = f"this {self.device} (measured: {self._rates()} a second)" if self.measured else gpu
        return [
            *lines,
            "",
            f"{len(self.steps)} steps, about {hours(self.seconds)} one after the other on {where}, "
            "without preparing images",
            *self._said_busy(),
            f"{_counted(operations)} ({_counted(self.image_operations)} an image forward){elsewhere}",
        ]

    @property
    def measured(self) -> bool:
        """Whether times were measured, or are those of the V100."""
        return self.device != "meta"

    def _said_busy(self) -> list[str]:
        if self.busy < _BUSY:
            return []
        return [
            f"this machine is busy with other work: as it is now, all takes {self.busy:.1f} times as long, "
            f"about {hours(self.busy * self.seconds)}"
        ]

    def _rates(self) -> str:
        rates = ((self.training, "training images"), (self.evaluation, "evaluated images"))
        return " and ".join(f"{rate:,.0f} {what}" for rate, what in rates if not math.isnan(rate))


def estimate(steps: Sequence[Step], *, jobs: int = 1, device: str = "auto", measured: bool = True) -> Estimate:
    """Measure each network for a few seconds, as a worker would run it, and say how long the steps take.

    Args:
        steps: of a plan.
        jobs: how many would run side by side: each has its share of the processors.
        device: ``cpu``, ``cuda`` or ``auto``.
        measured: false to measure nothing and count operations only, at the rate of :data:`V100`; for a study that
            is not for this machine.

    Raises:
        UsageError: for no jobs, or a device that is not there.
    """
    if not measured:
        return _estimate(steps, torch.device("meta"))
    chosen, count = resources(jobs, device, None)
    with threads(count):
        return _estimate(steps, chosen)


def _estimate(steps: Sequence[Step], chosen: torch.device) -> Estimate:
    networks = {digest(s.spec["network"]): s.spec["network"] for s in steps if "network" in s.spec}
    if not networks:
        return Estimate(tuple(StepEstimate(s, "", None, 0.0) for s in steps), chosen.type, 0.0, 0.0, 0.0)
    seconds = _MEASURED_SECONDS / len(networks)
    using: dict[str, list[Step]] = {key: [] for key in networks}
    for step in steps:
        if "network" in step.spec:
            using[digest(step.spec["network"])].append(step)
    by_network = {key: _measured(spec, using[key], chosen, seconds) for key, spec in networks.items()}
    first = next(iter(by_network.values()))
    found = tuple(
        _of_step(step, by_network[digest(step.spec["network"])] if "network" in step.spec else first)
        for step in steps
    )
    rates = [rate for m in by_network.values() for rate in m.training.values()]
    usual = float(np.median(rates)) if rates else float("nan")
    evaluation = float(np.median([m.evaluation for m in by_network.values()]))
    busy = float(np.median([m.busy for m in by_network.values()]))
    return Estimate(found, chosen.type, usual, evaluation, first.operations, busy)


@dataclass(frozen=True)
class _Measured:
    """What a network does here: training images a second by batch, evaluated images a second, operations an image.

    ``size`` is that of its weights, in bytes; ``busy`` says how often as long it took on the clock, as other programs
    were at work.
    """

    training: Mapping[int, float]
    evaluation: float
    operations: float
    size: float
    busy: float


def _measured(spec: Mapping[str, Any], steps: Sequence[Step], device: torch.device, seconds: float) -> _Measured:
    net = network_of(spec, _CLASSES)
    size = sum(4.0 * value.numel() for value in net.params().values())
    if device.type == "meta":
        operations = _operations(net)
        rate = V100 / operations
        return _Measured(defaultdict(lambda: rate / TRAINING_COST), rate, operations, size, 1.0)
    trained = [step for step in steps if step.kind == "train"]
    batches = sorted({step.spec["recipe"]["batch"] for step in trained})
    paces = {batch: _training_pace(net, trained, batch, device, seconds) for batch in batches}
    count, evaluation = _evaluation_pace(net, device, seconds)
    return _Measured(
        {batch: batch / one.quiet for batch, one in paces.items()},
        count / evaluation.quiet,
        _operations(net),
        size,
        float(np.median([one.busy for one in (*paces.values(), evaluation)])),
    )


def _of_step(step: Step, measured: _Measured) -> StepEstimate:
    training, evaluation, operations = measured.training, measured.evaluation, measured.operations
    if step.kind in ("data", "checkpoint"):
        kept = measured.size if step.kind == "checkpoint" else 0.0
        return StepEstimate(step, str(step.spec.get("spec", step.spec.get("path", ""))), None, 0.0, kept)
    if step.kind == "analysis":
        about = f"{len(step.spec['grid'])} pre-trainings" if "grid" in step.spec else f"{len(step.spec['runs'])} runs"
        return StepEstimate(step, about, step.cost / evaluation, step.cost * operations)
    if step.kind == "head":
        return StepEstimate(step, "a linear probe", step.cost / evaluation, step.cost * operations)
    if step.kind == "recording":
        kept = sum(path.stat().st_size for path in Path(step.spec["path"], "weights").glob("*.safetensors"))
        return StepEstimate(step, str(step.spec["path"]), step.cost / evaluation, step.cost * operations, float(kept))
    recipe = step.spec["recipe"]
    epochs, batch = recipe["epochs"], recipe["batch"]
    replicas = step.spec["average"]["replicas"] if "average" in step.spec else 2 if "simclr" in step.spec else 1
    seen = epochs * step.size * replicas
    evaluated = max(0.0, step.cost - TRAINING_COST * seen)
    about = (
        f"{epochs} epoch{'s' * (epochs != 1)} × {step.size:,} images, "
        f"batch {batch}, lr {recipe['lr']:g}, {_schedule(recipe)}"
        + (f", {replicas} in parallel" if replicas > 1 else "")
        + (", final layer only" if recipe["frozen"] == "body" else "")
    )
    seconds = seen / training[batch] + evaluated / evaluation
    return StepEstimate(step, about, seconds, step.cost * operations, _stored(step, measured.size))


def _stored(step: Step, size: float) -> float:
    """Return the bytes that a training leaves: weights under each tag, and a row of its history a step."""
    record, recipe = step.spec["record"], step.spec["recipe"]
    weights = len(record["epochs"]) + len(record["steps"]) + len(("best", "final"))
    rows = int(recipe["epochs"]) * math.ceil(step.size / int(recipe["batch"]))
    return weights * size + rows * _ROW


def _row(alike: Sequence[StepEstimate]) -> tuple[str, str, str]:
    """Return title, time and sizes of steps that only differ in their seed; the time is of all of them."""
    first = alike[0]
    if len(alike) == 1:
        return first.step.title, hours(first.seconds), first.about
    seconds = [s.seconds for s in alike if s.seconds is not None]
    title = f"{len(alike)} × {_but_for_the_seed(first.step)[0]}"
    return title, hours(sum(seconds) if seconds else None), f"each {first.about}"


def _but_for_the_seed(step: Step) -> tuple[str, str]:
    """Return what runs have in common that only differ in their seed: the title, and a digest of all else."""
    if step.kind != "train":
        return step.title, step.digest
    seed, start = step.spec["seed"], step.spec["start"]
    # A new head or new weights come from the run's own seed; a shared initialisation is said by the start's name.
    same = {**step.spec, "seed": 0, "start": {k: v for k, v in start.items() if k != "seed"}}
    title = re.sub(rf" {seed}(?= \(|$)", "", step.title)
    return title, Step(step.kind, title, same, step.inputs).digest


def _counted(operations: float) -> str:
    """Return a number of operations with its unit.

    >>> _counted(2.5e12), _counted(9.24e5)
    ('2.5 TFLOP', '0.9 MFLOP')
    """
    unit, size = next((u for u in _UNITS if operations >= u[1]), _UNITS[-1])
    return f"{operations / size:,.1f} {unit}"


def _schedule(recipe: Mapping[str, Any]) -> str:
    if recipe["schedule"] != "step":
        return str(recipe["schedule"])
    return f"×{recipe['decay']:g} after {'/'.join(map(str, recipe['milestones']))}"


def _training_pace(net: Network, trained: Sequence[Step], batch: int, device: torch.device, most: float) -> Pace:
    """Return how long a step takes, augmentation included."""
    like = next(step for step in trained if step.spec["recipe"]["batch"] == batch)
    recipe: Recipe = make(Recipe, like.spec["recipe"])
    trainer = Trainer(net, net.params(), recipe, 0, device)
    images = _random_images(net, batch, device)

    def step() -> None:
        trainer.step(images, 0, 1e-6)

    return pace(step, device, most)


def _evaluation_pace(net: Network, device: torch.device, most: float) -> tuple[int, Pace]:
    size = usual_batch(device, net.input.size)
    batch = _random_images(net, size, device)
    module = placed(net.fresh(net.params()), device)
    module.eval()

    def step() -> None:
        with torch.inference_mode(), full_float32(device):
            module(net.input.prepare(batch.images).contiguous(memory_format=torch.channels_last))

    return size, pace(step, device, most)


def _random_images(net: Network, count: int, device: torch.device) -> Batch:
    g = generator("estimate")
    height, width = net.input.size
    pixels = torch.randint(0, 256, (count, height, width, net.input.channels), generator=g, dtype=torch.uint8)
    labels = torch.randint(0, net.classes, (count,), generator=g)
    return Batch(pixels.to(device), labels.to(device), 0)


def _operations(net: Network) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    images = _random_images(net, 1, torch.device("cpu"))
    module = net.fresh(net.params())
    module.eval()
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        module(net.input.prepare(images.images))
    return float(counter.get_total_flops())


def hours(seconds: float | None) -> str:
    """Write a length of time in the unit that fits."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:,.1f} h"
