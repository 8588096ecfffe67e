"""Block shuffle against unfold and fold: the same permutation, one thread, float32 and uint8 images.

The usual code cuts a float32 batch ``(n, c, h, w)`` into columns (``unfold``), permutes them and puts them together
again (``fold``); neither takes uint8, so images that are kept as uint8 ``(n, h, w, c)`` become float32 and back. A
second peer for uint8 permutes axes and indexes blocks in NumPy. Ours writes into a buffer that is kept. Each side
runs in a process of its own, and all must give the same pixels.

    python bench/shuffle.py [--pixels 224] [--images 64] [--rounds 5] [--threads 1]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import statistics
import sys
from collections.abc import Callable
from typing import Any

from _sides import clock, measure

OURS, USUAL, BLOCKS = "ours", "unfold and fold", "NumPy blocks"
TYPES = ("float32", "uint8")


def sides(settings: argparse.Namespace, block: int) -> dict[str, Callable[[], Any]]:
    """What the chosen side does with each type of image."""
    import numpy as np
    import torch

    from transferscope.data.shuffle import shuffle_blocks

    side, across = settings.pixels, settings.pixels // block
    pixels = np.random.default_rng(0).integers(0, 256, (settings.images, side, side, 3), np.uint8)
    batch = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous()
    places = np.arange(across**2, dtype=np.float32).reshape(1, across, across, 1)
    whole = places.repeat(block, 1).repeat(block, 2)
    order = shuffle_blocks(whole, block)[0, ::block, ::block, 0].ravel().astype(np.int64)

    def folded(x: torch.Tensor) -> torch.Tensor:
        columns = torch.nn.functional.unfold(x, block, stride=block)
        return torch.nn.functional.fold(columns[:, :, torch.from_numpy(order)], (side, side), block, stride=block)

    def there_and_back() -> np.ndarray:
        x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
        return folded(x).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()

    def by_blocks() -> np.ndarray:
        cut = pixels.reshape(-1, across, block, across, block, 3).transpose(0, 1, 3, 2, 4, 5)
        moved = cut.reshape(-1, across**2, block, block, 3)[:, order].reshape(cut.shape)
        return np.ascontiguousarray(moved.transpose(0, 1, 3, 2, 4, 5)).reshape(pixels.shape)

    if settings.side == OURS:
        kept, kept_pixels = torch.empty_like(batch), np.empty_like(pixels)
        return {
            "float32": lambda: shuffle_blocks(batch, block, layout="nchw", out=kept),
            "uint8": lambda: shuffle_blocks(pixels, block, out=kept_pixels),
        }
    if settings.side == USUAL:
        return {"float32": lambda: folded(batch), "uint8": there_and_back}
    return {"uint8": by_blocks}


def run(settings: argparse.Namespace) -> dict[str, Any]:
    """Time one side: median milliseconds by type and block, and a digest of what came out."""
    import numpy as np
    import torch

    torch.set_num_threads(settings.threads)
    times: dict[str, list[float]] = {kind: [] for kind in TYPES}
    digests: dict[str, list[str]] = {kind: [] for kind in TYPES}
    for block in blocks(settings):
        for kind, once in sides(settings, block).items():
            found = np.asarray(once())
            digests[kind].append(hashlib.blake2b(np.ascontiguousarray(found).data, digest_size=8).hexdigest())
            seconds = []
            for _ in range(settings.rounds):
                with clock() as taken:
                    once()
                seconds.append(taken.seconds)
            times[kind].append(1000 * statistics.median(seconds))
    return {"times": times, "digests": digests}


def blocks(settings: argparse.Namespace) -> list[int]:
    """Sides of blocks that are powers of two and divide the images, but for the whole image."""
    powers = (2**k for k in range(settings.pixels.bit_length()))
    return [b for b in powers if settings.pixels % b == 0 and b < settings.pixels]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pixels", type=int, default=224, help="side of the images")
    parser.add_argument("--images", type=int, default=64, help="images of the batch")
    parser.add_argument("--rounds", type=int, default=5, help="the median of so many counts")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    settings = parser.parse_args(arguments)
    if settings.side:
        print(json.dumps(run(settings)))
        return 0
    found = {side: measure(__file__, side, settings) for side in (OURS, USUAL, BLOCKS)}
    print(f"| block shuffle, {settings.images} images of {settings.pixels} px, ms | ", end="")
    print(" | ".join([*(f"{b}×{b}" for b in blocks(settings)), "ratio, geometric mean |"]))
    print("|---" * (len(blocks(settings)) + 2) + "|")
    for kind in TYPES:
        mine = found[OURS]["times"][kind]
        print(f"| {kind}, ours | {' | '.join(f'{t:.1f}' for t in mine)} | |")
        for peer in (USUAL, BLOCKS):
            if not (theirs := found[peer]["times"][kind]):
                continue
            if found[peer]["digests"][kind] != found[OURS]["digests"][kind]:
                raise SystemExit(f"{peer} gives other {kind} pixels")
            ratios = [t / m for t, m in zip(theirs, mine, strict=True)]
            mean = math.exp(statistics.fmean(map(math.log, ratios)))
            shown = " | ".join(f"{t:.1f} ({r:.1f}×)" for t, r in zip(theirs, ratios, strict=True))
            print(f"| {kind}, {peer} | {shown} | {mean:.1f}× |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
