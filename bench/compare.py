"""``transferscope compare`` of two ResNet-20 with batch norm, all its default questions, quiet and on a busy machine.

Two checkpoints trained for a moment, 400 training and 400 test images of 32 pixels, a new run folder each time, the
page included. Busy is with so many other processes that multiply matrices: without threads that wait for each other,
the fair share of the machine is what it takes.

    python bench/compare.py [--images 400] [--load 6] [--rounds 1]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NETWORK = "resnet20"
_SPIN = "import numpy as np\nx = np.ones((400, 400), np.float32)\nwhile True: x @ x"


def checkpoints(folder: Path, spec: str) -> list[str]:
    """Train two networks for an epoch, so that their statistics of batch norm are of images."""
    from transferscope.data.spec import load_images
    from transferscope.models.build import build
    from transferscope.models.checkpoint import write
    from transferscope.train import starts
    from transferscope.train.events import Record, Snapshot
    from transferscope.train.fit import fit
    from transferscope.train.recipe import Recipe

    images = load_images(spec, size=32)
    net = build(NETWORK, len(images.classes))
    record = Record(epochs=(), evaluate_train="none")
    files = []
    for seed in (0, 1):
        for event in fit(net, starts.random(net, seed), images, Recipe(epochs=1, batch=32), seed=seed, record=record):
            if isinstance(event, Snapshot) and event.tag == "final":
                files.append(str(folder / f"{seed}.safetensors"))
                write(Path(files[-1]), event.params, {})
    return files


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Have so many other processes work, a thread each."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    others = [subprocess.Popen([sys.executable, "-c", _SPIN], env=environment) for _ in range(processes)]
    try:
        time.sleep(2)
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def compare(files: list[str], spec: str, out: Path) -> float:
    """Return the seconds of one comparison, from the start of the command to its page."""
    command = [sys.executable, "-m", "transferscope", "compare", *files, "--model", NETWORK, "--data", spec]
    begun = time.perf_counter()
    done = subprocess.run([*command, "--out", str(out)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return time.perf_counter() - begun


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=400, help="of each part")
    parser.add_argument("--load", type=int, default=6, help="other processes on the busy machine; 0 for quiet only")
    parser.add_argument("--rounds", type=int, default=1, help="turns of each; the median counts")
    settings = parser.parse_args(arguments)
    spec = f"synthetic:photo?train={settings.images}&test={settings.images}"
    taken: dict[int, list[float]] = {load: [] for load in dict.fromkeys((0, settings.load))}
    with tempfile.TemporaryDirectory() as place:
        files = checkpoints(Path(place), spec)
        for i in range(settings.rounds):
            for load, seconds in taken.items():
                with busy(load):
                    seconds.append(compare(files, spec, Path(place) / f"run {load} {i}"))
    print("| compare of two ResNet-20 with batch norm | seconds | to quiet |")
    print("|---|---|---|")
    quiet = statistics.median(taken[0])
    for load, seconds in taken.items():
        name = f"{load} other processes" if load else "quiet"
        print(f"| {name} | {statistics.median(seconds):.1f} | {statistics.median(seconds) / quiet:.2f}× |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
