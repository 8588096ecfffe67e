"""``domainnet:ROOT?domain=clipart``: DomainNet's official lists, and anything laid out like it.

``ROOT/DOMAIN_train.txt`` and ``ROOT/DOMAIN_test.txt`` have a line ``DOMAIN/CLASS/FILE LABEL`` for each image. All
domains share their classes, so labels and class names are read from all lists there, whichever domain is asked for.
Labels that begin at 1 are read as if they began at 0, which is said. A tab or a comma may separate path and label.
``domain=real+clipart`` is the union of both (Neyshabur et al. 2020, §B.8).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...errors import DataError, nearest
from ..listing import Listing, Parts, arrange
from ..names import several
from ..pixels import FilePixels
from .base import Source, folder, union
from .text import lines, read_text

__all__ = ["DomainNet"]

_PARTS = ("train", "test")
_MOST_LABELS = 100_000
_LINE = re.compile(r"(.+?)[ \t,;]+(\d+)")


@dataclass(frozen=True)
class DomainNet(Source):
    """``domainnet:ROOT?domain=clipart``.

    Attributes:
        domain: the domain, or several joined by ``+``.
        encoding: of the lists, where they have no byte order mark.
    """

    scheme: ClassVar[str] = "domainnet"
    later: ClassVar[tuple[str, ...]] = (*Source.later, "encoding")

    domain: str = ""
    encoding: str = "utf-8"

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
        lists = {path: _read(path, self.encoding) for path in sorted(root.glob("*_t*.txt")) if _is_list(path)}
        names = _class_names(lists)
        remarks: tuple[str, ...] = ()
        if sorted(names) == list(range(1, len(names) + 1)):
            names = {label - 1: name for label, name in names.items()}
            lists = {path: [replace(of, label=of.label - 1) for of in lined] for path, lined in lists.items()}
            remarks = (f"labels begin at 1 in the lists: 1 to {len(names)} are read as 0 to {len(names) - 1}",)
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
            remarks=remarks,
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


def _read(path: Path, encoding: str) -> list[_Line]:
    listed = []
    for at, line in enumerate(lines(read_text(path, encoding)), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or int(found[2]) >= _MOST_LABELS:
            raise DataError(
                f"{path}:{at}: {line.strip()!r} is no 'PATH LABEL' with a label from 0 to {_MOST_LABELS - 1}"
            )
        image = found[1].strip()
        listed.append(_Line(image.replace("\\", "/") if "/" not in image else image, int(found[2]), at))
    if not listed:
        raise DataError(f"{path}: the list is empty")
    return listed


def _class_names(lists: dict[Path, list[_Line]]) -> dict[int, str]:
    """Names by label, after the folder of each image, the same in all lists."""
    names: dict[int, str] = {}
    labels: dict[str, int] = {}
    for path, lined in lists.items():
        for line in lined:
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


def _listing(root: Path, lined: list[_Line]) -> Listing:
    paths = [line.path for line in lined]
    return Listing(FilePixels(root, paths), np.array([line.label for line in lined], np.int64), np.array(paths))
