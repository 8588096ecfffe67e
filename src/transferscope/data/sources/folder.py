"""``folder:PATH``: a folder of images for each class, as torchvision's ``ImageFolder`` has them.

``PATH/train/CLASS/…`` with ``PATH/test`` and, if there is one, ``PATH/val`` (or ``valid``, ``validation``). When only
one of the two is there it is the test part, whatever its name, and validation is taken from train. ``PATH/CLASS/…``
without these is split at random, class by class. Class names are the sorted folder names; images may lie deeper down.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError
from ..listing import Listing, Parts, arrange
from ..pixels import FilePixels
from .base import SplitSource, folder, several

__all__ = ["IMAGE_SUFFIXES", "Folder"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""torchvision's, and GIF (its first picture)."""

_VAL_NAMES = ("val", "valid", "validation")


@dataclass(frozen=True)
class Folder(SplitSource):
    """``folder:PATH``."""

    scheme: ClassVar[str] = "folder"

    def parts(self, seed: int) -> Parts:
        """Find the images of each part.

        Raises:
            DataError: missing or empty folders, classes that differ between parts.
        """
        root = folder(self.place)
        found, notes = _part_folders(root)
        if set(found) == {"train", "val"}:
            notes += (f"test: the folder {found['val'].name!r}, as no other is there for it",)
            found["test"] = found.pop("val")
        listed = {part: _list(root, where) for part, where in (found or {"train": root}).items()}
        classes = list(listed["train"])
        for part, by_class in listed.items():
            _same_classes(found.get("train", root), classes, found.get(part, root), list(by_class))
        others = sum(of.others for by_class in listed.values() for of in by_class.values())
        if others:
            notes += (f"{others} files that are not images by their name left out",)
        listings = {part: _listing(root, classes, by_class) for part, by_class in listed.items()}
        return arrange(
            root.resolve().name,
            classes,
            listings["train"],
            listings.get("val"),
            listings.get("test"),
            val_share=self.val,
            test_share=self.test,
            samples=self.samples,
            seed=seed,
            notes=notes,
        )


@dataclass(frozen=True)
class _Class:
    """Images of one class folder, as paths under the source's root, and how many other files there were."""

    paths: list[str]
    others: int


def _part_folders(root: Path) -> tuple[dict[str, Path], tuple[str, ...]]:
    """The folders of the parts, none when the class folders lie directly in ``root``; and what there is to note."""
    below = {p.name.lower(): p for p in _folders(root)}
    names: dict[str, tuple[str, ...]] = {"train": ("train",), "val": _VAL_NAMES, "test": ("test",)}
    found = {part: below[name] for part, known in names.items() for name in reversed(known) if name in below}
    if "train" in found and _folders(found["train"]):
        unlabelled = [part for part, path in found.items() if not _folders(path)]
        notes = tuple(f"the folder {found.pop(part).name!r} left out: it has no class folders" for part in unlabelled)
        return found, notes
    if found and len(found) == len(below):
        raise DataError(f"{root}: has {several(sorted(below))} and no 'train' with a folder for each class")
    return {}, ()  # a class may be called "train"


def _list(root: Path, where: Path) -> dict[str, _Class]:
    classes = {p.name: _images(root, p) for p in _folders(where)}
    if not classes:
        raise DataError(f"{where}: no folders in it; images are expected in one folder for each class")
    if empty := [name for name, of in classes.items() if not of.paths]:
        raise DataError(
            f"{where}: no images in the class folder {several(map(repr, empty))}; "
            f"fill it or remove it (images end in {', '.join(IMAGE_SUFFIXES)})"
        )
    if len(classes) < 2:
        raise DataError(f"{where}: only one class, {next(iter(classes))!r}; two or more are needed")
    return classes


def _folders(where: Path) -> list[Path]:
    return sorted((p for p in where.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.name)


def _images(root: Path, where: Path) -> _Class:
    paths, others = [], 0
    for at, below, names in os.walk(where, followlinks=True):
        below[:] = sorted(name for name in below if not name.startswith("."))
        prefix = os.path.relpath(at, root)
        for name in sorted(names):
            if name.startswith("."):
                continue
            if name.lower().endswith(IMAGE_SUFFIXES):
                paths.append(f"{prefix}/{name}")
            else:
                others += 1
    return _Class(paths, others)


def _same_classes(train: Path, expected: list[str], part: Path, found: list[str]) -> None:
    only_train, only_part = sorted(set(expected) - set(found)), sorted(set(found) - set(expected))
    if not only_train and not only_part:
        return
    said = []
    if only_train:
        said.append(f"{several(map(repr, only_train))} only in {train.name}")
    if only_part:
        said.append(f"{several(map(repr, only_part))} only in {part.name}")
    raise DataError(f"{part.parent}: {train.name} and {part.name} have different classes: {'; '.join(said)}")


def _listing(root: Path, classes: list[str], by_class: dict[str, _Class]) -> Listing:
    paths = [path for name in classes for path in by_class[name].paths]
    labels = np.repeat(np.arange(len(classes)), [len(by_class[name].paths) for name in classes])
    return Listing(FilePixels(root, paths), labels.astype(np.int64), np.array(paths))
