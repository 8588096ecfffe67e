"""``folder:PATH``: a folder of images for each class, as torchvision's ``ImageFolder`` has them.

``PATH/train/CLASS/…`` with ``PATH/test`` and, if there is one, ``PATH/val``; :mod:`.layout` knows what else such
folders are called. When only one of the two is there it is the test part, whatever its name, and validation is taken
from train. ``PATH/CLASS/…`` without these is split at random, class by class. Class names are the sorted folder
names; images may lie deeper down. ``?split=TRAIN,TEST`` (or ``TRAIN,VAL,TEST``) names the folders of the parts,
``?split=none`` says that all folders are classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError
from ..listing import Listing, Parts
from ..names import is_readable, quoted, readable, several
from ..pixels import FilePixels
from .base import SplitSource, folder
from .layout import IMAGE_SUFFIXES, Layout, find_layout, folders_in
from .walk import walk

__all__ = ["IMAGE_SUFFIXES", "Folder", "listed_by_class", "same_classes", "shown_names"]


@dataclass(frozen=True)
class Folder(SplitSource):
    """``folder:PATH``.

    Attributes:
        split: names of the folders for train and test, or for train, val and test; ``none`` when all are classes.
    """

    scheme: ClassVar[str] = "folder"
    later: ClassVar[tuple[str, ...]] = (*SplitSource.later, "split")

    split: tuple[str, ...] = ()

    def parts(self, seed: int) -> Parts:
        """Find the images of each part.

        Raises:
            DataError: missing or empty folders, classes that differ between parts, folders that may be parts or
                domains or classes.
        """
        root = folder(self.place)
        layout = find_layout(root, self.split)
        _refuse_too_few(root, layout)
        if set(layout.parts) == {"train", "val"}:
            layout.notes.append(f"test: the folder {layout.places['val'].name!r}, as no other is there for it")
            layout.parts["test"], layout.places["test"] = layout.parts.pop("val"), layout.places.pop("val")
        same_classes(layout)
        classes = list(layout.parts["train"])
        listings, remarks, notes = listed_by_class(root, layout, classes)
        names, renamed = shown_names(root, classes)
        return self.arranged(
            readable(root.resolve().name),
            names,
            listings,
            seed,
            notes=(*layout.notes, *notes),
            remarks=(*layout.remarks, *renamed, *remarks),
        )


def listed_by_class(
    root: Path, layout: Layout, classes: Sequence[str]
) -> tuple[dict[str, Listing], tuple[str, ...], tuple[str, ...]]:
    """List the images of all parts, each real file once.

    Args:
        root: paths and ids are given under it.
        layout: where the classes of each part are; a part may have fewer classes than all.
        classes: in label order.

    Returns:
        Part → listing; what was left out; what there is to note.

    Raises:
        DataError: for a class folder without images.
    """
    folders = {(part, name): path for part, of in layout.parts.items() for name, path in of.items()}
    # What is tested must not be trained on: links out of the test part win.
    first = tuple(sorted(folders, key=lambda key: ("test", "val", "train").index(key[0])))
    found = walk(root, folders, first)
    for part, by_class in layout.parts.items():
        if empty := [name for name in by_class if not found.paths[part, name]]:
            linked = f"; {found.remarks[0]}" if found.remarks else ""
            raise DataError(
                f"{layout.places[part]}: no images in the class folder {several(map(quoted, empty))}; "
                f"fill it or remove it (images end in {', '.join(IMAGE_SUFFIXES)}){linked}"
            )
    listings = {}
    for part, by_class in layout.parts.items():
        counts = [len(found.paths[part, name]) if name in by_class else 0 for name in classes]
        paths = [path for name in classes if name in by_class for path in found.paths[part, name]]
        labels = np.repeat(np.arange(len(classes)), counts).astype(np.int64)
        listings[part] = Listing(FilePixels(root, paths), labels, np.array([_id(path) for path in paths]))
    remarks = list(found.remarks)
    if found.others:
        kinds = several((f"{n} {readable(ending)}" for ending, n in found.others.most_common()), 4)
        remarks.append(f"{found.others.total()} files that are not images by their name left out: {kinds}")
    if odd := sum(not is_readable(path.rpartition("/")[2]) for of in found.paths.values() for path in of):
        remarks.append(f"{odd} image files whose names are no UTF-8 are called by them with escapes")
    notes = (f"{found.followed} links followed",) if found.followed else ()
    return listings, tuple(remarks), notes


def shown_names(root: Path, classes: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Return what classes are called, and a remark where that is not the name of their folder.

    Raises:
        DataError: when two classes would have one name.
    """
    names = [readable(name) for name in classes]
    odd = [name for name in classes if not is_readable(name)]
    if len(set(names)) < len(names):
        raise DataError(f"{root}: two class folders would both be called {several(map(quoted, odd))}; rename one")
    if not odd:
        return names, ()
    one = "a class folder has a name that is" if len(odd) == 1 else f"{len(odd)} class folders have names that are"
    return names, (f"{one} no UTF-8, shown with escapes: {several(map(quoted, odd))}",)


def same_classes(layout: Layout) -> None:
    """See that all parts have the classes of train.

    Raises:
        DataError: where they differ.
    """
    train = layout.parts["train"]
    for part, by_class in layout.parts.items():
        here, there = layout.places["train"], layout.places[part]
        only_train, only_part = sorted(train.keys() - by_class.keys()), sorted(by_class.keys() - train.keys())
        said = [f"{several(map(quoted, only_train))} only in {here.name}"] if only_train else []
        said += [f"{several(map(quoted, only_part))} only in {there.name}"] if only_part else []
        if said:
            raise DataError(
                f"{there.parent}: {here.name} and {there.name} have different classes: {'; '.join(said)}"
                " (if these folders are classes themselves, add ?split=none)"
            )


def _refuse_too_few(root: Path, layout: Layout) -> None:
    for part, by_class in layout.parts.items():
        where = layout.places[part]
        if not by_class:
            listed = [p.name for p in root.glob("metadata.*")]
            hint = f" (there is {listed[0]}: imagefolder:{root} reads it)" if listed else ""
            raise DataError(f"{where}: no folders in it; images are expected in one folder for each class{hint}")
        if len(by_class) < 2:
            name, path = next(iter(by_class.items()))
            inner = len(folders_in(path)) > 1
            hint = f"; did you mean folder:{path}?" if inner else ""
            raise DataError(f"{where}: only one class, {quoted(name)}; two or more are needed{hint}")


def _id(path: str) -> str:
    return path if path.isascii() else readable(path)
