"""Landscapes of a ResNet-20 on 256 images against ``loss-landscapes``, float32: whole network and layer by layer.

Ours is timed at 50×50 points for the last ``--deep`` layers, where a point costs little beside what is done once;
elsewhere at ``--points``² and at a quarter of these: from the difference comes what all 50×50 would take (25×25 for
the whole network). The peer's cost is the same at every point, so it is timed on a plane of ``--steps``² points and
scaled. It is used as its documentation shows: ``random_plane`` with filter normalisation, for one layer with a
wrapper around that layer's parameters. Both have the images in memory as one tensor, and our setting of the memory
allocator. With ``--bfloat16 yes`` (by itself where the processor is fast at it), ours is timed in bfloat16, too.

    python bench/landscape.py [--network resnet20] [--images 256] [--points 12] [--steps 4] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import numpy as np

from _sides import clock, in_bfloat16, measure, trained

OURS, COARSE, PEER, FULL = "ours", "ours in bfloat16", "peer", 50


def ours(settings: argparse.Namespace) -> dict[str, Any]:
    import torch

    from transferscope.probes.evaluate import Engine
    from transferscope.probes.points import Points
    from transferscope.rng import generator

    net, _, end, images = trained(settings.network, settings.images, 2)
    options: dict[str, Any] = {"norm": "interpolated", "device": "cpu", "batch": settings.batch or None}
    options |= {"compiled": bool(settings.compiled)} | ({"precision": "bfloat16"} if settings.side == COARSE else {})
    found: dict[str, Any] = {}
    with clock() as taken:
        engine = Engine(net, {"x": images}, metrics=["loss"], **options)
        engine._planner._recorded()
    found["recording"] = [taken.seconds, ""]

    def plane(names: list[str], points: int) -> Any:
        g = generator("bench", *names)
        a, b = ({k: torch.randn(end[k].shape, generator=g) * end[k].std() for k in names} for _ in range(2))
        at = np.linspace(-0.5, 0.5, points)
        steps = np.stack(np.meshgrid(at, at, indexing="ij"), -1).reshape(-1, 2)
        return Points.plane(end, a, b, steps)

    def timed(names: list[str], points: int) -> tuple[float, str]:
        with clock() as taken:
            evaluation = engine.run(plane(names, points))["x"]
        return taken.seconds, evaluation.how.plan

    def scaled(names: list[str], wanted: int) -> tuple[float, str]:
        few, some = settings.points // 2, settings.points
        less, (more, plan) = timed(names, few)[0], timed(names, some)
        return more + (more - less) * (wanted**2 - some**2) / (some**2 - few**2), plan

    parameters = {name for name, _ in net.module.named_parameters()}
    layers = net.modules("layer")
    for place, module in enumerate(layers):
        kernels = [k for k in module.tensors if k in parameters and end[k].ndim > 1]
        found[module.name] = (timed if place >= len(layers) - settings.deep else scaled)(kernels, FULL)
        print(module.name, *found[module.name], file=sys.stderr, flush=True)
    found["whole"] = scaled([k for k in parameters if end[k].ndim > 1], FULL // 2)
    return found


def peer(settings: argparse.Namespace) -> dict[str, Any]:
    import torch
    from loss_landscapes import random_plane
    from loss_landscapes.metrics import Loss
    from loss_landscapes.model_interface.model_wrapper import GeneralModelWrapper

    net, _, end, images = trained(settings.network, settings.images, 2)
    x, y = net.input.prepare(torch.from_numpy(images.images)).contiguous(), torch.from_numpy(images.labels)
    module = net.fresh(end)
    metric = Loss(torch.nn.CrossEntropyLoss(), x, y)
    found: dict[str, Any] = {}

    def once(model: Any) -> float:
        """Seconds a point."""
        with torch.no_grad(), clock() as taken:
            random_plane(model, metric, distance=0.5, steps=settings.steps, normalization="filter")
        return taken.seconds / settings.steps**2

    once(module)
    found["whole"] = once(module)
    parts = dict(module.named_modules())
    for layer in net.modules("layer")[:: max(1, settings.every)]:
        one = GeneralModelWrapper(module, [parts[layer.name]], lambda model, batch: model(batch))
        found[layer.name] = once(one)
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--points", type=int, default=12, help="of ours a side, where a point costs much")
    parser.add_argument("--deep", type=int, default=4, help="layers at the end that are timed at 50×50 points")
    parser.add_argument("--steps", type=int, default=4, help="of the peer, a side")
    parser.add_argument("--every", type=int, default=6, help="the peer is timed at every so many layers")
    parser.add_argument("--batch", type=int, default=0, help="of the engine; 0 is its own choice")
    parser.add_argument("--compiled", type=int, default=0, help="1: ours by torch.compile, compiling included")
    parser.add_argument("--bfloat16", default="auto", choices=["auto", "yes", "no"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--side", default="", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side:
        print(json.dumps(peer(settings) if settings.side == PEER else ours(settings)))
        return 0
    theirs = measure(__file__, PEER, settings)
    for side in (OURS, COARSE) if in_bfloat16(settings.bfloat16) else (OURS,):
        print(f"{side}\n")
        show(theirs, measure(__file__, side, settings), settings)
    return 0


def show(theirs: dict[str, Any], mine: dict[str, Any], settings: argparse.Namespace) -> None:
    """Print a line a layer, one for all of them and one for the whole network."""
    layers = [k for k in mine if k not in ("whole", "recording")]
    timed = [theirs[k] for k in theirs if k != "whole"]
    point = sum(timed) / len(timed)  # of the peer, whichever layer moves: it passes the whole network
    print(f"| {settings.network}, {settings.images} images | points | plan | ours s | peer s (scaled) | ratio |")
    print("|---|---|---|---|---|---|")

    def row(name: str, seconds: float, points: int, plan: str, other: float) -> None:
        all_points = other * points
        print(f"| {name} | {points} | {plan} | {seconds:.2f} | {all_points:.0f} | {all_points / seconds:.1f}× |")

    for name in layers:
        row(name, mine[name][0], FULL**2, mine[name][1], point)
    every = sum(mine[k][0] for k in (*layers, "recording"))
    row("all layers, recording included", every, len(layers) * FULL**2, "", point)
    row("whole network", mine["whole"][0], (FULL // 2) ** 2, mine["whole"][1], theirs["whole"])


if __name__ == "__main__":
    sys.exit(main())
