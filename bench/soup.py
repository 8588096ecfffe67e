"""A greedy soup against the authors' loop: same files of weights, same image files, float32.

The authors' loop is that of github.com/mlfoundations/model-soups (main.py), written plainly: load each file, one pass
of a ``DataLoader`` with two workers over the held-out image files for each; then, in their order, the running mean of
the state dicts, ``load_state_dict``, one pass, keep it when it is better. Ours is ``transferscope.soup`` on the same
files with ``accept="better"``, without the pre-check; reading the image files, the uniform soup, three ensembles and
all intervals are included. Each side runs in its own process, in turns; the time is from files to the members of the
soup.

    python bench/soup.py [--images 2000] [--models 20] [--network fixup_resnet20] [--rounds 1] [--threads 2]

With ``--memory`` it is the memory of a soup of all files instead: the peak of a process over what it held before, in
sizes of one network's weights. Ours is ``averaged_files``, which writes what ``transferscope soup --save`` does; the
usual way loads all files and takes their mean.

    python bench/soup.py --memory --models 20 --network torchvision/resnet50
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import statistics
import tempfile
import threading
from pathlib import Path
from typing import Any

from _sides import CLASSES, clock, measure

OURS, USUAL = "ours", "the authors' loop"
FEW, ALL = "memory of ours", "memory of all at once"
BATCH = 128


def prepare(folder: Path, settings: argparse.Namespace) -> None:
    """Write image files, a folder a class, and files of weights: one start and noise of each model's own."""
    import torch
    from PIL import Image

    from transferscope.data.synthetic import render
    from transferscope.models.build import build, initialise

    count = settings.images + 2 * CLASSES
    pixels, labels = render("clipart", count, 32, 0)
    for i, (image, label) in enumerate(zip(pixels, labels, strict=True)):
        part = "val" if i < settings.images else "test" if i < settings.images + CLASSES else "train"
        place = folder / part / f"{label:02d}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{i:05d}.png")
    for part in ("test", "train"):  # a class each, of images that are not held out
        for label in range(CLASSES):
            place = folder / part / f"{label:02d}"
            place.mkdir(parents=True, exist_ok=True)
            shade = (part == "test") * 16 + label
            Image.new("RGB", (32, 32), (shade, label, 200)).save(place / "blank.png")
    net = build(settings.network, CLASSES)
    start = initialise(net, 0)
    start[f"{net.head}.weight"] = torch.randn(start[f"{net.head}.weight"].shape)
    for i in range(settings.models):
        g = torch.Generator().manual_seed(i)
        noisy = {
            k: v + 0.1 * torch.randn(v.shape, generator=g) if v.is_floating_point() else v for k, v in start.items()
        }
        torch.save(noisy, folder / f"model_{i:02d}.pt")


def ours(folder: Path, settings: argparse.Namespace) -> dict[str, Any]:
    from transferscope.data.spec import load_images
    from transferscope.models.build import build
    from transferscope.models.load import load_weights
    from transferscope.questions.soup.ingredients import Ingredient
    from transferscope.questions.soup.measure import soup
    from transferscope.runtime import keep_freed_memory

    keep_freed_memory()
    net = build(settings.network, CLASSES)
    with clock() as taken:
        images = load_images(f"folder:{folder}", size=32, cache=folder / f"cache-{os.getpid()}")
        files = sorted(folder.glob("*.pt"))
        given = [Ingredient(p.stem, lambda p=p: load_weights(net, p).params) for p in files]  # type: ignore[misc]
        found = soup(net, given, images.val, images.test, train=images.train, accept="better", precheck=False)
    return {
        "seconds": taken.seconds, "cpu": taken.cpu, "members": found.entry("greedy soup").members,
        "metric": found.value("greedy soup", "held-out"),
    }  # fmt: skip


def usual(folder: Path, settings: argparse.Namespace) -> dict[str, Any]:
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    from transferscope.models.build import build

    module = build(settings.network, CLASSES).fresh()
    normalise = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    files = datasets.ImageFolder(str(folder / "val"), transforms.Compose([transforms.ToTensor(), normalise]))
    batches = DataLoader(files, BATCH, num_workers=2)

    def accuracy(params: dict[str, Any]) -> float:
        module.load_state_dict(params)
        with torch.no_grad():
            return sum(int((module(x).argmax(1) == y).sum()) for x, y in batches) / len(files)

    with clock() as taken:
        paths = sorted(folder.glob("*.pt"))
        alone = {p.stem: accuracy(torch.load(p, weights_only=True)) for p in paths}
        order = sorted(alone, key=lambda name: (-alone[name], name))
        members, mean = [order[0]], torch.load(folder / f"{order[0]}.pt", weights_only=True)
        best = alone[order[0]]
        for name in order[1:]:
            new, n = torch.load(folder / f"{name}.pt", weights_only=True), len(members)
            tried = {k: mean[k] * (n / (n + 1)) + new[k] * (1 / (n + 1)) for k in new}
            now = accuracy(tried)
            if now > best:
                members, mean, best = [*members, name], tried, now
    return {"seconds": taken.seconds, "cpu": taken.cpu, "members": members, "metric": best}


def memory(folder: Path, settings: argparse.Namespace) -> dict[str, Any]:
    """Make the mean of all files; a process holds as much as it ever held, so this one does nothing else."""
    import torch

    from transferscope.models.averaged_files import averaged_files
    from transferscope.models.build import build

    torch.set_num_threads(1)
    files = sorted(folder.glob("*.pt"))
    net = build(settings.network, CLASSES)
    one = sum(v.numel() * v.element_size() for v in net.module.state_dict().values())
    averaged_files(net, files[:2])  # what is made once, and kept, is not of this soup
    held = _Held()
    with clock() as taken, held:
        if settings.side == FEW:
            mean = averaged_files(net, files)
        else:
            every = [torch.load(p, weights_only=True) for p in files]
            mean = {k: sum(params[k] for params in every) / len(every) for k in every[0]}
    return {
        "seconds": taken.seconds, "cpu": taken.cpu, "networks": held.peak / one, "one": one, "tensors": len(mean),
    }  # fmt: skip


class _Held:
    """The most memory of its own that this process holds meanwhile, over what it held before, in bytes.

    What it has written to, in memory or swapped out; pages of files that are mapped can be dropped at any time.
    """

    def __enter__(self) -> None:
        ctypes.CDLL(None).malloc_trim(0)  # what is free already would be used again and not be seen
        self._before, self._most, self._done = self._now(), 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    @property
    def peak(self) -> int:
        return self._most - self._before

    def _watch(self) -> None:
        while not self._done.wait(0.005):
            self._most = max(self._most, self._now())
        self._most = max(self._most, self._now())

    @staticmethod
    def _now() -> int:
        lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
        return 1024 * sum(int(words[1]) for words in lines if words[0] in ("RssAnon:", "VmSwap:"))


def write_files(folder: Path, settings: argparse.Namespace) -> None:
    """Write files of weights that differ."""
    import torch

    from transferscope.models.build import build, initialise

    start = initialise(build(settings.network, CLASSES), 0)
    for i in range(settings.models):
        torch.save({k: v + i if v.is_floating_point() else v for k, v in start.items()}, folder / f"model_{i:02d}.pt")


def of_memory(settings: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as place:
        settings.folder = place
        write_files(Path(place), settings)
        found = {side: measure(__file__, side, settings) for side in (FEW, ALL)}
    size = found[FEW]["one"] / 1e6
    print(f"| mean of {settings.models} {settings.network} of {size:.0f} MB | peak, in networks | s | CPU s |")
    print("|---|---|---|---|")
    for side, of in found.items():
        print(f"| {side.removeprefix('memory of ')} | {of['networks']:.2f} | {of['seconds']:.1f} | {of['cpu']:.1f} |")
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000, help="held-out images")
    parser.add_argument("--models", type=int, default=20, help="files of weights")
    parser.add_argument("--network", default="fixup_resnet20", help="fixup_resnet20, resnet20, …")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each side; the median counts")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch, besides the two loading workers")
    parser.add_argument("--memory", action="store_true", help="of the mean of all files, the peak of memory instead")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side in (FEW, ALL):
        print(json.dumps(memory(Path(settings.folder), settings)))
        return 0
    if settings.side:
        side = ours if settings.side == OURS else usual
        print(json.dumps(side(Path(settings.folder), settings)))
        return 0
    if settings.memory:
        del settings.memory
        return of_memory(settings)
    del settings.memory
    found: dict[str, list[dict[str, Any]]] = {OURS: [], USUAL: []}
    with tempfile.TemporaryDirectory() as place:
        settings.folder = place
        prepare(Path(place), settings)
        for _ in range(settings.rounds):
            for side, outcomes in found.items():
                outcomes.append(measure(__file__, side, settings))
    seconds = {side: statistics.median(o["seconds"] for o in of) for side, of in found.items()}
    title = f"greedy soup of {settings.models} {settings.network}, {settings.images:,} held-out images of 32 px"
    print(f"| {title} | s | to the authors' loop | CPU s | members | held-out accuracy |")
    print("|---|---|---|---|---|---|")
    for side, of in found.items():
        cpu = statistics.median(o["cpu"] for o in of)
        print(
            f"| {side} | {seconds[side]:.1f} | {seconds[USUAL] / seconds[side]:.2f}× | {cpu:.1f} | "
            f"{len(of[0]['members'])} | {of[0]['metric']:.4f} |"
        )
    print(f"\nthe same members: {list(found[OURS][0]['members']) == list(found[USUAL][0]['members'])}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
