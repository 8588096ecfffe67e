"""All transferability scores of one candidate against extracting its features, and LogME against its published form.

``scores`` are those of one candidate with N images, D features and C classes: the decomposition, LogME, H-score,
TransRate (two ε), GBC, leave-one-out ridge, neighbours, LEEP and NCE over 1,000 source classes; without intervals and
null. ``features`` is one pass of a network over images of its size, scaled to N. ``published`` is a plain port of the
algorithm of You et al. 2021 as public code runs it, written here: for each class a fixed point of 11 steps in α and β,
each with the reconstruction of the mean weights in D directions. Both LogME get the features in memory; ours includes
its decomposition, which the other scores share. Each side runs in a process of its own.

    python bench/scores.py [--images 10000] [--width 2048] [--classes 100] [--network torchvision/resnet18] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from _sides import clock, measure

SIDES = ("features", "scores", "logme", "published")


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


def logme(settings: argparse.Namespace) -> dict[str, float]:
    from transferscope.numerics.scores import decompose, targets_of
    from transferscope.numerics.scores import logme as ours

    x, labels = given(settings)
    with clock() as taken:
        value = ours(decompose(x), targets_of(labels))
    return {"seconds": taken.seconds, "cpu": taken.cpu, "value": value}


def published(settings: argparse.Namespace) -> dict[str, float]:
    """The fixed point of α and β, class by class, after one SVD of the features (You et al. 2021, algorithm 1)."""
    import numpy as np

    x, labels = given(settings)
    f, y = x.double().numpy(), labels.numpy()
    n, d = f.shape
    with clock() as taken:
        u, s, vt = np.linalg.svd(f, full_matrices=False)
        squares, evidences = s**2, []
        for c in range(settings.classes):
            column = (y == c).astype(np.float64)
            along = u.T @ column
            alpha = beta = 1.0
            for _ in range(11):
                t = alpha / beta
                m = vt.T @ (s * along / (squares + t))
                gamma = float((squares / (squares + t)).sum())
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
        print(json.dumps(sides[settings.side](settings)))
        return 0
    found = {side: measure(__file__, side, settings) for side in SIDES}
    shape = f"N = {settings.images:,}, D = {settings.width:,}, C = {settings.classes}"
    print(f"| scores, {shape} | s | of the features' time | CPU s | of the features' |")
    print("|---|---|---|---|---|")
    for side in SIDES[:2]:
        ratios = [found[side][unit] / found["features"][unit] for unit in ("seconds", "cpu")]
        print(
            f"| {side} | {found[side]['seconds']:.1f} | {ratios[0]:.2f}× | {found[side]['cpu']:.1f} | {ratios[1]:.2f}× |"
        )
    parts = {k.removeprefix("of "): v for k, v in found["scores"].items() if k.startswith("of ")}
    print("\nSeconds of each: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in parts.items()) + ".")
    ours, theirs = found["logme"], found["published"]
    ratio, cpu = theirs["seconds"] / ours["seconds"], theirs["cpu"] / ours["cpu"]
    print(f"\n| LogME, {shape} | s | CPU s | value |\n|---|---|---|---|")
    print(f"| ours | {ours['seconds']:.1f} | {ours['cpu']:.1f} | {ours['value']:.5f} |")
    print(f"| published form | {theirs['seconds']:.1f} | {theirs['cpu']:.1f} | {theirs['value']:.5f} |")
    print(f"\nOurs is {ratio:.1f}× as fast ({cpu:.1f}× in processor time).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
