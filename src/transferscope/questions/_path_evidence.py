"""What claims about paths are judged by: the errors of every image, and which networks vary in some pairs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..evidence.crossfit import cross_fitted
from ..evidence.guard import Witness
from ..evidence.left_out import LeftOut
from ..evidence.pairs import Pairs
from ..evidence.peaks import Gain, Peak, excess, gain, kind_gain, kind_peak, peak
from ..probes.metrics import as_error
from ._learned import those_that_learned
from ._members import run_of
from ._paths import Path, Traced, principal
from ._sides import TRAINED

__all__ = ["MIDDLE", "ImageErrors", "Joining", "Sampled", "both_learned", "by_kind", "errors_of", "gain_of",
           "heights_sample", "kinds_of", "names_of", "network_count", "peak_of", "sample_of", "unlearned",
           "witnesses_of"]  # fmt: skip

MIDDLE = (0.25, 0.75)
"""The λ that count as the middle of a path."""


@dataclass(frozen=True, eq=False)
class ImageErrors:
    """How wrong a network is on each image at every λ of a path.

    Attributes:
        images: name of the set.
        metric: of what; accuracy and AUC as 1 − it, so that larger is worse.
        n: number of images.
        values: one row a λ. Where each number is 0 or 1, uint8 ``(m, ⌈n/8⌉)`` with 8 images a byte, the first one in
            the highest bit; else float32 ``(m, n)``, numbers whose mean over images is the error.
    """

    images: str
    metric: str
    n: int
    values: np.ndarray

    @classmethod
    def of(cls, images: str, metric: str, each: NDArray[np.floating]) -> ImageErrors:
        """Keep numbers ``(m, n)`` in as little room as they take.

        >>> kept = ImageErrors.of("test", "error", np.array([[1.0, 0.0, 1.0]]))
        >>> kept.values, kept.each()
        (array([[160]], dtype=uint8), array([[1., 0., 1.]]))
        """
        binary = bool(np.isin(each, (0.0, 1.0)).all())
        values = np.packbits(each.astype(bool), axis=1) if binary else each.astype(np.float32)
        return cls(images, metric, each.shape[1], values)

    def each(self) -> NDArray[np.float64]:
        """Return the numbers, ``(m, n)``."""
        if self.values.dtype == np.uint8:
            return np.unpackbits(self.values, axis=1, count=self.n).astype(np.float64)
        return self.values.astype(np.float64)


class Joining(Protocol):
    """A pair of a result."""

    @property
    def path(self) -> Path:
        """The path between the two."""


class Sampled(Joining, Protocol):
    """A path of a result with the errors of each image."""

    @property
    def errors(self) -> tuple[ImageErrors, ...]:
        """One a set of images."""


J = TypeVar("J", bound=Joining)


def errors_of(traced: Traced, without: str = "") -> tuple[ImageErrors, ...]:
    """Return the errors of each image in the metric that claims are judged by, for every set but one.

    Args:
        traced: the path.
        without: name of the training set, by which nothing is judged.
    """
    chosen = [(images, principal(traced.path, images)) for images in traced.path.sets if images != without]
    return tuple(ImageErrors.of(i, m, as_error(m, traced.examples[i, m])) for i, m in chosen)


def sample_of(p: Sampled, images: str) -> ImageErrors | None:
    """Return the errors on a set; ``None`` where they were not kept."""
    return next((e for e in p.errors if e.images == images), None)


def both_learned(paths: Iterable[J]) -> list[J]:
    """Return the paths whose networks both learned something; all where there is none, so that a reason is said."""
    return those_that_learned(paths, lambda one: any(one.path.unfit))


def unlearned(paths: Iterable[Joining], target: str = "") -> tuple[LeftOut, ...]:
    """Return the networks that play no part in what is said of kinds, because they learned nothing."""
    ends = [end for p in paths for end in zip((p.path.a, p.path.b), p.path.unfit, strict=True)]
    return tuple(dict.fromkeys(LeftOut(run_of(label), unfit, target) for label, unfit in ends if unfit))


def names_of(path: Path) -> tuple[str, str]:
    """Return the runs of both ends: several weights of one run are one network."""
    first, second = run_of(path.a), run_of(path.b)
    return (f"{second} (other weights)", second) if first == second else (first, second)


def kinds_of(paths: Sequence[Joining], *, disjoint: bool = False) -> dict[str, str]:
    """Return the kind of each network that is one of many: trained ones; a pre-trained one that all share is fixed.

    Two weights of one run make one number a network. So do pairs that share no network with one another: each is one
    independent number, however many networks it is of.

    Args:
        paths: pairs of one kind.
        disjoint: whether no network is in two of them.
    """
    found: dict[str, str] = {}
    for p in paths:
        names = names_of(p.path)
        varying = [(n, r) for n, r in zip(names, p.path.roles, strict=True) if r in TRAINED]
        if disjoint or run_of(p.path.a) == run_of(p.path.b):
            varying = varying[-1:]
        found.update(varying)
    return found


def network_count(paths: Sequence[Joining]) -> int:
    """Return how many networks are at the ends of some paths; of one run, one."""
    return len({run_of(end) for p in paths for end in (p.path.a, p.path.b)})


def witnesses_of(paths: Sequence[Joining], witnesses: Iterable[Witness]) -> tuple[Witness, ...]:
    """Return what a judge is to know: the networks at the ends of some paths, and the pre-trainings."""
    ends = [
        Witness(run_of(label), role, unfit)
        for p in paths
        for label, role, unfit in zip((p.path.a, p.path.b), p.path.roles, p.path.unfit, strict=True)
        if role in TRAINED
    ]
    return (*dict.fromkeys(ends), *dict.fromkeys(w for w in witnesses if w.role == "P"))


def _rises(p: Sampled, images: str) -> NDArray[np.float64]:
    sample = sample_of(p, images)
    assert sample is not None, "no errors of each image were kept"
    return excess(sample.each(), p.path.lambdas)


def peak_of(paths: Sequence[Sampled], images: str, *, disjoint: bool = False) -> Peak:
    """Return the highest rise over the straight line: of the two networks of one path, or of the kind of several."""
    rises = [_rises(p, images) for p in paths]
    if len(paths) == 1:
        return peak(rises[0])
    return kind_peak(rises, [names_of(p.path) for p in paths], kinds_of(paths, disjoint=disjoint))


def gain_of(paths: Sequence[Sampled], images: str, *, disjoint: bool = False) -> Gain | None:
    """Return how much better the middle is than the ends; ``None`` where no λ of the grid is in the middle."""
    places = paths[0].path.lambdas
    middle = np.flatnonzero((places >= MIDDLE[0]) & (places <= MIDDLE[1])).tolist()
    if not middle:
        return None
    first, last = (int(np.flatnonzero(places == end)[0]) for end in (0.0, 1.0))
    samples = [sample_of(p, images) for p in paths]
    errors = [s.each() for s in samples if s is not None]
    if len(paths) == 1:
        return gain(errors[0], middle, ends=(first, last))
    names = [names_of(p.path) for p in paths]
    return kind_gain(errors, names, kinds_of(paths, disjoint=disjoint), middle, ends=(first, last))


def heights_sample(paths: Sequence[Sampled], images: str) -> Pairs:
    """Return the height of each pair's own barrier, its λ chosen on one half of the images, measured on the other."""
    examples = np.stack([_cross_fitted(_rises(p, images)) for p in paths])
    return Pairs(tuple(names_of(p.path) for p in paths), examples.mean(1), kinds_of(paths), examples)


def _cross_fitted(rises: NDArray[np.float64]) -> NDArray[np.float64]:
    def choose(half: NDArray[np.intp]) -> int:
        return int(np.nan_to_num(rises[:, half].mean(1), nan=-np.inf).argmax())

    return cross_fitted(choose, lambda place: rises[place], rises.shape[1]).values


def by_kind(paths: Iterable[J]) -> dict[str, list[J]]:
    """Put the paths of one kind of pair together."""
    found: dict[str, list[J]] = {}
    for p in paths:
        found.setdefault(p.path.kind, []).append(p)
    return found
