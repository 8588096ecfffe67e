"""Answers about what is reused: images as they are and shuffled, and earlier pre-trained weights."""

from __future__ import annotations

import numpy as np

from ....data.imageset import ImageSet
from ....data.shuffle import shuffle_blocks
from ....results import Result
from ....train.run import Run
from .asked import Asked

__all__ = ["block_shuffle", "checkpoints", "samples"]


def samples(asked: Asked) -> Result:
    """Show images of every target, and shuffled ones."""
    from ....analyses.samples import samples

    count, blocks = asked.settings["images"], asked.settings["blocks"]
    sets = {
        name.removeprefix("source "): asked.shown(name).test
        for name in asked.context.step.inputs
        if name.startswith("source ")
    }
    sets |= {target: splits.test for target, splits in asked.images.items()}
    pictures: dict[str, np.ndarray] = {}
    labels: dict[str, list[str]] = {}
    for name, images in sets.items():
        chosen = images.subset(_of_each_class(images, count))
        told = [_told(chosen, i) for i in range(len(chosen))]
        pictures[name], labels[name] = np.array(chosen.images), told
        for block in blocks:
            title = f"{name}, {_size(block)}"
            pictures[title], labels[title] = shuffle_blocks(np.array(chosen.images), block), told
    return samples(pictures, labels)


def block_shuffle(asked: Asked) -> Result:
    """Hold runs on images with shuffled blocks against each other."""
    from ....analyses._chance import chance_of
    from ....analyses.block_shuffle import block_shuffle

    runs: dict[str, list[Run]] = {block: [] for block in asked.settings["blocks"]}
    for run in asked.runs:
        runs[run.condition].append(run)
    pictures: dict[str, dict[str, np.ndarray]] = {}
    for target, splits in asked.images.items():
        index = _of_each_class(splits.test, asked.settings["pictures"])
        pictures[target] = {
            block: np.array(asked.shown(f"shown {target} {block}").test.subset(index).images) for block in runs
        }
    return block_shuffle(
        runs,
        side=asked.settings["side"],
        test_images=asked.counts("test"),
        chance={target: chance_of(splits.test) for target, splits in asked.images.items()},
        alike=asked.settings["alike"] or None,
        pictures=pictures if asked.settings["pictures"] else None,
    )


def checkpoints(asked: Asked) -> Result:
    """Lay what was fine-tuned from checkpoints of the pre-training beside the pre-training itself."""
    from ....analyses._chance import chance_of
    from ....analyses.checkpoints import checkpoints

    runs: dict[int, list[Run]] = {}
    for run in asked.runs:
        if run.condition:
            runs.setdefault(int(run.condition.removeprefix("epoch ")), []).append(run)
    return checkpoints(
        runs,
        asked.pretraining("pretraining"),
        test_images=asked.counts("test"),
        chance={target: chance_of(splits.test) for target, splits in asked.images.items()},
        scratch=[run for run in asked.runs if not run.condition],
    )


def _of_each_class(images: ImageSet, count: int) -> np.ndarray:
    """Choose images of as many classes as there are places, the first of each."""
    labels = images.labels
    first = [
        np.flatnonzero(labels[:, c] == 1 if images.multilabel else labels == c) for c in range(len(images.classes))
    ]
    ordered = [int(of[turn]) for turn in range(count) for of in first if len(of) > turn]
    return np.array(list(dict.fromkeys(ordered))[:count], dtype=np.int64)


def _told(images: ImageSet, i: int) -> str:
    label = images.labels[i]
    if not images.multilabel:
        return images.classes[int(label)]
    return ", ".join(images.classes[c] for c in np.flatnonzero(label == 1)) or "none"


def _size(block: int | str) -> str:
    return "all values shuffled" if block == "*" else f"blocks of {block}"
