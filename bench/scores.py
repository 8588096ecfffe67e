"""All transferability scores of one candidate against extracting its features, and LogME against its published form.

``scores`` are those of one candidate with N images, D features and C classes: the decomposition, LogME, H-score,
TransRate (two ε), GBC, leave-one-out ridge, neighbours, LEEP and NCE over 1,000 source classes; without intervals
and the null. ``features`` is one pass of a network over images of its size, scaled to N. The published forms of LogME
are plain ports, written here from their formulas: ``published`` (You et al. 2021, algorithm 1) makes the mean weights
and the residual of all images anew in each of 11 steps, class by class; ``published, fixed point`` (You et al. 2022)
does the same in the basis of the singular vectors. Both take the singular vectors of FᵀF. Ours is ``logme_alone``;
``logme, shared`` includes its decomposition, which the other scores share. Each side runs in a process of its own.

    python bench/scores.py [--images 10000] [--width 2048] [--classes 100] [--network torchvision/resnet18]
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from typing import Any

from _sides import clock, measure

SIDES = ("features", "scores", "logme", "logme, shared", "published", "published, fixed point")


def given(settings: argparse.Namespace) -> tuple[Any, Any]:
    """Features as after a rectifier, float32, and labels."""
    import torch

    draws = torch.Generator().manual_seed(0)
    labels = torch.arange(settings.images) % settings.classes
    centres = 0.15 * torch.randn(settings.classes, settings.width, generator=draws)
    noise = torch.randn(settings.images, settings.width, generator=draws)
    return (centres[labels] + noise).relu(), labels


def features(settings: argparse.Namespace) -> dict[str, float]:
    import numpy as np

    from transferscope.data.imageset import ImageSet
    from transferscope.models.build import build, initialise
    from transferscope.probes.penultimate import penultimate
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    net = build(settings.network, 1000)
    side, n = net.input.size[0], settings.seen
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    images = ImageSet(pixels, np.zeros(n, np.int64), ("a",), np.arange(n).astype(str))
    params = initialise(net, 0)
    penultimate(net, params, images.subset(np.arange(64)), batch=64, device="cpu")
    with clock() as taken:
        penultimate(net, params, images, batch=64, device="cpu")
    scale = settings.images / n
    return {"seconds": taken.seconds * scale, "cpu": taken.cpu * scale}


def scores(settings: argparse.Namespace) -> dict[str, float]:
    import numpy as np
    import torch

    from transferscope.numerics.scores import targets_of
    from transferscope.questions.scores.values import prepare, values
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    x, labels = given(settings)
    logits = torch.randn(settings.images, 1000, generator=torch.Generator().manual_seed(1)).numpy()
    with clock() as taken:
        prepared = prepare(np.ascontiguousarray(x.numpy()), logits, 20)
        found = values(prepared, targets_of(labels))
    parts = {"decomposition": prepared.seconds, **found.seconds}
    return {"seconds": taken.seconds, "cpu": taken.cpu, **{f"of {k}": v for k, v in parts.items()}}


def logme(settings: argparse.Namespace, *, shared: bool = False) -> dict[str, float]:
    from transferscope.numerics.scores import decompose, logme_alone, targets_of
    from transferscope.numerics.scores import logme as ours

    x, labels = given(settings)
    with clock() as taken:
        value = ours(decompose(x), targets_of(labels)) if shared else logme_alone(x, targets_of(labels))
    return {"seconds": taken.seconds, "cpu": taken.cpu, "value": value}


def published(settings: argparse.Namespace, *, rotated: bool = False) -> dict[str, float]:
    """α and β by 11 steps of a fixed point, class by class.

    Args:
        settings: N, D and C.
        rotated: whether each step stays in the basis of the singular vectors.
    """
    import numpy as np

    x, labels = given(settings)
    f, y = x.double().numpy(), labels.numpy()
    n, d = f.shape
    with clock() as taken:
        _, squares, vt = np.linalg.svd(f.T @ f)
        left = f @ vt.T / np.sqrt(squares) if rotated else None
        evidences = []
        for c in range(settings.classes):
            column = (y == c).astype(np.float64)
            along = left.T @ column if left is not None else vt @ (f.T @ column) / np.sqrt(squares)
            rest = float(column @ column - along @ along)
            alpha = beta = 1.0
            for _ in range(11):
                t = alpha / beta
                gamma = float((squares / (squares + t)).sum())
                if rotated:
                    weight = float((squares * along**2 / (squares + t) ** 2).sum())
                    residual = float((along**2 / (1 + squares / t) ** 2).sum()) + rest
                else:
                    m = vt.T @ (np.sqrt(squares) * along / (squares + t))
                    weight, residual = float(m @ m), float(((f @ m - column) ** 2).sum())
                alpha, beta = gamma / weight, (n - gamma) / residual
                if abs(alpha / beta - t) / t <= 1e-3:
                    break
            evidence = (
                d / 2 * np.log(alpha) + n / 2 * np.log(beta) - 0.5 * np.log(alpha + beta * squares).sum()
                - beta / 2 * residual - alpha / 2 * weight - n / 2 * np.log(2 * np.pi)
            )  # fmt: skip
            evidences.append(evidence / n)
    return {"seconds": taken.seconds, "cpu": taken.cpu, "value": float(np.mean(evidences))}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="N")
    parser.add_argument("--width", type=int, default=2048, help="D")
    parser.add_argument("--classes", type=int, default=100, help="C")
    parser.add_argument("--network", default="torchvision/resnet18", help="whose features are extracted")
    parser.add_argument("--seen", type=int, default=512, help="images that are passed; the time is scaled to N")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch and BLAS")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side:
        sides = {"features": features, "scores": scores, "logme": logme, "published": published}
        sides |= {"logme, shared": partial(logme, shared=True), SIDES[-1]: partial(published, rotated=True)}
        print(json.dumps(sides[settings.side](settings)))
        return 0
    found = {side: measure(__file__, side, settings) for side in SIDES}
    shape = f"N = {settings.images:,}, D = {settings.width:,}, C = {settings.classes}"
    print(f"| scores, {shape} | s | of the features' time | CPU s | of the features' |")
    print("|---|---|---|---|---|")
    for side in SIDES[:2]:
        own, whole = found[side], found["features"]
        ratios = [own[unit] / whole[unit] for unit in ("seconds", "cpu")]
        print(f"| {side} | {own['seconds']:.1f} | {ratios[0]:.2f}× | {own['cpu']:.1f} | {ratios[1]:.2f}× |")
    parts = {k.removeprefix("of "): v for k, v in found["scores"].items() if k.startswith("of ")}
    print("\nSeconds of each: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items()) + ".")
    print(f"\n| LogME, {shape} | s | of ours | CPU s | of ours | value |\n|---|---|---|---|---|---|")
    for side in SIDES[2:]:
        own, whole = found[side], found["logme"]
        ratios = [own[unit] / whole[unit] for unit in ("seconds", "cpu")]
        print(
            f"| {side} | {own['seconds']:.1f} | {ratios[0]:.2f}× | {own['cpu']:.1f} | {ratios[1]:.2f}× | "
            f"{own['value']:.5f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
