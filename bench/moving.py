"""Images moved and mirrored by copying, against the matrix products that also scale: the same bits, one thread.

python bench/moving.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

WORK = ((32, 24, 2), (64, 32, 4), (128, 224, 8))
"""Images of a batch, their side and the padding."""


def fastest(do: Callable[[], object], rounds: int) -> float:
    """Return the least processor time of some calls, in ms."""
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        do()
        taken.append(1000 * (time.process_time() - began))
    return min(taken)


def main() -> None:
    """Print a line for each size."""
    import numpy as np
    import torch

    from transferscope.data.augment import Augmentation, augment, draw_boxes, resample

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    for count, side, padding in WORK:
        pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), np.uint8)
        images, how = torch.from_numpy(pixels), Augmentation(crop="pad", padding=padding)

        def copied() -> torch.Tensor:
            return augment(images, how, np.random.default_rng(1))  # noqa: B023

        def multiplied() -> torch.Tensor:
            boxes = draw_boxes(how, count, (side, side), np.random.default_rng(1))  # noqa: B023
            return resample(images, boxes, (side, side))  # noqa: B023

        if not torch.equal(copied(), multiplied()):
            raise SystemExit(f"{count} images of {side} px: not the same bits")
        ours, products = fastest(copied, rounds), fastest(multiplied, rounds)
        print(f"{count} images of {side} px: {products / ours:.1f}× ({ours:.2f} ms against {products:.2f} ms)")


if __name__ == "__main__":
    main()
