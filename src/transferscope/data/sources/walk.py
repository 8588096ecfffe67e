"""Images in folders, each real file once: links are followed, but to nothing that is read already.

A link to a folder that it lies in would never end; one to another class or part would show an image under two labels,
or a test image in training. Where links alone lead to a file, the one in the test part counts, so that training sees
nothing that is tested.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from ...errors import DataError
from ..names import quoted, readable, several
from .layout import IMAGE_SUFFIXES

__all__ = ["Walked", "walk"]

K = TypeVar("K", bound=Hashable)


@dataclass
class Walked(Generic[K]):
    """Images by key.

    Attributes:
        paths: key → paths under the root, of each folder its files first and then its folders, by name.
        others: files that are no images by their names: ending → how many.
        followed: links that lead to images.
        remarks: links that were left out, in words.
    """

    paths: dict[K, list[str]]
    others: Counter[str] = field(default_factory=Counter)
    followed: int = 0
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Link(Generic[K]):
    key: K
    path: str
    """Under the root."""
    at: str
    """Full path, of real folders but for the link itself."""
    folder: bool


def walk(root: Path, folders: Mapping[K, Path], first: tuple[K, ...] = ()) -> Walked[K]:
    """Find the images in folders.

    Args:
        root: paths are given under it.
        folders: key → folder.
        first: keys that links are followed from before others.

    Raises:
        DataError: when a folder cannot be opened.
    """
    return _Walk(str(root), folders, first).run()


class _Walk(Generic[K]):
    def __init__(self, root: str, folders: Mapping[K, Path], first: tuple[K, ...]) -> None:
        self.root = root
        self.folders = folders
        self.rank = {key: i for i, key in enumerate(first)}
        self.found = Walked[K]({key: [] for key in folders})
        self.read: dict[str, str] = {}
        """Real folders that were read → what they are called under the root."""
        self.links: list[_Link[K]] = []
        self.left: list[tuple[_Link[K], str]] = []

    def run(self) -> Walked[K]:
        base = os.path.realpath(self.root)
        for key, folder in self.folders.items():
            name = os.path.relpath(folder, self.root)
            real = os.path.realpath(folder)
            if real == os.path.join(base, name):  # noqa: PTH118 - as strings, for a million of them
                self._folder(key, real, name)
            else:
                self.links.append(_Link(key, name, os.fspath(folder), folder=True))
        self._follow()
        self._say()
        return self.found

    def _folder(self, key: K, at: str, name: str) -> None:
        """Read a real folder and those in it."""
        self.read[at] = name
        below, files = [], []
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    if entry.is_symlink():
                        link = _Link(key, f"{name}/{entry.name}", f"{at}/{entry.name}", _leads_to_folder(entry))
                        if link.folder or entry.name.lower().endswith(IMAGE_SUFFIXES):
                            self.links.append(link)
                        else:
                            self.found.others[_ending(entry.name)] += 1
                    elif entry.is_dir():
                        below.append(entry.name)
                    else:
                        files.append(entry.name)
        except OSError as e:
            raise DataError(f"{readable(at)}: cannot be opened ({(e.strerror or str(e)).lower()})") from e
        images = sorted(f for f in files if f.lower().endswith(IMAGE_SUFFIXES))
        if len(images) < len(files):
            self.found.others.update(_ending(f) for f in files if not f.lower().endswith(IMAGE_SUFFIXES))
        self.found.paths[key] += [f"{name}/{image}" for image in images]
        for folder in sorted(below):
            if f"{at}/{folder}" not in self.read:
                self._folder(key, f"{at}/{folder}", f"{name}/{folder}")

    def _follow(self) -> None:
        """Follow the links to what was not read, those in ``first`` before others; folders before files."""
        taken: dict[str, str] = {}
        added = set()
        waiting: list[_Link[K]] = []
        while self.links:
            links, self.links = sorted(self.links, key=self._order), []
            waiting += [link for link in links if not link.folder]
            for link in (link for link in links if link.folder):
                real, before = os.path.realpath(link.at), len(self.found.paths[link.key])
                holds = os.path.realpath(os.path.dirname(link.at))  # noqa: PTH120
                if holds == real or holds.startswith(real.rstrip("/") + "/"):
                    self.left.append((link, "a folder that it lies in"))
                elif real in self.read:
                    self.left.append((link, self.read[real]))
                else:
                    self._folder(link.key, real, link.path)
                if len(self.found.paths[link.key]) > before:
                    self.found.followed += 1
                    added.add(link.key)
        for link in sorted(waiting, key=self._order):
            real = os.path.realpath(link.at)
            if (known := taken.get(real) or self._listed(real)) is not None:
                self.left.append((link, known))
                continue
            taken[real] = link.path
            self.found.paths[link.key].append(link.path)
            self.found.followed += 1
            added.add(link.key)
        for key in added:
            self.found.paths[key].sort(key=_place)

    def _order(self, link: _Link[K]) -> tuple[int, str]:
        return self.rank.get(link.key, len(self.rank)), link.path

    def _listed(self, real: str) -> str | None:
        """Return what a real file is called when it was read with its folder."""
        folder, _, name = real.rpartition("/")
        shown = not name.startswith(".") and name.lower().endswith(IMAGE_SUFFIXES)
        if folder in self.read and shown and os.path.exists(real):  # noqa: PTH110
            return f"{self.read[folder]}/{name}"
        return None

    def _say(self) -> None:
        if self.left:
            shown = several((f"{quoted(link.path)} → {readable(to)}" for link, to in self.left), 3)
            s = "s" * (len(self.left) != 1)
            self.found.remarks.append(f"{len(self.left)} link{s} left out, to what is read already: {shown}")


def _ending(name: str) -> str:
    return os.path.splitext(name)[1].lower() or "without an ending"  # noqa: PTH122 - as strings, for a million of them


def _place(path: str) -> tuple[tuple[bool, str], ...]:
    """Where a path comes in the order of reading: of each folder the files first."""
    *folders, name = path.split("/")
    return (*((True, folder) for folder in folders), (False, name))


def _leads_to_folder(link: os.DirEntry[str]) -> bool:
    """Whether a link leads to a folder; one that leads round to itself leads nowhere, as a broken one does."""
    try:
        return link.is_dir()
    except OSError:
        return False
