"""Which folder is what: parts (train, val, test), domains or classes.

Folders are taken for parts by their names (``train``, ``training``, ``train_set``, ``TestData``, ``dev``,
``val2017``, …). Where all folders hold the same folders, they are parts or domains whatever their names are, and
never classes: then ``?split=`` has to say which.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ...errors import DataError, nearest
from ..names import quoted, several

__all__ = ["IMAGE_SUFFIXES", "PARTS", "Layout", "find_layout", "folders_in", "part_called"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""torchvision's, and GIF (its first picture)."""

PARTS = ("train", "val", "test")

_WORDS = {
    "train": ("train", "training", "trn", "tr"),
    "val": ("val", "valid", "validation", "dev", "development", "validate"),
    "test": ("test", "testing", "tst", "te", "eval", "evaluation", "evaluate", "holdout", "heldout"),
}
_USUAL = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
"""Names that mean a part by themselves, best first; others only in company."""

_FILLERS = (
    "set|sets|data|dataset|images|image|imgs|img|pictures|photos|samples|split|part|folder|dir|seg|the|my|final"
)
_JOINED = re.compile(r"((?i:training|train|validation|valid|val|dev|testing|test))[-_ ]?([^\W\d].*)")
_ENDING = re.compile(rf"({_FILLERS})$")
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}


def part_called(name: str) -> str | None:
    """Return the part that a folder or file is by its name, ``None`` where the name says none.

    >>> [part_called(n) for n in ("Training", "test_set", "TestData", "val2017", "seg_train", "dev", "trains", "cat")]
    ['train', 'test', 'test', 'val', 'train', 'val', None, None]
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    words = [w for w in re.split(r"[^a-z]+", spaced.lower()) if w and not re.fullmatch(_FILLERS, w)]
    if len(words) != 1:
        return None
    word = words[0]
    return _PART_OF.get(word) or _PART_OF.get(_ENDING.sub("", word))


@dataclass(frozen=True)
class Layout:
    """Where the classes of each part are.

    Attributes:
        parts: part → class → its folder; one part, ``train``, where none are told apart.
        places: part → what to call its folder in messages.
        notes: how this was found, for the record.
        remarks: what was left out or is not as it seems.
    """

    parts: dict[str, dict[str, Path]]
    places: dict[str, Path]
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def folders_in(where: Path) -> list[Path]:
    """Return the folders in a folder, sorted, hidden ones left out.

    Raises:
        DataError: when it cannot be opened.
    """
    try:
        return sorted((p for p in where.iterdir() if p.is_dir() and not p.name.startswith(".")), key=lambda p: p.name)
    except OSError as e:
        raise DataError(f"{where}: cannot be opened ({(e.strerror or str(e)).lower()})") from e


def find_layout(root: Path, given: Sequence[str] = ()) -> Layout:
    """Tell parts, domains and classes apart.

    Args:
        root: the folder.
        given: names of the folders for train and test, or for train, val and test; or ``none``, when all are classes.

    Raises:
        DataError: when they cannot be told apart, or parts that were named are not there.
    """
    below = folders_in(root)
    if list(given) == ["none"]:
        return _of_classes(root, below)
    if given:
        return _of_parts(root, _named(root, below, given), below)
    chosen = _by_words(root, below)
    if "train" in chosen and folders_in(chosen["train"]):
        usual = chosen["train"].name.lower() in _USUAL["train"]
        if usual or len(chosen) > 1:
            return _of_parts(root, chosen, below)
    if chosen and len(chosen) == len(below):
        raise DataError(
            f"{root}: has {several(sorted(p.name.lower() for p in below))} and no 'train' with a folder for each "
            "class (if these are classes, add ?split=none)"
        )
    if (joined := _of_joined_names(below)) is not None:
        return joined
    if same := _same_inside(below):
        if (inverted := _by_words(root, [below[0] / name for name in same], strict=False)) and "train" in inverted:
            return _of_classes_with_parts(root, below, {part: path.name for part, path in inverted.items()}, same)
        first = below[0].name
        raise DataError(
            f"{root}: its folders {several(quoted(p.name) for p in below)} hold the same folders "
            f"({several(map(quoted, same))}), so they are parts or domains and not classes: for parts add "
            f"?split=TRAIN,TEST (or TRAIN,VAL,TEST) with their names, for domains give "
            f"domains:{root}?domain={first}; should they be classes, add ?split=none"
        )
    return _of_classes(root, below)


def _of_classes(root: Path, below: Iterable[Path]) -> Layout:
    return Layout({"train": {p.name: p for p in below}}, {"train": root})


def _of_parts(root: Path, chosen: dict[str, Path], below: Sequence[Path]) -> Layout:
    layout = Layout({}, {})
    for part in PARTS:
        if part not in chosen:
            continue
        path = chosen[part]
        classes = folders_in(path)
        if len(classes) == 1 and len(inner := folders_in(classes[0])) > 1 and not _has_image(classes[0]):
            layout.notes.append(f"{part}: the folder '{path.name}/{classes[0].name}', the only one in it")
            path, classes = classes[0], inner
        if part != "train" and (not classes or _holds_all(classes, layout.parts.get("train", {}))):
            said = f"the folder {quoted(path.name)} left out: it has no class folders{_counted(path)}"
            layout.remarks.append(said)
            continue
        layout.parts[part] = {p.name: p for p in classes}
        layout.places[part] = path
        if part == "train" and path.name.lower() not in _USUAL[part] and path == chosen[part]:
            layout.notes.append(f"train: the folder {quoted(path.name)}")
    for path in below:
        if path not in chosen.values():
            layout.remarks.append(f"the folder {quoted(path.name)} left out: it is none of the parts{_counted(path)}")
    return layout


def _of_joined_names(below: Sequence[Path]) -> Layout | None:
    """Read ``trainA``, ``trainB``, ``testA``, ``testB`` as parts and classes, the same in every part."""
    parts: dict[str, dict[str, Path]] = {}
    for path in below:
        found = _JOINED.fullmatch(path.name)
        part = part_called(found[1]) if found else None
        if found is None or part is None or found[2] in parts.setdefault(part, {}):
            return None
        parts[part][found[2]] = path
    names = {frozenset(of) for of in parts.values()}
    if "train" not in parts or len(parts) < 2 or len(names) != 1 or len(parts["train"]) < 2:
        return None
    layout = Layout({part: parts[part] for part in PARTS if part in parts}, dict.fromkeys(parts, below[0].parent))
    classes = several(map(quoted, parts["train"]))
    layout.remarks.append(
        f"the names of the folders are read as part and class: {classes} in {several(layout.parts)}"
    )
    return layout


def _holds_all(classes: Sequence[Path], of_train: Mapping[str, Path]) -> bool:
    """Whether the one folder of a part is no class but holds its images, all classes together."""
    name = classes[0].name
    return len(classes) == 1 and name not in of_train and re.fullmatch(_FILLERS, name.lower()) is not None


def _of_classes_with_parts(root: Path, below: Sequence[Path], names: dict[str, str], same: Sequence[str]) -> Layout:
    parts = {part: {p.name: p / names[part] for p in below} for part in PARTS if part in names}
    layout = Layout(parts, {part: Path(root / "CLASS" / names[part]) for part in parts})
    layout.notes.append(f"parts: the folders {several(quoted(n) for n in names.values())} in each class")
    if others := [name for name in same if name not in names.values()]:
        layout.remarks.append(f"the folders {several(map(quoted, others))} in each class left out: they are no parts")
    return layout


def _by_words(root: Path, below: Sequence[Path], strict: bool = True) -> dict[str, Path]:
    """Return the folder of each part by the names; the usual names before others."""
    ranked: dict[str, list[tuple[int, Path]]] = {}
    for path in below:
        if (part := part_called(path.name)) is not None:
            usual = _USUAL[part]
            rank = usual.index(path.name.lower()) if path.name.lower() in usual else len(usual)
            ranked.setdefault(part, []).append((rank, path))
    chosen = {}
    for part in PARTS:
        if not (of := sorted(ranked.get(part, []), key=lambda r: r[0])):
            continue
        if len(of) > 1 and of[0][0] == of[1][0] and strict and any(folders_in(path) for _, path in of):
            both = [path.name for rank, path in of if rank == of[0][0]]
            raise DataError(
                f"{root}: {several(map(quoted, both))} may each be the {part} part; say which are the parts with "
                "?split=TRAIN,TEST (or TRAIN,VAL,TEST), or ?split=none if they are classes"
            )
        chosen[part] = of[0][1]
    return chosen


def _named(root: Path, below: Sequence[Path], given: Sequence[str]) -> dict[str, Path]:
    there = {p.name: p for p in below}
    for name in given:
        if name not in there:
            raise DataError(f"{root}: no folder {quoted(name)} for split={','.join(given)}{nearest(name, there)}")
    if len(given) not in (2, 3) or len(set(given)) < len(given):
        raise DataError(f"{root}: split={','.join(given)}; give TRAIN,TEST or TRAIN,VAL,TEST, or none")
    parts = PARTS if len(given) == 3 else ("train", "test")
    return {part: there[name] for part, name in zip(parts, given, strict=True)}


def _same_inside(below: Sequence[Path]) -> list[str]:
    """Return the folders that all of these folders hold; none where one holds images, or half are not shared.

    A folder with one image right in it is a class; it is looked at no further, so that large sets cost nothing.
    """
    held: list[set[str]] = []
    for path in below:
        names = _only_folders(path)
        if names is None:
            return []
        if names:
            held.append(names)
    if len(held) < 2:
        return []
    shared = set.intersection(*held)
    every = set.union(*held)
    return sorted(shared) if len(shared) >= max(2, len(every) / 2) else []


def _only_folders(where: Path) -> set[str] | None:
    """Return the names of the folders in a folder, or ``None`` as soon as an image is met."""
    names = set()
    try:
        with os.scandir(where) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.name.lower().endswith(IMAGE_SUFFIXES):
                    return None
                if entry.is_dir():
                    names.add(entry.name)
    except OSError:
        return None  # said where it is read
    return names


def _has_image(where: Path) -> bool:
    return _only_folders(where) is None


def _counted(where: Path, most: int = 100_000) -> str:
    """Say how many images lie in a folder that is left out."""
    images = (n for _, _, names in os.walk(where) for n in names if n.lower().endswith(IMAGE_SUFFIXES))
    count = sum(1 for _ in islice(images, most))
    return f" ({'more than ' * (count == most)}{count} image{'s' * (count != 1)})" if count else ""
