"""``torchvision:CIFAR10?root=PATH``: any classification data set of torchvision, downloaded only when asked to.

Options that are not known here go to the data set's constructor (``torchvision:EMNIST?root=…&split=letters``). Parts
are used as the data set has them: with a validation but no test part, that one is the test part; a data set in one
part is split at random.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image

from ...errors import DataError, nearest
from ..arrays import as_classes, as_labels, as_pixels
from ..listing import Listing, Parts
from ..pixels import ArrayPixels, ItemPixels, Pixels, state_of
from .base import SplitSource

__all__ = ["Torchvision"]

_PART_NAMES = {"train": ("train", "trainval", "train-standard"), "val": ("val", "valid"), "test": ("test",)}
_LABEL_ATTRIBUTES = ("targets", "labels", "_labels", "attr")
_PAIR_ATTRIBUTES = ("samples", "_samples")
_FILE_ATTRIBUTES = (*_PAIR_ATTRIBUTES, "imgs", "_image_files", "_images", "data")
_CLASS_ATTRIBUTES = ("classes", "attr_names", "categories")


@dataclass(frozen=True)
class Torchvision(SplitSource):
    """``torchvision:NAME``.

    Attributes:
        root: torchvision's ``root``: the folder its data sets are in.
        download: let torchvision fetch what is missing.
        extra: further arguments of the data set.
    """

    scheme: ClassVar[str] = "torchvision"
    on_disk: ClassVar[bool] = False

    root: str = ""
    download: bool = False
    extra: tuple[tuple[str, str], ...] = ()

    def parts(self, seed: int) -> Parts:
        """Open the data set's parts.

        Raises:
            DataError: when torchvision has no such set, does not find its files, or it is not one of classification.
        """
        kind = _kind(self.place)
        opened = self._open(kind)
        notes: tuple[str, ...] = ()
        if "test" not in opened and "val" in opened:
            opened["test"] = opened.pop("val")
            notes = ("test: its validation part, as it has no other",)
        listings = {part: self._listing(part, data) for part, data in opened.items()}
        labels = [of.labels for of in listings.values()]
        if len({of.shape[1:] for of in labels}) > 1:
            raise DataError(f"{self.scheme}:{self.place}: its parts have labels of different kinds")
        names = next((n for a in _CLASS_ATTRIBUTES if (n := getattr(opened["train"], a, None))), None)
        every = np.concatenate(labels)
        return self.arranged(
            self.place,
            as_classes(self.place, None if names is None else _as_names(names, every), every),
            listings,
            seed,
            notes=notes,
        )

    def _open(self, kind: Any) -> dict[str, Any]:
        """The data set's parts by name; one called train when it has no parts."""
        known = _arguments(kind)
        given = {name: _literal(text) for name, text in self.extra}
        if unknown := [name for name in given if name not in known]:
            options = {*known, *(f.name for f in fields(self))} - {"place", "extra"}
            self._refuse(f"unknown option {unknown[0]!r}{nearest(unknown[0], options)}")
        if "root" in known:
            if not self.root:
                self._refuse("no root given; add ?root=FOLDER, the folder with torchvision's data sets")
            given["root"] = str(Path(self.root).expanduser())
        if "download" in known:
            given["download"] = self.download
        if "train" in known and "train" not in given:
            return {part: self._make(kind, **given, train=part == "train") for part in ("train", "test")}
        if "split" not in known or "split" in given:
            return {"train": self._make(kind, **given)}
        made = {part: self._first(kind, names, given) for part, names in _PART_NAMES.items()}
        if made["train"] is None:
            raise DataError(f"{self.scheme}:{self.place}: no train part; choose one with &split=NAME")
        return {part: data for part, data in made.items() if data is not None}

    def _first(self, kind: Any, names: tuple[str, ...], given: dict[str, Any]) -> Any:
        """The first part of these names that the data set knows."""
        for name in names:
            try:
                return self._make(kind, **given, split=name)
            except _UnknownPartError:
                continue
        return None

    def _make(self, kind: Any, **arguments: Any) -> Any:
        try:
            return kind(**arguments)
        except ValueError as e:
            if "split" in arguments and ("Unknown value" in str(e) or "split" in str(e)):
                raise _UnknownPartError from e
            raise DataError(f"{self.scheme}:{self.place}: {_line(e)}") from e
        except (RuntimeError, OSError, TypeError, ImportError) as e:
            asked = "" if self.download else "; put its files there or add &download=true"
            raise DataError(
                f"{self.scheme}:{self.place}: not to be had from root {self.root!r} ({_line(e)}){asked}"
            ) from e

    def _listing(self, part: str, data: Any) -> Listing:
        where = f"{self.scheme}:{self.place} {part}"
        labels = as_labels(where, _labels(where, data))
        name = f"{self.place} {part} {self.extra} {Path(self.root).expanduser().absolute()} {len(data)}"
        name += hashlib.blake2b(np.ascontiguousarray(labels).data, digest_size=16).hexdigest()
        return Listing(
            _pixels(data, name, self.root), labels, np.array([f"{part}/{i:07d}" for i in range(len(data))])
        )


class _UnknownPartError(Exception):
    """The data set has no part of this name."""


def _kind(name: str) -> Any:
    from torchvision import datasets

    known = [n for n in datasets.__all__ if isinstance(getattr(datasets, n), type)]
    if name not in known:
        raise DataError(f"torchvision:{name}: torchvision has no such data set{nearest(name, known)}")
    return getattr(datasets, name)


def _arguments(kind: Any) -> set[str]:
    """Names its constructor takes, through ``**kwargs`` those of the classes it is made of as well."""
    names: set[str] = set()
    for base in kind.__mro__:
        if "__init__" not in vars(base):
            continue
        parameters = inspect.signature(base.__init__).parameters.values()
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names - {"self", "transform", "target_transform", "transforms", "loader"}


def _labels(where: str, data: Any) -> np.ndarray:
    """Labels of all items, from the attribute that holds them, else from the items themselves."""
    candidates = [getattr(data, name, None) for name in _LABEL_ATTRIBUTES]
    for name in _PAIR_ATTRIBUTES:
        pairs = getattr(data, name, None)
        if isinstance(pairs, list) and pairs and isinstance(pairs[0], tuple) and len(pairs[0]) == 2:
            candidates.append([label for _, label in pairs])
    ends = (0, len(data) - 1)
    try:
        true = [np.asarray(data[i][1]) for i in ends]
        if any(of.dtype.kind not in "iub" or of.ndim > 1 for of in true):
            raise TypeError(f"labels like {data[0][1]!r:.60}")
        for candidate in candidates:
            if candidate is not None and len(candidate) == len(data):
                labels = np.asarray(candidate)
                if labels.dtype.kind in "iub" and all(
                    np.array_equal(labels[i], t) for i, t in zip(ends, true, strict=True)
                ):
                    return labels
        return np.array([np.asarray(data[i][1]) for i in range(len(data))])
    except (TypeError, ValueError, IndexError) as e:
        raise DataError(f"{where}: is no data set of classification ({_line(e)})") from e


def _pixels(data: Any, name: str, root: str) -> Pixels:
    """The array that holds all images, where there is one that its items come from; else the items.

    Items are known by the state of their files, or of all files of the data set's own folder; where neither is found
    nothing would say that images were changed, and they are not kept decoded.
    """
    array = getattr(data, "data", None)
    if array is not None and len(array) == len(data):
        array = np.asarray(array)
        if array.dtype == np.uint8 and array.ndim in (3, 4):
            pixels = as_pixels(name, array)
            first, last = (np.asarray(data[i][0]) for i in (0, len(data) - 1))
            if np.array_equal(np.squeeze(pixels[0]), first) and np.array_equal(np.squeeze(pixels[-1]), last):
                return ArrayPixels(pixels)

    def open_one(i: int) -> Image.Image:
        image = data[i][0]
        return image if isinstance(image, Image.Image) else Image.fromarray(np.asarray(image))

    if (files := _files(data)) is not None:
        return ItemPixels(open_one, np.arange(len(data)), name, files)
    state = _state_below(data, root)
    return ItemPixels(open_one, np.arange(len(data)), name + state, lasting=bool(state))


def _files(data: Any) -> list[str] | None:
    """The file of each item, where the data set has a list of them."""
    for attribute in _FILE_ATTRIBUTES:
        items = getattr(data, attribute, None)
        if isinstance(items, list) and len(items) == len(data):
            paths = [item[0] if isinstance(item, tuple) and item else item for item in items]
            if all(isinstance(path, (str, os.PathLike)) for path in paths):
                return [os.path.abspath(path) for path in paths]  # noqa: PTH100 - there may be a million
    return None


def _state_below(data: Any, root: str) -> str:
    """A digest of paths, sizes and times of the files in the data set's own folder; empty where it has none."""
    given, own = Path(root).expanduser(), getattr(data, "root", None)
    places = [getattr(data, "_base_folder", None), own]
    if own and isinstance(below := getattr(data, "base_folder", None), str):
        places.insert(0, Path(own) / below)
    for place in filter(None, places):
        if given.resolve() in Path(place).resolve().parents and Path(place).is_dir():
            found = sorted(f"{folder}/{name}" for folder, _, names in os.walk(place) for name in names)
            digest = hashlib.blake2b(digest_size=16)
            for path in found:
                digest.update(state_of(path) + b"\0")
            return digest.hexdigest()
    return ""


def _as_names(names: Any, labels: np.ndarray) -> np.ndarray:
    flat = [", ".join(n) if isinstance(n, (tuple, list)) else str(n) for n in names]
    return np.array(flat[: labels.shape[1]] if labels.ndim == 2 else flat)


def _literal(text: str) -> int | bool | str:
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    return int(text) if text.lstrip("-").isdecimal() else text


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
