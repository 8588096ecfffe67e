"""Checks of what is done with weights: files, lines, distances, modules, averages."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch

from ..models.checkpoint import write
from ..models.load import load_weights
from ..models.modules import GRANULARITIES
from ..models.prepared import same
from ..numerics.averaging import uniform
from ..params import Params, distance, norm
from ..probes.evaluate import evaluate
from ..probes.points import Points
from ..questions.barrier.measure import barrier
from .subject import Failed, Skipped, Subject

__all__ = ["apart", "ends", "modules", "no_barrier", "one_module", "round_trip", "soup", "unmoved"]

_ROUNDING = 1e-4
"""Share of a loss by which two ways of computing it may differ in float32."""


def round_trip(subject: Subject) -> str:
    """Weights that are written and read again are the same bits, and give the same logits."""
    net = subject.net
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "weights.safetensors")
        write(path, subject.weights)
        again = load_weights(net, path).params
        size = path.stat().st_size
    if again.keys() != subject.weights.keys():
        raise Failed(f"{sorted(again.keys() ^ subject.weights.keys())[0]} is lost when weights are written and read")
    other = [name for name, value in subject.weights.items() if not same(value, again[name])]
    if other:
        raise Failed(f"{other[0]} is not the same after it is written and read")
    with torch.no_grad():
        if not same(net(subject.weights, subject.x), net(again, subject.x)):
            raise Failed("logits are not the same after weights are written and read")
    return f"{len(again)} tensors, {size:,} bytes"


def ends(subject: Subject) -> str:
    """The ends of a line between two networks, λ = 0 and 1, are these networks: the same loss, bit for bit."""
    a, b = subject.weights, subject.elsewhere
    line = evaluate(subject.net, Points.line(a, b, [0.0, 0.5, 1.0]), subject.few, norm="interpolated", device="cpu")
    for value, alone, end in zip(line.values["loss"][[0, 2]], (a, b), (0, 1), strict=True):
        loss = evaluate(subject.net, alone, subject.few, device="cpu").values["loss"][0]
        if not value == loss:
            raise Failed(f"at λ = {end} the loss is {value!r} and that of the network itself {loss!r}")
    return f"losses {line.values['loss'][0]:.4g} and {line.values['loss'][2]:.4g}"


def no_barrier(subject: Subject) -> str:
    """There is no barrier between a network and itself."""
    found = barrier(
        subject.net, [(subject.weights, dict(subject.weights))], subject.few, lambdas=3, norm="kept", resamples=2,
        device="cpu",
    )  # fmt: skip
    curve = found.paths[0].path.curve(subject.few.name, "loss").values
    if np.ptp(curve) > 0:
        raise Failed(f"the loss varies by {np.ptp(curve):.1e} between a network and itself")
    return "the loss is the same all along"


def apart(subject: Subject) -> str:
    """Distance is 0 to itself, the same both ways, and that of the noise to a network with noise."""
    a, b = subject.weights, subject.elsewhere
    there, back, none = distance(a, b), distance(b, a), distance(a, a)
    if none != 0 or there != back or not there > 0:
        raise Failed(f"distances are {none} to itself, {there!r} to another and {back!r} back")
    return f"{there:.4g} both ways, {there / norm(a):.1%} of the norm"


def modules(subject: Subject) -> str:
    """The modules hold every tensor exactly once, as layers, as blocks and as stages."""
    net, counts = subject.net, []
    for granularity in GRANULARITIES:
        listed = net.modules(granularity)
        held = Counter(name for module in listed for name in module.tensors)
        wrong = [name for name in net.module.state_dict() if held[name] != 1] + sorted(
            held.keys() - net.module.state_dict().keys()
        )
        if wrong:
            raise Failed(f"as {granularity}s, {wrong[0]} is in {held[wrong[0]]} modules")
        counts.append(f"{len(listed)} {granularity}s")
    idle = [module.name for module in net.modules("layer") if not module.runs]
    return ", ".join(counts) + (f"; never run in a pass: {', '.join(idle[:3])}" if idle else "")


def one_module(subject: Subject) -> str:
    """Moving one module and running what comes after it gives what a whole pass gives."""
    net = subject.net
    running = [module for module in net.modules("layer") if module.runs]
    chosen = [running[i] for i in sorted({0, len(running) // 2, len(running) - 1})]
    plans = []
    for module in chosen:
        direction = _direction(subject, module.tensors)
        if not direction:
            continue
        points = Points.moved(subject.weights, [direction], [[0.5], [1.0]])
        found = evaluate(net, points, subject.few, norm="kept", device="cpu")
        for i, value in enumerate(found.values["loss"]):
            plain = subject.loss(points.at(i))
            if not abs(value - plain) <= _ROUNDING * max(1.0, abs(plain)):
                raise Failed(f"with {module.name} moved the loss is {value:.8g}, and {plain:.8g} in a plain pass")
        plans.append(f"{module.name} ({found.how.plan})")
    if not plans:
        raise Skipped("no module has floating weights")
    return ", ".join(plans)


def unmoved(subject: Subject) -> str:
    """A module that is set back to where it is (α = 1) leaves the network as it is."""
    net = subject.net
    for module in net.modules("stage"):
        direction = _direction(subject, module.tensors)
        if not (direction and module.runs):
            continue
        points = Points.moved(subject.weights, [direction], [[0.0]])
        value = evaluate(net, points, subject.few, norm="kept", device="cpu").values["loss"][0]
        alone = subject.loss(subject.weights)
        if not abs(value - alone) <= _ROUNDING * max(1.0, abs(alone)):
            raise Failed(f"with {module.name} at its own weights the loss is {value:.8g} instead of {alone:.8g}")
    return f"{len(net.modules('stage'))} stages, each at its own weights"


def soup(subject: Subject) -> str:
    """The average of copies is the network, bit for bit."""
    mixed = uniform([subject.weights] * 3)
    wrong = [name for name, value in subject.weights.items() if not same(value, mixed[name])]
    if wrong or mixed.keys() != subject.weights.keys():
        raise Failed(f"{wrong[0] if wrong else 'a tensor'} of the average of three copies is not that of the network")
    return "the average of three copies is the network"


def _direction(subject: Subject, names: tuple[str, ...]) -> Params:
    moved = subject.elsewhere
    return {
        name: (moved[name] - subject.weights[name])
        for name in names
        if name in moved and moved[name].is_floating_point() and "running_" not in name
    }
