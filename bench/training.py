"""Training against the usual loop: same network, same augmentation, same images, float32 (and bfloat16 where fast).

The usual loop is what tutorials show: image files opened by PIL in a ``DataLoader`` with two workers, torchvision
transforms, ``torch.optim.SGD``, eager float32. Each side runs in its own process, in turns, so that settings of one
(the memory allocator's) do not reach the other; a third variant is the usual loop with that setting.

Each round has a seed of its own, the same weights at the start for all variants. From three rounds on the difference
of their test accuracies is given with its interval over seeds (Welch 1947).

    python bench/training.py [--images 4096] [--epochs 5] [--rounds 1] [--rate 0.2] [--schedule cosine] [--threads 2]
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

from _sides import cpu_seconds

BATCH = 64
CLASSES = 8  # colours: learnt in a few epochs, so that the accuracies of the two loops can be compared
OURS, USUAL, USUAL_KEEPS = "ours", "usual loop", "usual loop, memory kept"


@dataclass(frozen=True)
class Outcome:
    """What one process measured.

    Attributes:
        speeds: training images a second, by epoch.
        accuracy: on the test images after the last epoch.
        cpu: processor seconds a training image, those of loading workers included.
    """

    speeds: list[float]
    accuracy: float
    cpu: float


def prepare(folder: Path, images: int) -> None:
    """Write clipart images as PNG files, a folder a colour."""
    from PIL import Image

    from transferscope.data.synthetic import render

    for part, count, seed in (("train", images, 1), ("test", 1200, 2)):
        pixels, labels = render("clipart", count, 32, seed, labels="colour")
        for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
            place = folder / part / f"{label:02d}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{i:05d}.png")


def ours(settings: argparse.Namespace, precision: str) -> Outcome:
    from transferscope.data.augmentation import Augmentation
    from transferscope.data.spec import load_images
    from transferscope.models.build import build
    from transferscope.runtime import keep_freed_memory
    from transferscope.train import starts
    from transferscope.train.events import Epoch, Record, Steps
    from transferscope.train.fit import fit
    from transferscope.train.recipe import Recipe

    keep_freed_memory()
    images = load_images(f"folder:{settings.folder}", size=32, cache=settings.folder / "cache")
    net = build(settings.network, CLASSES)
    recipe = Recipe(
        epochs=settings.epochs,
        batch=BATCH,
        lr=settings.rate,
        schedule="cosine" if settings.schedule == "cosine" else "constant",
        augmentation=Augmentation(crop="pad", padding=4),
        precision="bfloat16" if precision == "bfloat16" else "float32",
    )
    record = Record(evaluate_train="none", evaluate_every=settings.epochs, save_epochs=settings.epochs, epochs=())
    last, seconds, accuracy, used = time.perf_counter(), [], 0.0, cpu_seconds()
    for event in fit(net, starts.random(net, settings.seed), images, recipe, seed=settings.seed, record=record):
        now = time.perf_counter()
        if isinstance(event, Steps):
            seconds.append(now - last)
            work = cpu_seconds() - used
        elif isinstance(event, Epoch):
            accuracy = event.metrics["test_accuracy"]
        last = now
    count = len(images.train)
    return Outcome([count / s for s in seconds], accuracy, work / settings.epochs / count)


def usual(settings: argparse.Namespace, keeps: bool) -> Outcome:
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from transferscope.models.build import build, initialise
    from transferscope.models.fixup import fixup_scalars
    from transferscope.runtime import keep_freed_memory

    if keeps:
        keep_freed_memory()
    torch.manual_seed(settings.seed)
    normalise = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    varied = transforms.Compose(
        [transforms.RandomCrop(32, padding=4), transforms.RandomHorizontalFlip(), transforms.ToTensor(), normalise]
    )
    plain = transforms.Compose([transforms.ToTensor(), normalise])
    train = datasets.ImageFolder(str(settings.folder / "train"), varied)
    test = datasets.ImageFolder(str(settings.folder / "test"), plain)
    loader = DataLoader(train, BATCH, shuffle=True, num_workers=2, persistent_workers=True)
    net = build(settings.network, CLASSES)
    module = net.fresh(initialise(net, settings.seed)).train()
    scalars = set(fixup_scalars(module))
    groups = [
        {
            "params": [p for k, p in module.named_parameters() if k in scalars],
            "lr": settings.rate * BATCH / 256 * 0.1,
        },
        {"params": [p for k, p in module.named_parameters() if k not in scalars]},
    ]
    optimiser = torch.optim.SGD(groups, lr=settings.rate * BATCH / 256, momentum=0.9, weight_decay=1e-4)
    criterion = torch.nn.CrossEntropyLoss()
    steps = settings.epochs * len(loader)
    schedules = {
        "cosine": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps),
        "constant": lambda: torch.optim.lr_scheduler.ConstantLR(optimiser, 1.0),
    }
    rates, seconds, used = schedules[settings.schedule](), [], cpu_seconds()
    for _ in range(settings.epochs):
        begun = time.perf_counter()
        for x, y in loader:
            optimiser.zero_grad()
            loss = criterion(module(x), y)
            loss.backward()
            optimiser.step()
            rates.step()
        seconds.append(time.perf_counter() - begun)
    del loader  # its workers end here
    work = cpu_seconds() - used
    module.eval()
    right = 0
    with torch.no_grad():
        for x, y in DataLoader(test, 256):
            right += int((module(x).argmax(1) == y).sum())
    count = len(train)
    return Outcome([count / s for s in seconds], right / len(test), work / settings.epochs / count)


def measure(folder: Path, variant: str, seed: int, settings: argparse.Namespace) -> Outcome:
    """Run one variant in a process of its own; times are those of epochs after the first."""
    command = [sys.executable, __file__, "--only", variant, "--folder", str(folder)]
    command += ["--epochs", str(settings.epochs), "--rate", str(settings.rate), "--seed", str(seed)]
    command += ["--schedule", settings.schedule, "--network", settings.network]
    environment = {**os.environ, "OMP_NUM_THREADS": str(settings.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{variant}: {done.stderr}")
    return Outcome(**json.loads(done.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=4096, help="training images")
    parser.add_argument("--epochs", type=int, default=5, help="epochs; the first is not timed")
    parser.add_argument(
        "--rounds", type=int, default=1, help="turns of each variant; the median of all epochs counts"
    )
    parser.add_argument("--rate", type=float, default=0.2, help="learning rate, for 256 images")
    parser.add_argument("--network", default="fixup_resnet20", help="by its name here")
    parser.add_argument("--schedule", choices=("cosine", "constant"), default="cosine", help="of the learning rate")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch, besides the two loading workers")
    parser.add_argument("--variants", nargs="+", help="only these (default: all that this processor is fast at)")
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.only:
        if settings.only.startswith(OURS):
            outcome = ours(settings, settings.only.removeprefix(OURS).strip(", "))
        else:
            outcome = usual(settings, settings.only == USUAL_KEEPS)
        print(json.dumps(asdict(outcome)))
        return 0
    if settings.epochs < 2:
        parser.error("--epochs: at least 2; the first is not timed")

    import torch

    from transferscope.runtime import fast_bfloat16

    variants = [OURS, USUAL, USUAL_KEEPS]
    if fast_bfloat16(torch.device("cpu")):
        variants.insert(1, f"{OURS}, bfloat16")
    variants = [v for v in variants if v in (settings.variants or variants)]
    if USUAL not in variants:
        parser.error(f"--variants: {USUAL!r} is what the others are held against")
    outcomes: dict[str, list[Outcome]] = {v: [] for v in variants}
    with tempfile.TemporaryDirectory() as place:
        prepare(Path(place), settings.images)
        for seed in range(settings.rounds):
            for variant in variants:
                outcomes[variant].append(measure(Path(place), variant, seed, settings))
    # The first epoch warms up: processes start, memory is taken.
    speeds = {v: statistics.median(s for o in outcomes[v] for s in o.speeds[1:]) for v in variants}
    print(f"| training, {settings.network}, 32 px | images/s | to the usual loop | CPU ms/image | accuracy after |")
    print("|---|---|---|---|---|")
    for v in variants:
        cpu = 1000 * statistics.median(o.cpu for o in outcomes[v])
        accuracy = statistics.mean(o.accuracy for o in outcomes[v])
        print(f"| {v} | {speeds[v]:.0f} | {speeds[v] / speeds[USUAL]:.2f}× | {cpu:.2f} | {accuracy:.3f} |")
    if settings.rounds >= 3:
        from transferscope.evidence.contrast import contrast

        usual_ones = [o.accuracy for o in outcomes[USUAL]]
        for v in variants:
            if v != USUAL:
                gap = contrast([o.accuracy for o in outcomes[v]], usual_ones).times(100)
                print(f"\n{v}: test accuracy less that of the {USUAL}, {settings.rounds} seeds each, at rate "
                      f"{settings.rate:g}: {gap.value:.2f} points ({gap.low:.2f} to {gap.high:.2f})")  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
