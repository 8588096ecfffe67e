"""A barrier of 21 points against the usual loop: same networks, same image files, float32 (and bfloat16 where fast).

The usual loop is what one writes by hand: interpolate the state dicts, ``load_state_dict``, one pass of a
``DataLoader`` with two workers over image files opened by PIL, eager float32; 21 times. Ours is
``transferscope.barrier``, reading the files and bootstrap intervals included. Each side runs in its own process, in
turns. Two variants of the usual loop show where the time goes: with our setting of the memory allocator, and with all
images in memory as a tensor, no loader.

    python bench/barrier.py [--images 1000] [--points 21] [--network fixup_resnet20] [--rounds 2] [--threads 2]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _sides import cpu_seconds, in_bfloat16

CLASSES, BATCH = 12, 128
OURS, USUAL, KEEPS, MEMORY = "ours", "usual loop", "usual loop, memory kept", "usual loop, images in memory"


@dataclass(frozen=True)
class Outcome:
    """What one process measured.

    Attributes:
        seconds: from image files to the losses of all points.
        cpu: processor seconds of the same, those of loading workers included.
        losses: at every point.
        preparing: the part of ``seconds`` before the first point.
    """

    seconds: float
    cpu: float
    losses: list[float]
    preparing: float = 0.0


def prepare(folder: Path, images: int) -> None:
    """Write clipart images as PNG files, a folder a class; the training part is one image of each."""
    from PIL import Image

    from transferscope.data.synthetic import render

    pixels, labels = render("clipart", images, 32, 0)
    for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        for part in ("test", "train"):
            place = folder / part / f"{label:02d}"
            if part == "test" or not place.exists():
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(place / f"{i:05d}.png")


def networks(name: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    from transferscope.models.build import build, initialise

    net = build(name, CLASSES)
    return net, initialise(net, 1), initialise(net, 2)


def ours(folder: Path, name: str, points: int, precision: str) -> Outcome:
    from transferscope.data.spec import load_images
    from transferscope.questions.barrier.measure import barrier
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    net, a, b = networks(name)
    begun, used = time.perf_counter(), cpu_seconds()
    images = load_images(f"folder:{folder}", size=32, cache=folder / f"cache-{os.getpid()}").test
    preparing = time.perf_counter() - begun
    found = barrier(net, [(a, b)], images, lambdas=points, norm="interpolated", precision=precision)
    seconds, cpu = time.perf_counter() - begun, cpu_seconds() - used
    path = found.paths[0].path
    return Outcome(seconds, cpu, path.curve(path.sets[0], "loss").values.tolist(), preparing)


def usual(folder: Path, name: str, points: int, variant: str) -> Outcome:
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from transferscope.runtime import keep_freed_memory

    if variant == KEEPS:
        keep_freed_memory()
    net, a, b = networks(name)
    module = net.fresh()
    normalise = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    files = datasets.ImageFolder(str(folder / "test"), transforms.Compose([transforms.ToTensor(), normalise]))
    begun, used = time.perf_counter(), cpu_seconds()
    batches: Any = DataLoader(files, BATCH, num_workers=2)
    if variant == MEMORY:
        batches = list(DataLoader(files, BATCH))
    preparing = time.perf_counter() - begun
    losses = []
    for i in range(points):
        t = i / (points - 1)
        module.load_state_dict({k: (1 - t) * a[k] + t * b[k] if v.is_floating_point() else v for k, v in a.items()})
        total = 0.0
        with torch.no_grad():
            for x, y in batches:
                total += torch.nn.functional.cross_entropy(module(x), y, reduction="sum").item()
        losses.append(total / len(files))
    seconds = time.perf_counter() - begun
    del batches
    return Outcome(seconds, cpu_seconds() - used, losses, preparing)


def measure(variant: str, precision: str, folder: Path, settings: argparse.Namespace) -> Outcome:
    """Run one variant in a process of its own."""
    command = [sys.executable, __file__, "--only", variant, "--folder", str(folder), "--network", settings.network]
    command += ["--points", str(settings.points), "--precision", precision, "--threads", str(settings.threads)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(settings.threads))
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    return Outcome(**json.loads(ended.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=1000, help="images to evaluate on")
    parser.add_argument("--points", type=int, default=21, help="points of the path")
    parser.add_argument("--network", default="fixup_resnet20", help="fixup_resnet20, resnet20, …")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each variant; the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch, besides the two loading workers")
    parser.add_argument("--bfloat16", default="auto", choices=["auto", "yes", "no"])
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="float32", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.only:
        side = (settings.folder, settings.network, settings.points)
        outcome = ours(*side, settings.precision) if settings.only == OURS else usual(*side, settings.only)
        print(json.dumps(asdict(outcome)))
        return 0

    variants = [(OURS, "float32"), (USUAL, "float32"), (KEEPS, "float32"), (MEMORY, "float32")]
    if in_bfloat16(settings.bfloat16):
        variants.append((OURS, "bfloat16"))
    found: dict[tuple[str, str], list[Outcome]] = {v: [] for v in variants}
    with tempfile.TemporaryDirectory() as place:
        prepare(Path(place), settings.images)
        for _ in range(settings.rounds):
            for variant in variants:
                found[variant].append(measure(*variant, Path(place), settings))
    show(found, settings)
    return 0


def show(found: dict[tuple[str, str], list[Outcome]], settings: argparse.Namespace) -> None:
    """Print one line a variant: seconds, processor seconds, both as ratios of ours, largest difference of losses."""
    exact = found[OURS, "float32"][0].losses
    peer = statistics.median(o.seconds for o in found[USUAL, "float32"])
    title = f"barrier of {settings.points} points, {settings.network}, {settings.images:,} images of 32 px"
    print(
        f"| {title} | s | to the usual loop | of it before the first point | CPU s | largest difference of a loss |"
    )
    print("|---|---|---|---|---|---|")
    for (variant, precision), outcomes in found.items():
        seconds, cpu, preparing = (
            statistics.median(getattr(o, name) for o in outcomes) for name in ("seconds", "cpu", "preparing")
        )
        most = max(abs(x - y) for x, y in zip(outcomes[0].losses, exact, strict=True))
        name = f"{variant}, {precision}"
        print(f"| {name} | {seconds:.2f} | {peer / seconds:.2f}× | {preparing:.2f} | {cpu:.2f} | {most:.1e} |")


if __name__ == "__main__":
    sys.exit(main())
