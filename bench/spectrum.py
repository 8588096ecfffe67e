"""All singular values of the convolutions of a ResNet-50 at 224 px against the NumPy recipe, float64.

The recipe is that of Sedghi, Gupta and Long (2019): ``fft2`` of the kernel on the input's size, then ``svd`` of one
matrix a frequency. It ignores the stride, so for strided layers it does other (larger) work than the exact map needs.
It takes many minutes, so a time is measured on as many frequencies as fit in ``--budget`` seconds a shape and scaled
to all of them; its FFTs are not counted. NumPy's BLAS has one thread there unless ``--blas`` says otherwise: with
more, small matrices take longer, on a busy machine many times as long. Ours is timed in full. Layers of one shape are
timed once and counted as often as they occur. Each side runs in a process of its own. The error is ours against an
SVD at every frequency, with the same kernels on a grid of 5×5 outputs, as a share of σ_max.

    python bench/spectrum.py [--network torchvision/resnet50] [--budget 1.0] [--threads 2] [--blas 1]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

OURS, PEER, ERROR = "ours", "recipe", "error"
GRID = 5


@dataclass(frozen=True)
class Cost:
    """Of the layers of one shape together: seconds and processor seconds."""

    seconds: float
    cpu: float

    def times(self, factor: float) -> Cost:
        return Cost(self.seconds * factor, self.cpu * factor)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.cpu + other.cpu)


@dataclass
class Clock:
    seconds: float = 0.0
    cpu: float = 0.0

    def __post_init__(self) -> None:
        self._begun, self._used = time.perf_counter(), self._processor()

    @staticmethod
    def _processor() -> float:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return used.ru_utime + used.ru_stime

    def read(self) -> Cost:
        return Cost(time.perf_counter() - self._begun, self._processor() - self._used)


def shapes(network: str) -> Counter[Any]:
    """The convolutions of a network, each kind with how often it occurs."""
    from dataclasses import replace

    from transferscope.models.build import build
    from transferscope.probes.linear_maps import linear_maps

    maps, _ = linear_maps(build(network, 1000))
    return Counter(replace(m, name="", tensor="") for m in maps if m.kind == "conv")


def kernel(one: Any) -> Any:
    import torch

    from transferscope.rng import generator

    drawn = torch.randn(one.shape, generator=generator("bench", *one.shape), dtype=torch.float64)
    return drawn * (2 / drawn[0].numel()) ** 0.5


def ours(kinds: Counter[Any], threads: int) -> list[Cost]:
    costs = []
    for one, count in kinds.items():
        weight, clock = kernel(one), Clock()
        one.spectrum(weight, workers=threads)
        costs.append(clock.read().times(count))
    return costs


def recipe(kinds: Counter[Any], budget: float) -> list[Cost]:
    """``svd(fft2(kernel, size), compute_uv=False)``, frequency by frequency until the budget is spent."""
    costs = []
    for one, count in kinds.items():
        weight = kernel(one).numpy()
        frequencies = np.stack(np.unravel_index(np.arange(np.prod(one.seen)), one.seen), axis=1)
        order = np.random.default_rng(0).permutation(len(frequencies))
        chunk = max(1, 2**20 // weight[..., 0, 0].size)
        done, spent = 0, Cost(0.0, 0.0)
        while done < len(order) and spent.seconds < budget:
            matrices = transfer(weight, frequencies[order[done : done + chunk]], one.seen)
            clock = Clock()
            np.linalg.svd(matrices, compute_uv=False)
            spent, done = spent + clock.read(), done + len(matrices)
        costs.append(spent.times(count * len(order) / done))
    return costs


def transfer(weight: np.ndarray, frequencies: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Some of the matrices that ``fft2`` of the kernel gives, ``(frequencies, c_out, c_in)``."""
    rows = np.exp(-2j * np.pi * np.outer(frequencies[:, 0], np.arange(weight.shape[2])) / size[0])
    columns = np.exp(-2j * np.pi * np.outer(frequencies[:, 1], np.arange(weight.shape[3])) / size[1])
    waves = (rows[:, :, None] * columns[:, None, :]).reshape(len(frequencies), -1)
    flat = weight.reshape(*weight.shape[:2], -1)
    matrices: np.ndarray = (waves @ flat.reshape(-1, flat.shape[2]).T).reshape(len(frequencies), *flat.shape[:2])
    return matrices


def errors(kinds: Counter[Any]) -> list[float]:
    """Largest error on a small grid: strided maps from the aliased blocks of the full transform."""
    from transferscope.numerics.conv_spectrum import conv_singular_values

    found = []
    for one in kinds:
        if one.shape[2:] == (1, 1):
            continue
        weight, (sh, sw) = kernel(one), one.stride
        size = (GRID * sh, GRID * sw)
        u, v = np.meshgrid(np.arange(GRID), np.arange(GRID), indexing="ij")
        blocks = [
            transfer(weight.numpy(), np.stack([(u + GRID * a).ravel(), (v + GRID * b).ravel()], axis=1), size)
            for a in range(sh)
            for b in range(sw)
        ]
        exact = np.linalg.svd(np.concatenate(blocks, axis=2) / (sh * sw) ** 0.5, compute_uv=False)
        exact = np.sort(exact.ravel())[::-1]
        values = conv_singular_values(weight, size, stride=one.stride, workers=1)
        found.append(float(np.abs(values - exact).max() / exact[0]))
    return found


def measure(what: str, settings: argparse.Namespace) -> list[Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, __file__, "--only", what, "--network", settings.network]
    command += ["--budget", str(settings.budget), "--threads", str(settings.threads)]
    threads = settings.blas if what == PEER else settings.threads
    environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    found: list[Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="torchvision/resnet50", help="a network without groups of channels")
    parser.add_argument("--budget", type=float, default=1.0, help="seconds of the recipe for each shape of layer")
    parser.add_argument("--threads", type=int, default=2, help="threads of ours")
    parser.add_argument("--blas", type=int, default=1, help="threads of the recipe's BLAS")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    kinds = shapes(settings.network)
    if settings.only:
        if settings.only == ERROR:
            print(json.dumps(errors(kinds)))
            return 0
        costs = ours(kinds, settings.threads) if settings.only == OURS else recipe(kinds, settings.budget)
        print(json.dumps([(c.seconds, c.cpu) for c in costs]))
        return 0
    found = {what: [Cost(*c) for c in measure(what, settings)] for what in (OURS, PEER)}
    worst = max(measure(ERROR, settings))
    show(found, kinds, worst, settings)
    return 0


def show(found: dict[str, list[Cost]], kinds: Counter[Any], worst: float, settings: argparse.Namespace) -> None:
    """Print a line a group of layers: seconds and processor seconds with their ratios, and the largest error."""
    spatial = [one.shape[2:] != (1, 1) for one in kinds]
    how_many = [sum(n for n, s in zip(kinds.values(), spatial, strict=True) if s), sum(kinds.values())]
    print(
        f"| {settings.network} | ours, s | recipe, s | ratio | ours, CPU s | recipe, CPU s | ratio | error / σ_max |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, chosen in (
        (f"{how_many[0]} layers with k > 1", spatial),
        (f"all {how_many[1]}", [True] * len(spatial)),
    ):
        total = {
            what: sum((c for c, s in zip(costs, chosen, strict=True) if s), Cost(0.0, 0.0))
            for what, costs in found.items()
        }
        mine, peer = total[OURS], total[PEER]
        print(
            f"| {name} | {mine.seconds:.1f} | {peer.seconds:.0f} | {peer.seconds / mine.seconds:.1f}× | "
            f"{mine.cpu:.1f} | {peer.cpu:.0f} | {peer.cpu / mine.cpu:.1f}× | {worst:.0e} |"
        )


if __name__ == "__main__":
    sys.exit(main())
