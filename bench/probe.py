"""Few-shot evaluation at every module against a loop of solves: a module, number of shots and draw at a time.

N test images and as many training images, the features of the 20 layers of a CIFAR ResNet-20 averaged over positions
(16 to 64 numbers), C classes. ``ours`` decomposes each support once, for both λ, and classifies all test images for
all shots and draws in one product a module. ``loop`` does what published evaluators do for each module, shots and
draw: standardise support and test images, append the constant, solve the normal equations, multiply, take the
largest. ``ours, one λ`` and ``loop`` have the same λ; with leave-one-out there is a solve for each λ that is tried in
the loop, with the leverages from its inverse. Extraction of features is in neither; predictions are compared.

    python bench/probe.py [--images 10000] [--classes 10]
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from _sides import clock, measure

SIDES = ("ours, one λ", "loop, one λ", "ours, and leave-one-out", "loop, and leave-one-out")
SHOTS, DRAWS = (1, 5, 10, 25), 5
WIDTHS = (16,) * 7 + (32,) * 6 + (64,) * 7


def given(settings: argparse.Namespace) -> tuple[list[tuple[Any, Any]], Any, Any, list[Any]]:
    """Features of training and test images by module, their labels, and the supports."""
    import numpy as np

    from transferscope.numerics.frozen import draw_supports, first_shots

    draw = np.random.default_rng(0)
    labels = np.arange(settings.images) % settings.classes
    modules = []
    for width in WIDTHS:
        centres = draw.normal(0, 0.4, (settings.classes, width))
        modules.append(
            tuple(
                np.maximum(centres[labels] + draw.normal(0, 1, (len(labels), width)), 0).astype(np.float32)
                for _ in range(2)
            )
        )
    supports = draw_supports(labels, settings.classes, max(SHOTS), DRAWS)
    return modules, labels, labels, [s for n in SHOTS for s in first_shots(supports, n)]


def ours(settings: argparse.Namespace, *, left_out: bool) -> dict[str, Any]:
    import torch

    from transferscope.numerics.frozen import PENALTY, few_shot

    modules, labels, truth, supports = given(settings)
    y, places, right = torch.from_numpy(labels), [torch.from_numpy(s) for s in supports], []
    few_shot(torch.from_numpy(modules[0][0]), y, torch.from_numpy(modules[0][1]), places[:1], settings.classes)
    with clock() as taken:
        for train, test in modules:
            found = few_shot(
                torch.from_numpy(train), y, torch.from_numpy(test), places, settings.classes,
                penalties=(PENALTY, None) if left_out else (PENALTY,), constant=100.0,
            )  # fmt: skip
            right += [float((f.predicted == torch.from_numpy(truth)).double().mean()) for f in found]
    return {"seconds": taken.seconds, "cpu": taken.cpu, "value": sum(right) / len(right)}


def loop(settings: argparse.Namespace, *, left_out: bool) -> dict[str, Any]:
    import numpy as np

    from transferscope.numerics.frozen import PENALTIES, PENALTY

    modules, labels, truth, supports = given(settings)
    right = []
    with clock() as taken:
        for train, test in modules:
            for choose in (False, True) if left_out else (False,):
                for support in supports:
                    x, y = train[support].astype(np.float64), labels[support]
                    mean, std = x.mean(0), x.std(0) + 1e-5
                    x = np.pad((x - mean) / std, ((0, 0), (0, 1)), constant_values=100.0)
                    columns = 2.0 * np.eye(settings.classes)[y] - 1.0
                    penalty = _left_out(x, columns, PENALTIES) if choose and len(y) > settings.classes else PENALTY
                    w = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ columns)
                    seen = np.pad((test.astype(np.float64) - mean) / std, ((0, 0), (0, 1)), constant_values=100.0)
                    right.append(float(((seen @ w).argmax(1) == truth).mean()))
    return {"seconds": taken.seconds, "cpu": taken.cpu, "value": sum(right) / len(right)}


def _left_out(x: Any, columns: Any, penalties: tuple[float, ...]) -> float:
    import numpy as np

    best, least = penalties[0], np.inf
    for penalty in penalties:
        back = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T)
        residual = (columns - x @ (back @ columns)) / (1 - np.einsum("ij,ji->i", x, back))[:, None]
        if (error := float((residual**2).mean())) < least:
            best, least = penalty, error
    return best


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000, help="test images, and training images")
    parser.add_argument("--classes", type=int, default=10, help="C")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch and BLAS")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side:
        side, _, rest = settings.side.partition(", ")
        run = ours if side == "ours" else loop
        print(json.dumps(run(settings, left_out=rest != "one λ")))
        return 0
    found = {side: measure(__file__, side, settings) for side in SIDES}
    work = f"{len(SHOTS)} shots × {DRAWS} draws × {len(WIDTHS)} modules, {settings.images:,} images"
    print(f"| few-shot, {work} | s | of ours | CPU s | of ours | accuracy |\n|---|---|---|---|---|---|")
    for place, side in enumerate(SIDES):
        own, whole = found[side], found[SIDES[place - place % 2]]
        ratios = [own[unit] / whole[unit] for unit in ("seconds", "cpu")]
        print(
            f"| {side} | {own['seconds']:.2f} | {ratios[0]:.1f}× | {own['cpu']:.2f} | {ratios[1]:.1f}× | "
            f"{own['value']:.6f} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
