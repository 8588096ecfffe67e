"""``chexpert:ROOT``: CheXpert's ``train.csv`` and ``valid.csv`` (and ``test.csv``), several findings an image.

As in Neyshabur et al. 2020, Appendix A the task is five findings, and train and test are two disjoint samples of up
to 50,000 images of ``train.csv``: the official ``valid.csv`` has 200 studies and other labels. Validation comes from
the rest of ``train.csv``. The official parts are had with ``split=official``. The samples are of images, as in the
paper, so that a patient may be in both.

Paths may begin with folders of another machine and have backslashes; the separator may be a comma, a semicolon or a
tab. A finding is 1 (there), 0 (not there, or not mentioned: an empty field) or −1 (uncertain). What −1 becomes is the
``uncertain`` option; the paper does not say, and the default claims nothing: it counts in no loss and no metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ...errors import DataError, nearest
from ...rng import numpy_generator
from ..imageset import IGNORED
from ..listing import Listing, Parts, arrange
from ..names import several
from ..pixels import FilePixels
from .base import Source, file, folder
from .text import csv_rows, paths_under, read_text

__all__ = ["PAPER_FINDINGS", "CheXpert"]

PAPER_FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
"""Neyshabur et al. 2020, Appendix A."""

_PAPER_SAMPLES = 50_000
_UNCERTAIN = {"ones": 1, "zeros": 0, "ignore": IGNORED}
_VIEW = "Frontal/Lateral"


@dataclass(frozen=True)
class CheXpert(Source):
    """``chexpert:ROOT``.

    Attributes:
        labels: the findings, columns of the CSV files.
        uncertain: what −1 becomes: ``ones``, ``zeros`` or ``ignore``.
        split: ``paper`` (two samples of train.csv) or ``official``.
        view: ``all`` images, or only ``frontal`` or ``lateral`` ones.
        encoding: of the CSV files, where they have no byte order mark.
    """

    scheme: ClassVar[str] = "chexpert"
    later: ClassVar[tuple[str, ...]] = (*Source.later, "encoding")

    labels: tuple[str, ...] = PAPER_FINDINGS
    uncertain: Literal["ones", "zeros", "ignore"] = "ignore"
    split: Literal["paper", "official"] = "paper"
    view: Literal["all", "frontal", "lateral"] = "all"
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.uncertain not in _UNCERTAIN:
            self._refuse(f"uncertain={self.uncertain!r}{nearest(self.uncertain, _UNCERTAIN)}")
        if self.split not in ("paper", "official"):
            self._refuse(f"split={self.split!r}{nearest(self.split, ('paper', 'official'))}")
        if self.view not in ("all", "frontal", "lateral"):
            self._refuse(f"view={self.view!r}{nearest(self.view, ('all', 'frontal', 'lateral'))}")
        if not self.labels:
            self._refuse("labels= is empty; name at least one column")

    def parts(self, seed: int) -> Parts:
        """Read the CSV files.

        Raises:
            DataError: a missing file or column, or a field that is none of 1, 0, −1 and empty.
        """
        root = folder(self.place)
        train = self._read(root, "train.csv")
        notes: tuple[str, ...] = (f"uncertain findings: {self.uncertain}",)
        if self.view != "all":
            notes += (f"{self.view} images only",)
        val: Listing | None
        samples = self.samples
        if self.split == "paper":
            samples = min(samples or _PAPER_SAMPLES, _PAPER_SAMPLES)
            train, val, test = _two_samples(train, samples, self.val, seed)
            notes += (
                f"train and test: two disjoint samples of train.csv, {len(train)} and {len(test)}, seed {seed}",
            )
        elif (root / "test.csv").is_file():
            val, test = self._read(root, "valid.csv"), self._read(root, "test.csv")
        else:
            val, test = None, self._read(root, "valid.csv")
            notes += ("test: valid.csv, as there is no test.csv",)
        return arrange(
            "chexpert",
            self.labels,
            train,
            val,
            test,
            val_share=self.val,
            samples=samples,
            seed=seed,
            notes=notes,
        )

    def _read(self, root: Path, name: str) -> Listing:
        path = file(root / name)
        paths: list[str] = []
        values: list[list[int]] = []
        rows = csv_rows(read_text(path, self.encoding), ["Path"], str(path))
        header = next(rows, [])
        image, view, findings = self._columns(path, header)
        for at, row in enumerate(rows, 2):
            if not row:
                continue
            if len(row) != len(header):
                raise DataError(f"{path}:{at}: {len(row)} fields, {len(header)} expected")
            if view is not None and row[view].strip().lower() != self.view:
                continue
            paths.append(row[image])
            values.append([self._value(path, at, header[column], row[column]) for column in findings])
        if not paths:
            raise DataError(f"{path}: no images listed" + ("" if self.view == "all" else f" of view {self.view!r}"))
        return Listing(FilePixels(root, paths_under(root, paths)), np.array(values, np.int8), np.array(paths))

    def _columns(self, path: Path, header: list[str]) -> tuple[int, int | None, list[int]]:
        """Where path, view (when it matters) and findings stand."""
        wanted = ["Path", *([] if self.view == "all" else [_VIEW]), *self.labels]
        if missing := [name for name in wanted if name not in header]:
            known = nearest(missing[0], header)
            raise DataError(f"{path}: no column {several(map(repr, missing))}{known}")
        view = None if self.view == "all" else header.index(_VIEW)
        return header.index("Path"), view, [header.index(name) for name in self.labels]

    def _value(self, path: Path, at: int, column: str, text: str) -> int:
        try:
            value = float(text.replace(",", ".")) if text.strip() else 0.0
        except ValueError:
            value = float("nan")
        if value not in (0.0, 1.0, -1.0):
            raise DataError(f"{path}:{at}: {column} is {text!r}, must be 1, 0, -1 (uncertain) or empty")
        return int(value) if value >= 0 else _UNCERTAIN[self.uncertain]


def _two_samples(all_images: Listing, samples: int, val: float, seed: int) -> tuple[Listing, Listing | None, Listing]:
    """Two disjoint samples, and a validation part from the rest; ``None`` when the rest is too small for it."""
    order = numpy_generator("chexpert", seed, len(all_images)).permutation(len(all_images))
    half = min(samples, len(all_images) // 2)
    wanted = round(val * half) if val < 1 else int(val)
    train, test, rest = order[:half], order[half : 2 * half], order[2 * half :][:wanted]
    chosen = all_images.take(np.sort(rest)) if len(rest) == wanted else None
    return all_images.take(np.sort(train)), chosen, all_images.take(np.sort(test))
