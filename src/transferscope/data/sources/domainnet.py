"""``domainnet:ROOT?domain=clipart``: DomainNet's official lists, and anything laid out like it.

``ROOT/DOMAIN_train.txt`` and ``ROOT/DOMAIN_test.txt`` have a line ``DOMAIN/CLASS/FILE LABEL`` for each image. All
domains share their classes, so labels and class names are read from all lists there, whichever domain is asked for.
``domain=real+clipart`` is the union of both (000 §B.8).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError, nearest
from ..listing import Listing, Parts, arrange
from ..pixels import FilePixels
from .base import Source, folder, several, union

__all__ = ["DomainNet"]

_PARTS = ("train", "test")
_MOST_LABELS = 100_000


@dataclass(frozen=True)
class DomainNet(Source):
    """``domainnet:ROOT?domain=clipart``.

    Attributes:
        domain: the domain, or several joined by ``+``.
    """

    scheme: ClassVar[str] = "domainnet"

    domain: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not union(self.domain):
            self._refuse("no domain given; add ?domain=NAME, e.g. ?domain=clipart or ?domain=real+clipart")

    def parts(self, seed: int) -> Parts:
        """Read the lists.

        Raises:
            DataError: a missing list (the domains there are named), a line that is no path and label, labels that
                contradict each other.
        """
        root = folder(self.place)
        domains = union(self.domain)
        known = sorted({p.name.removesuffix("_train.txt") for p in root.glob("*_train.txt")})
        for domain in domains:
            _check_lists(root, domain, known)
        lists = {path: _read(path) for path in sorted(root.glob("*_t*.txt")) if _is_list(path)}
        names = _class_names(lists)
        every = range(max(names) + 1)
        absent = [str(label) for label in every if label not in names]
        train, test = (
            _listing(root, [line for d in domains for line in lists[root / f"{d}_{part}.txt"]]) for part in _PARTS
        )
        return arrange(
            "+".join(domains),
            # Labels keep their numbers, so that a head trained on all of them still fits.
            [names.get(label, f"label {label}") for label in every],
            train,
            None,
            test,
            val_share=self.val,
            samples=self.samples,
            seed=seed,
            notes=(f"no list has an image of label {several(absent)}",) if absent else (),
        )


@dataclass(frozen=True)
class _Line:
    path: str
    label: int
    at: int


def _check_lists(root: Path, domain: str, known: list[str]) -> None:
    if not known:
        raise DataError(f"{root}: no list named DOMAIN_train.txt is there; is it the folder of the DomainNet lists?")
    if domain not in known:
        raise DataError(f"{root}: no list {domain}_train.txt{nearest(domain, known)} (domains: {', '.join(known)})")
    if not (root / f"{domain}_test.txt").is_file():
        raise DataError(f"{root}: {domain}_train.txt is there and {domain}_test.txt is missing")


def _is_list(path: Path) -> bool:
    return path.name.endswith(tuple(f"_{part}.txt" for part in _PARTS))


def _read(path: Path) -> list[_Line]:
    lines = []
    with path.open(encoding="utf-8") as text:
        for at, line in enumerate(text, 1):
            if not line.strip():
                continue
            image, _, label = line.strip().rpartition(" ")
            if not image or not label.isdecimal() or int(label) >= _MOST_LABELS:
                raise DataError(
                    f"{path}:{at}: {line.strip()!r} is no 'PATH LABEL' with a label from 0 to {_MOST_LABELS - 1}"
                )
            lines.append(_Line(image.strip(), int(label), at))
    if not lines:
        raise DataError(f"{path}: the list is empty")
    return lines


def _class_names(lists: dict[Path, list[_Line]]) -> dict[int, str]:
    """Names by label, after the folder of each image, the same in all lists."""
    names: dict[int, str] = {}
    labels: dict[str, int] = {}
    for path, lines in lists.items():
        for line in lines:
            folders = line.path.split("/")
            if len(folders) < 2:
                raise DataError(f"{path}:{line.at}: {line.path!r} has no folder that names its class")
            name = folders[-2]
            if names.setdefault(line.label, name) != name:
                raise DataError(
                    f"{path}:{line.at}: label {line.label} is {name!r} here, {names[line.label]!r} elsewhere"
                )
            if labels.setdefault(name, line.label) != line.label:
                raise DataError(f"{path}:{line.at}: {name!r} has label {line.label} here, {labels[name]} elsewhere")
    return names


def _listing(root: Path, lines: list[_Line]) -> Listing:
    paths = [line.path for line in lines]
    return Listing(FilePixels(root, paths), np.array([line.label for line in lines], np.int64), np.array(paths))
