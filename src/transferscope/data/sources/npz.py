"""``npz:FILE``: arrays in one NumPy file.

Images are ``x`` or ``images``, labels ``y`` or ``labels``; either one array each, split by ``split`` (0 train, 1 val,
2 test, or these words) or at random, or one for each part: ``x_train``, ``y_train``, ``x_test``, … or, as MedMNIST
has them, ``train_images``, ``train_labels``, ``val_images``, … Pixels are uint8, or numbers whose scale is plain
(:func:`~transferscope.data.arrays.as_bytes`). Optional: ``classes`` (names in label order), ``ids``.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError
from ..arrays import as_bytes, as_classes, as_labels, as_pixels
from ..listing import Listing, Parts, arrange
from ..pixels import ArrayPixels
from .base import SplitSource, file

__all__ = ["Npz"]

_IMAGES, _LABELS = ("x", "images", "data"), ("y", "labels", "targets", "target")
_CLASSES = ("classes", "class_names", "labels")
_PARTS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def _of_part(names: tuple[str, ...], suffix: str) -> list[str]:
    return [*(f"{name}_{suffix}" for name in names), *(f"{suffix}_{name}" for name in names)]


_ALL_IMAGES = {
    *_IMAGES,
    *(name for part in _PARTS.values() for suffix in part for name in _of_part(_IMAGES, suffix)),
}


@dataclass(frozen=True)
class Npz(SplitSource):
    """``npz:FILE``."""

    scheme: ClassVar[str] = "npz"

    def parts(self, seed: int) -> Parts:
        """Read the arrays.

        Raises:
            DataError: not an npz file, missing arrays, or arrays that do not fit together.
        """
        path = file(self.place)
        arrays = _read(path)
        images = {name: of for name, of in arrays.items() if name in _ALL_IMAGES}
        changed, remarks = as_bytes(path.name, images)
        arrays |= changed
        found = {part: _part(path, arrays, part, suffixes) for part, suffixes in _PARTS.items()}
        if found["train"] is None and (found["val"] or found["test"]):
            raise DataError(f"{path}: has images for val or test and none for train (x_train, y_train)")
        if found["train"] is None:
            found |= _by_split(path, arrays)
        found, said = _one_class_each(found)
        train = found["train"]
        if train is None:
            raise DataError(f"{path}: no images in it (x or x_train, uint8); it has {_names(arrays)}")
        every = np.concatenate([of.labels for of in found.values() if of is not None])
        classes = as_classes(path.name, _named(arrays, _CLASSES, text=True), every)
        return arrange(
            path.stem,
            classes,
            train,
            found["val"],
            found["test"],
            val_share=self.val,
            test_share=self.test,
            samples=self.samples,
            seed=seed,
            remarks=(*remarks, *said),
        )


def _read(path: Path) -> dict[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise DataError(f"{path}: is a single array; an .npz file with images and labels is expected")
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
        lower = {name.lower(): array for name, array in arrays.items()}  # X_train is as usual as x_train
        return lower if len(lower) == len(arrays) else arrays
    except (OSError, ValueError, zipfile.BadZipFile) as e:
        raise DataError(f"{path}: cannot be read as an npz file without pickles ({e})") from e


def _part(path: Path, arrays: dict[str, np.ndarray], part: str, suffixes: tuple[str, ...]) -> Listing | None:
    for suffix in suffixes:
        images = _named(arrays, _of_part(_IMAGES, suffix))
        if images is None:
            continue
        labels = _named(arrays, _of_part(_LABELS, suffix), text=False)
        if labels is None:
            there = next(name for name in _of_part(_IMAGES, suffix) if name in arrays)
            wanted = f"{suffix}_labels" if there.startswith(suffix) else f"y_{suffix}"
            raise DataError(f"{path}: {there} is there and {wanted} is missing; it has {_names(arrays)}")
        return _listing(f"{path.name} {suffix}", images, labels, arrays.get(f"ids_{suffix}"), f"{part}/")
    return None


def _by_split(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, Listing | None]:
    images, labels = _named(arrays, _IMAGES), _named(arrays, _LABELS, text=False)
    if images is None or labels is None:
        missing = "images (x)" if images is None else "labels (y)"
        spelt = images is not None and any(name in arrays for name in _LABELS)
        hint = "; labels are numbers, and their names are called classes" if spelt else ""
        raise DataError(f"{path}: no {missing} in it; it has {_names(arrays)}{hint}")
    every = _listing(path.name, images, labels, arrays.get("ids"), "")
    split = arrays.get("split")
    if split is None:
        return {"train": every, "val": None, "test": None}
    if split.shape != (len(every),):
        raise DataError(
            f"{path}: split has shape {split.shape}, one entry for each of {len(every)} images is expected"
        )
    parts: dict[str, Listing | None] = {}
    known = np.zeros(len(every), bool)
    for number, (part, words) in enumerate(_PARTS.items()):
        here = np.isin(split, words) if split.dtype.kind == "U" else split == number
        known |= here
        parts[part] = every.take(np.flatnonzero(here)) if here.any() else None
    if not known.all():
        raise DataError(f"{path}: split holds {split[~known][0]}; 0 (train), 1 (val) and 2 (test) are known")
    return parts


def _one_class_each(found: dict[str, Listing | None]) -> tuple[dict[str, Listing | None], tuple[str, ...]]:
    """Read vectors that have exactly one 1 in every image as classes: so are labels kept for other losses."""
    there = [of.labels for of in found.values() if of is not None]
    if not there or any(of.ndim != 2 or not len(of) or (of < 0).any() or (of.sum(1) != 1).any() for of in there):
        return found, ()
    read = {
        part: None if of is None else Listing(of.pixels, of.labels.argmax(1).astype(np.int64), of.ids)
        for part, of in found.items()
    }
    return read, ("each image has exactly one of the labels and is read as of that class",)


def _listing(where: str, images: np.ndarray, labels: np.ndarray, ids: np.ndarray | None, prefix: str) -> Listing:
    pixels, target = as_pixels(where, images), as_labels(where, labels)
    names = np.array([f"{prefix}{i:07d}" for i in range(len(pixels))]) if ids is None else ids.astype(str)
    if not len(pixels) == len(target) == len(names):
        raise DataError(f"{where}: {len(pixels)} images, {len(target)} labels, {len(names)} ids; need one each")
    return Listing(ArrayPixels(pixels), target, names)


def _named(
    arrays: Mapping[str, np.ndarray], names: tuple[str, ...] | list[str], text: bool | None = None
) -> np.ndarray | None:
    """The first of these arrays that is there; ``text`` says whether it must or must not hold text."""
    for name in names:
        if name in arrays and text in (None, arrays[name].dtype.kind in "US"):
            return arrays[name]
    return None


def _names(arrays: Mapping[str, np.ndarray]) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
