"""``synthetic:DOMAIN``: pictures drawn on the spot by :mod:`transferscope.data.synthetic`.

Train, validation and test come from streams of their own. Image i of a stream is the same however many are asked for.
``synthetic:photo+clipart`` is the union, each domain with the full counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from ... import errors
from ...rng import seed_of
from .. import synthetic
from ..decode import Block, Form
from ..drawn import attributes, captions
from ..listing import Listing, Parts, arrange
from ..pixels import ArrayPixels, Pixels
from .base import Source, union

__all__ = ["Synthetic"]

_GRAIN = 128
"""Images drawn from one seed; changing it changes the pictures."""


@dataclass(frozen=True)
class Synthetic(Source):
    """``synthetic:DOMAIN``, or several domains joined by ``+``.

    Attributes:
        train: images a domain for training.
        test: images a domain for the test part.
        val: images a domain for validation; below 1 a share of train, drawn in addition to it.
        seed: of the pictures.
        imbalance: 0 for classes of one size, 0.9 for a first class ten times the last.
        labels: ``object`` or ``colour``.
    """

    scheme: ClassVar[str] = "synthetic"
    on_disk: ClassVar[bool] = False
    drawn: ClassVar[bool] = True

    train: int = 2000
    test: int = 1000
    seed: int = 0
    imbalance: float = 0.0
    labels: Literal["object", "colour"] = "object"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train < 2 or self.test < 1:
            self._refuse(f"train={self.train} and test={self.test} are too few")
        for domain in self.domains:
            try:
                synthetic.render(domain, 0, 8, 0, labels=self.labels, imbalance=self.imbalance)
            except errors.DataError as e:
                self._refuse(str(e))
        if len({synthetic.classes(domain, labels=self.labels) for domain in self.domains}) > 1:
            self._refuse(f"{' and '.join(self.domains)} have different classes and cannot be joined")

    @property
    def domains(self) -> tuple[str, ...]:
        """The domains, one or more."""
        return union(self.place)

    @property
    def default_size(self) -> int:
        """32, as small sets have it."""
        return 32

    def parts(self, seed: int) -> Parts:
        """List the pictures; their labels are drawn, their pixels not yet."""
        val = round(self.val * self.train) if self.val < 1 else int(self.val)
        return arrange(
            "+".join(self.domains),
            synthetic.classes(self.domains[0], labels=self.labels),
            self._listing("train", self.train),
            self._listing("val", val),
            self._listing("test", self.test),
            val_share=0,
            samples=self.samples,
            seed=seed,
            notes=(f"drawn with seed {self.seed}" + (f", imbalance {self.imbalance:g}" if self.imbalance else ""),),
        )

    def _listing(self, part: str, count: int) -> Listing:
        pixels = _Drawn(
            self, part, np.repeat(np.arange(len(self.domains)), count), np.tile(np.arange(count), len(self.domains))
        )
        labels, said = [], []
        for domain, number, some in [(d, *of) for d in self.domains for of in _chunks(count) or [(0, 0)]]:
            objects, colours = attributes(domain, some, self._seed(part, number), self.imbalance)
            labels.append(objects if self.labels == "object" or colours is None else colours)
            said += captions(domain, objects, colours)
        ids = np.array([f"{d}/{part}/{i:06d}" for d in self.domains for i in range(count)], dtype=str)
        kind = np.int8 if labels[0].ndim == 2 else np.int64
        return Listing(pixels, np.concatenate(labels).astype(kind), ids, np.array(said, dtype=str))

    def _seed(self, part: str, number: int) -> int:
        return seed_of("synthetic source", self.seed, part, number)

    def _draw(self, domain: str, part: str, number: int, count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The first ``count`` pictures of a chunk, and their labels."""
        seed = self._seed(part, number)
        return synthetic.render(domain, count, size, seed, labels=self.labels, imbalance=self.imbalance, threads=1)


class _Drawn(Pixels):
    """Pictures by domain and number."""

    grain = _GRAIN

    def __init__(self, source: Synthetic, part: str, domain: np.ndarray, number: np.ndarray) -> None:
        self._source, self._part, self._domain, self._number = source, part, domain, number

    def __len__(self) -> int:
        return len(self._number)

    def take(self, index: np.ndarray) -> _Drawn:
        return _Drawn(self._source, self._part, self._domain[index], self._number[index])

    def identity(self) -> Iterator[bytes]:
        source = self._source
        drawn = (source.domains, source.seed, source.imbalance, source.labels, self._part, _GRAIN)
        yield repr(drawn).encode()
        yield self._domain.tobytes() + self._number.tobytes()
        yield _code()

    def read(self, part: slice, form: Form) -> Block:
        domain, number = self._domain[part], self._number[part]
        images = np.empty((len(number), form.height, form.width, 3), np.uint8)
        chunk = number // _GRAIN
        for d, c in sorted(set(zip(domain.tolist(), chunk.tolist(), strict=True))):
            here = np.flatnonzero((domain == d) & (chunk == c))
            within = number[here] - c * _GRAIN
            drawn, _ = self._source._draw(self._source.domains[d], self._part, c, int(within.max()) + 1, form.height)
            images[here] = drawn[within]
        return ArrayPixels(images).read(slice(None), form)

    def size(self) -> tuple[int, int]:
        return self._source.default_size, self._source.default_size


def _chunks(count: int) -> list[tuple[int, int]]:
    """Number and length of each chunk."""
    return [(start // _GRAIN, min(_GRAIN, count - start)) for start in range(0, count, _GRAIN)]


@cache
def _code() -> bytes:
    """A digest of the drawing code: other code may draw other pictures."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(Path(synthetic.__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.digest()
