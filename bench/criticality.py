"""Criticality of the 11 blocks of a ResNet-20 against a plain loop: set the weights, pass all images, float32.

For every block: 11 α × 8 σ × 3 draws on 500 images (Neyshabur et al. 2020, Def. 3.2). Ours is timed twice: μ alone,
in full (the first cell within ε by rising α²‖θ*−θ⁰‖²/σ², the others left early), and the whole surface at every
``--share``-th cell, scaled to all. The plain loop is what one writes by hand: put the block's weights into the
module, pass the images in batches of 128; its cost is the same at every point, so it is timed at ``--points`` of
them, spread over blocks and grid, and scaled to all. Both sides have our setting of the memory allocator. The losses
at those points are compared, and the plain loop is asked whether the cells that the search found, and not those
before them, are within ε.

With ``--bfloat16 yes`` (by itself where the processor is fast at it), μ is searched for with bfloat16 first as well,
and the surface computed in it.

    python bench/criticality.py [--network resnet20] [--images 500] [--points 44] [--threads 2] [--epochs 20]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from _sides import clock, in_bfloat16, measure, trained

ALPHAS, SIGMAS, DRAWS, MARGIN = np.linspace(0, 1, 11), np.geomspace(0.01, 0.5, 8), 3, 0.02
SURFACE, MU, PLAIN = "whole surface", "μ only", "plain"
COARSE, SCREENED = f"{SURFACE}, bfloat16", f"{MU}, bfloat16 first"


def grids(net: Any, start: Any, end: Any) -> Iterator[tuple[str, Any, np.ndarray]]:
    """For every block its points, in the order of rising α²d²/σ², and the cell of each."""
    import torch

    from transferscope.params import distance
    from transferscope.probes.points import Points
    from transferscope.rng import generator

    parameters = {name for name, _ in net.module.named_parameters()}
    for module in net.modules("block"):
        names = [t for t in module.tensors if t in parameters]
        d = distance(end, start, names)
        norm = sum(float(end[k].square().sum()) for k in names) ** 0.5
        count = sum(end[k].numel() for k in names)
        back = {k: start[k] - end[k] for k in names}
        g = generator("bench", module.name)
        noise = [{k: torch.randn(end[k].shape, generator=g) * norm / count**0.5 for k in names} for _ in range(DRAWS)]
        cells = sorted(((a, s) for a in ALPHAS for s in SIGMAS), key=lambda c: (c[0] * d / c[1], c[1]))
        steps = [[1 - a, *(s * (i == j) for j in range(DRAWS))] for a, s in cells for i in range(DRAWS)]
        yield module.name, Points.moved(end, [back, *noise], steps), np.repeat(np.arange(len(cells)), DRAWS)


def ours(settings: argparse.Namespace) -> dict[str, Any]:
    from transferscope.probes.evaluate import Engine
    from transferscope.probes.points import Points

    net, start, end, images = trained(settings.network, settings.images, settings.epochs)
    work = list(grids(net, start, end))
    options: dict[str, Any] = {
        "norm": "interpolated", "device": "cpu", "batch": settings.batch or None,
        "screen": settings.side == SCREENED, "precision": "bfloat16" if settings.side == COARSE else "float32",
    }  # fmt: skip
    with clock() as taken:
        engine = Engine(net, {"train": images}, metrics=["loss", "error"], **options)
        base = float(engine.run(Points.listed([end]))["train"].values["error"][0])
        plans, losses, found, looked = set(), [], [], 0
        for name, points, cells in work:
            if settings.side in (SURFACE, COARSE):
                some = cells % settings.share == 0
                evaluation = engine.run(Points(points.basis, points.coefficients[some]))["train"]
                plans.add(evaluation.how.plan)
                losses.append(
                    dict(zip(np.flatnonzero(some).tolist(), evaluation.values["loss"].tolist(), strict=True))
                )
            else:
                search = engine.first_within(points, cells, base + MARGIN)
                found.append(search.group)
                looked += search.looked
            print(name, f"{len(points)} points", file=sys.stderr, flush=True)
    every = sum(len(points) for _, points, _ in work)
    return {
        "seconds": taken.seconds, "cpu": taken.cpu, "cells": found, "losses": losses, "plans": sorted(plans),
        "points": every, "looked": looked / (every * len(images)), "error": base,
    }  # fmt: skip


def plain(settings: argparse.Namespace) -> dict[str, Any]:
    import torch
    from torch.nn import functional

    net, start, end, images = trained(settings.network, settings.images, settings.epochs)
    work = list(grids(net, start, end))
    module = net.fresh(end)
    x, y = net.input.prepare(torch.from_numpy(images.images)).contiguous(), torch.from_numpy(images.labels)
    flat = [
        (b, i)
        for b, (_, points, _) in enumerate(work)
        for i in range(len(points))
        if work[b][2][i] % settings.share == 0
    ]
    chosen = [flat[i] for i in np.linspace(0, len(flat) - 1, settings.points).astype(int)]

    def one(points: Any, i: int) -> tuple[float, float]:
        moved = {k: points.value(i, k).to(torch.float32) for k in points.moving}
        module.load_state_dict(moved, strict=False)
        loss = wrong = 0.0
        with torch.no_grad():
            for at in range(0, len(x), 128):
                logits, labels = module(x[at : at + 128]), y[at : at + 128]
                loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
                wrong += float((logits.argmax(1) != labels).sum())
        module.load_state_dict({k: end[k] for k in points.moving}, strict=False)
        return loss / len(x), wrong / len(x)

    one(work[0][1], 0)
    with clock() as taken:
        losses = [one(work[b][1], i)[0] for b, i in chosen]
    right = True
    for (_, points, cells), cell in zip(work, json.loads(settings.cells), strict=True):
        for c, within in ((cell, True), (cell - 1 if cell else None, False)):
            if c is not None:
                error = np.mean([one(points, int(i))[1] for i in np.flatnonzero(cells == c)])
                right &= bool(error <= settings.bound + 1e-9) == within
    return {"seconds": taken.seconds, "cpu": taken.cpu, "losses": losses, "where": chosen, "right": right}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet20")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--points", type=int, default=44, help="at which the plain loop is timed")
    parser.add_argument("--epochs", type=int, default=20, help="of training before")
    parser.add_argument("--batch", type=int, default=0, help="of the engine; 0 is its own choice")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--share", type=int, default=4, help="the surface is timed at every so many cells")
    parser.add_argument("--bfloat16", default="auto", choices=["auto", "yes", "no"])
    parser.add_argument("--cells", default="[]", help=argparse.SUPPRESS)
    parser.add_argument("--bound", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--side", default="", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side:
        print(json.dumps(plain(settings) if settings.side == PLAIN else ours(settings)))
        return 0
    sides = (SURFACE, MU, COARSE, SCREENED) if in_bfloat16(settings.bfloat16) else (SURFACE, MU)
    found = {side: measure(__file__, side, settings) for side in sides}
    surface, mu = found[SURFACE], found[MU]
    settings.cells, settings.bound = json.dumps(mu["cells"]), mu["error"] + MARGIN
    loop = measure(__file__, PLAIN, settings)
    factor = surface["points"] / len(loop["losses"])
    for side in found.keys() & {SURFACE, COARSE}:
        timed = found[side]["points"] / sum(map(len, found[side]["losses"]))
        found[side]["seconds"], found[side]["cpu"] = (found[side][k] * timed for k in ("seconds", "cpu"))

    def away(side: str) -> str:
        pairs = zip(loop["where"], loop["losses"], strict=True)
        return f"{max(abs(found[side]['losses'][b][str(i)] - y) / (1 + abs(y)) for (b, i), y in pairs):.1e}"

    print(f"| {len(surface['losses'])} blocks of {settings.network}, {settings.images} images | s | ratio | CPU s |")
    print("|---|---|---|---|")
    timed = f"plain loop, {len(loop['losses'])} points scaled to {surface['points']}"
    print(f"| {timed} | {loop['seconds'] * factor:.0f} | | {loop['cpu'] * factor:.0f} |")
    for name, side in found.items():
        print(f"| ours, {name} | {side['seconds']:.1f} | {loop['seconds'] * factor / side['seconds']:.2f}× | "
              f"{side['cpu']:.1f} |")  # fmt: skip
    if COARSE in found:
        print(f"\nin bfloat16: largest difference of a loss {away(COARSE)}; the same cells for μ: "
              f"{found[SCREENED]['cells'] == mu['cells']}")  # fmt: skip
    print(
        f"\nplans: {', '.join(surface['plans'])}; largest difference of a loss from the loop's: {away(SURFACE)}; "
        f"the loop finds the same cells within ε: {loop['right']}; the search looks at {mu['looked']:.1%} of the "
        f"images; error of the network {surface['error']:.3f}"
    )
    return 0 if loop["right"] else 1


if __name__ == "__main__":
    sys.exit(main())
