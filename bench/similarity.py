"""CKA between all pairs of modules against the forward passes alone and against the package pytorch-cka, float32.

Ours is ``transferscope.similarity``, its jackknife intervals included. ``forward passes alone`` are the same networks
on the same batches with no hook. pytorch-cka gets the same modules (outputs of the layers) and its images as
normalised tensors in memory, in batches of the same size; a variant has our setting of the memory allocator, another
names no modules, which is how the package is called in its documentation: it then compares every submodule. Each side
runs in its own process, in turns. At the end, ours against dense float64 matrices on some of the images.

    python bench/similarity.py [--images 2000] [--network resnet20] [--networks 2] [--batch 64] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from _sides import cpu_seconds

OURS, FORWARD = "ours", "forward passes alone"
PEER, PEER_KEEPS, PEER_ALL = "pytorch-cka", "pytorch-cka, memory kept", "pytorch-cka, every submodule"
REFERENCE = "float64 reference"
CLASSES, REFERENCE_IMAGES = 12, 200


@dataclass(frozen=True)
class Outcome:
    """What one process measured.

    Attributes:
        seconds: from images in memory to all similarities.
        cpu: processor seconds of the same.
        compared: how many pairs of modules that gave.
        error: largest difference from the float64 reference, where that was asked for.
    """

    seconds: float
    cpu: float
    compared: int
    error: float = 0.0


def given(settings: argparse.Namespace) -> tuple[Any, list[Any], Any]:
    """The network, weights of so many of it, and the images."""
    import numpy as np

    from transferscope.data.imageset import ImageSet
    from transferscope.data.synthetic import render
    from transferscope.models.build import build, initialise

    net = build(settings.network, CLASSES)
    pixels, labels = render("clipart", settings.images, net.input.size[0], 0)
    names = tuple(map(str, range(CLASSES)))
    images = ImageSet(pixels, labels, names, np.arange(len(pixels)).astype(str), "clipart")
    return net, [initialise(net, seed) for seed in range(settings.networks)], images


def ours(settings: argparse.Namespace) -> Outcome:
    from transferscope.questions.similarity.measure import similarity
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    net, weights, images = given(settings)
    similarity(net, weights, images.subset(range(2 * settings.batch)), modules="layer", batch=settings.batch)
    begun, used = time.perf_counter(), cpu_seconds()
    found = similarity(net, weights, images, modules="layer", batch=settings.batch)
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - used
    return Outcome(seconds, cpu, sum(len(found.modules[p.a]) * len(found.modules[p.b]) for p in found.pairs))


def forward(settings: argparse.Namespace) -> Outcome:
    import torch

    from transferscope.data.feed import Feed
    from transferscope.numerics.cka import batch_slices
    from transferscope.probes.forward import Forward
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    net, weights, images = given(settings)
    device = torch.device("cpu")
    feed, networks = Feed(images, device), [Forward(net, params, device) for params in weights]
    parts = [torch.arange(s.start, s.stop) for s in batch_slices(len(images), settings.batch)]
    for network in networks:
        network(feed.gather(parts[0]))
    begun, used = time.perf_counter(), cpu_seconds()
    for part in parts:
        batch = feed.gather(part)
        for network in networks:
            network(batch)
    return Outcome(time.perf_counter() - begun, cpu_seconds() - used, 0)


def peer(settings: argparse.Namespace) -> Outcome:
    import torch
    from cka import compute_cka

    from transferscope.numerics.cka import batch_slices
    from transferscope.probes.activations import taps
    from transferscope.runtime import keep_freed_memory

    if settings.only == PEER_KEEPS:
        keep_freed_memory()
    net, weights, images = given(settings)
    layers = None if settings.only == PEER_ALL else [tap.path for tap in taps(net, "layer")]
    pixels = net.input.prepare(torch.from_numpy(images.images)).contiguous()
    batches = [pixels[s] for s in batch_slices(len(images), settings.batch)]
    networks = [net.fresh(params) for params in weights]
    compute_cka(networks[0], networks[1], [batches[:2]], layers=layers, device="cpu", progress=False)
    compared = 0
    begun, used = time.perf_counter(), cpu_seconds()
    for a, b in combinations(networks, 2):
        [found] = compute_cka(a, b, [batches], layers=layers, device="cpu", progress=False)
        compared += found.numel()
    return Outcome(time.perf_counter() - begun, cpu_seconds() - used, compared)


def reference(settings: argparse.Namespace) -> Outcome:
    """HSIC₁ with its three terms, on dense float64 Gram matrices of float64 networks, batch by batch."""
    import numpy as np

    from transferscope.numerics.cka import batch_slices
    from transferscope.probes.activations import features
    from transferscope.questions.similarity.measure import similarity
    from transferscope.rng import numpy_generator

    settings.images = REFERENCE_IMAGES
    net, weights, images = given(settings)
    begun, used = time.perf_counter(), cpu_seconds()
    found = similarity(net, weights, images, modules="layer", batch=settings.batch)
    exact = [features(net, {k: v.double() for k, v in p.items()}, images, "layer") for p in weights]
    order = numpy_generator("similarity", 0, len(images)).permutation(len(images))
    sums = np.zeros(found.cka.shape)
    for part in (order[s] for s in batch_slices(len(images), settings.batch)):
        n, one = len(part), np.ones(len(part))
        grams = [x[part] @ x[part].T for one in exact for x in one.values()]
        for gram in grams:
            np.fill_diagonal(gram, 0)
        for i, K in enumerate(grams):
            for j, L in enumerate(grams):
                terms = (K * L).sum() + (one @ K @ one) * (one @ L @ one) / ((n - 1) * (n - 2))
                sums[i, j] += (terms - 2 / (n - 2) * (one @ K @ L @ one)) / (n * (n - 3))
    error = np.abs(sums / np.sqrt(np.outer(np.diag(sums), np.diag(sums))) - found.cka).max()
    return Outcome(time.perf_counter() - begun, cpu_seconds() - used, sums.size, float(error))


def measure(variant: str, settings: argparse.Namespace) -> Outcome:
    """Run one variant in a process of its own."""
    command = [sys.executable, __file__, "--only", variant, "--network", settings.network]
    for name in ("images", "networks", "batch", "threads"):
        command += [f"--{name}", str(getattr(settings, name))]
    environment = dict(os.environ, OMP_NUM_THREADS=str(settings.threads))
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return Outcome(**json.loads(ended.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="images to compare features on")
    parser.add_argument("--network", default="resnet20", help="resnet20, fixup_resnet20, torchvision/resnet50, …")
    parser.add_argument("--networks", type=int, default=2, help="how many networks; all pairs are compared")
    parser.add_argument("--batch", type=int, default=64, help="images a batch")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each variant; the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.only:
        sides = {OURS: ours, FORWARD: forward, REFERENCE: reference}
        print(json.dumps(asdict(sides.get(settings.only, peer)(settings))))
        return 0
    variants = (FORWARD, OURS, PEER, PEER_KEEPS, PEER_ALL)
    found: dict[str, list[Outcome]] = {variant: [] for variant in variants}
    for _ in range(settings.rounds):
        for variant in variants:
            found[variant].append(measure(variant, settings))
    show(found, settings)
    error = measure(REFERENCE, settings).error
    print(f"\nLargest difference from the float64 reference on {REFERENCE_IMAGES} images: {error:.1e}.")
    return 0


def show(found: dict[str, list[Outcome]], settings: argparse.Namespace) -> None:
    """Print one line a variant: time and processor time, as they are and as multiples."""
    from importlib.metadata import version

    middle = {
        v: [statistics.median(getattr(o, x) for o in of) for x in ("seconds", "cpu")] for v, of in found.items()
    }
    title = f"CKA, {settings.networks} × {settings.network}, {settings.images:,} images, batches of {settings.batch}"
    print(f"| {title} | pairs of modules | s | of the forward passes | of ours | CPU s | of ours |")
    print("|---|---|---|---|---|---|---|")
    for variant, (seconds, cpu) in middle.items():
        name = variant.replace("pytorch-cka", f"pytorch-cka {version('pytorch-cka')}")
        alone, (own, own_cpu) = middle[FORWARD][0], middle[OURS]
        pairs = f"{found[variant][0].compared:,}" if variant != FORWARD else "–"
        print(
            f"| {name} | {pairs} | {seconds:.2f} | {seconds / alone:.2f}× | {seconds / own:.2f}× | {cpu:.2f} | "
            f"{cpu / own_cpu:.2f}× |"
        )


if __name__ == "__main__":
    sys.exit(main())
