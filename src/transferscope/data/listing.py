"""What a source has to offer before a pixel is read: which images, with which labels, in which part."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..rng import numpy_generator
from .imageset import sample_index
from .names import quoted, several
from .pixels import Pixels

__all__ = ["Divided", "Listing", "Parts", "arrange", "divide", "finish", "portion"]


@dataclass(frozen=True, eq=False)
class Listing:
    """Images of one part.

    Attributes:
        pixels: where they come from.
        labels: int64 ``(n,)``, or int8 ``(n, k)`` for multi-label.
        ids: ``(n,)`` strings, unique over all parts of a source.
        captions: ``(n,)`` strings where the source says in words what images show.
    """

    pixels: Pixels
    labels: np.ndarray
    ids: np.ndarray
    captions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, index: np.ndarray) -> Listing:
        """Return the images at ``index`` (int64), in that order."""
        if len(index) == len(self) and np.array_equal(index, np.arange(len(self))):
            return self
        captions = None if self.captions is None else self.captions[index]
        return Listing(self.pixels.take(index), self.labels[index], self.ids[index], captions)

    def sample(self, count: int | None, seed: int) -> Listing:
        """Return ``count`` images at random, all when there are fewer: the ones ``ImageSet.sample`` would take."""
        return self if count is None else self.take(sample_index(len(self), count, seed))


@dataclass(frozen=True, eq=False)
class Parts:
    """The three parts of a source.

    Attributes:
        name: what to call it in tables and figures.
        classes: class names in label order.
        train: what networks are trained on.
        val: may be empty.
        test: what is reported.
        notes: how the parts came about, for the record.
        remarks: what was left out or renamed, and what is not as it seems: sentences for the user.
    """

    name: str
    classes: tuple[str, ...]
    train: Listing
    val: Listing
    test: Listing
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def identity(self, *, captions: bool = True) -> str:
        """Return a digest of what pixels and labels depend on: another one when files were changed since.

        Args:
            captions: whether captions count, where there are any; those of drawn pictures follow from the rest.
        """
        h = hashlib.blake2b(digest_size=16)
        for listing in (self.train, self.val, self.test):
            for piece in listing.pixels.identity():
                h.update(len(piece).to_bytes(8, "little") + piece)
            h.update(listing.labels.tobytes())
            if captions and listing.captions is not None:
                for caption in listing.captions.tolist():
                    said = caption.encode("utf-8", "surrogatepass")
                    h.update(b"caption" + len(said).to_bytes(8, "little") + said)
        return h.hexdigest()


def arrange(
    name: str,
    classes: Sequence[str],
    train: Listing,
    val: Listing | None,
    test: Listing | None,
    *,
    val_share: float,
    test_share: float = 0.2,
    samples: int | None,
    seed: int,
    notes: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Parts:
    """Make three parts of what a source has, check them, and sample.

    A missing test part is taken from train, then a missing validation part from what is left of train, never from
    test; both at random, class by class in proportion. Then train and test are sampled to ``samples`` each (Neyshabur
    et al. 2020, Appendix A), and validation to at most as many, or to its share of as many when it was taken from
    train.

    Args:
        name: of the source.
        classes: class names in label order.
        train: images.
        val: images, or ``None`` to take them from train.
        test: images, or ``None`` to take them from train.
        val_share: how much of train; 1 or more is a number of images, 0 for no validation part.
        test_share: how much of all images; 1 or more is a number of images.
        samples: images of train and of test to use, ``None`` for all.
        seed: of split and sample.
        notes: what the source has to say already, for the record.
        remarks: what it has to say to the user.

    Raises:
        DataError: when ids occur twice, fewer than two classes are there, or test has a class that train has not.
    """
    divided = divide(train, val, test, val_share=val_share, test_share=test_share, seed=seed)
    return finish(name, classes, divided, samples=samples, seed=seed, notes=notes, remarks=remarks)


@dataclass(frozen=True, eq=False)
class Divided:
    """Three parts that are not checked or sampled yet.

    Attributes:
        train: images.
        val: images.
        test: images.
        held: whether validation was taken from train, as a share of it.
        notes: what was taken from where.
    """

    train: Listing
    val: Listing
    test: Listing
    held: bool
    notes: tuple[str, ...]


def divide(
    train: Listing,
    val: Listing | None,
    test: Listing | None,
    *,
    val_share: float,
    test_share: float = 0.2,
    seed: int,
) -> Divided:
    """Take the parts that are missing from train; arguments as for :func:`arrange`."""
    notes: tuple[str, ...] = ()
    held = False
    if test is None:
        train, test = _split(train, test_share, "test", seed)
        notes += (f"test: {_share(test_share)} of all images, class by class, seed {seed}",)
    if val is None:
        train, val = _split(train, val_share, "val", seed)
        if len(val):
            notes += (f"val: {_share(val_share)} of train, class by class, seed {seed}",)
        held = val_share < 1
    return Divided(train, val, test, held, notes)


def finish(
    name: str,
    classes: Sequence[str],
    divided: Divided,
    *,
    samples: int | None,
    seed: int,
    notes: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Parts:
    """Check three parts and sample them; arguments as for :func:`arrange`."""
    train, val, test = divided.train, divided.val, divided.test
    notes += divided.notes
    _check(name, classes, train, val, test)
    val_count = samples
    if samples is not None:
        if divided.held:
            val_count = min(round(len(val) / (len(train) + len(val)) * samples), samples)
        if samples < 2:
            raise DataError(f"{name}: {samples} samples are too few, use 2 or more")
        notes += (f"at most {samples} images each of train and test, seed {seed}",)
    train, val, test = train.sample(samples, seed), val.sample(val_count, seed), test.sample(samples, seed)
    few = _few(classes, train.labels, val.labels, test.labels)
    return Parts(name, tuple(classes), train, val, test, notes, (*remarks, *few))


def portion(labels: np.ndarray, share: float, seed: int, purpose: str) -> np.ndarray:
    """Choose a share of the examples at random, of each class its proportion.

    Class c of n_c examples gives share·n_c of them, rounded such that the total is right (largest remainders, ties
    at random) and such that at least one stays. Multi-label examples are drawn without regard to labels.

    Args:
        labels: int ``(n,)`` or ``(n, k)``.
        share: below 1 a share of n, from 1 on a number.
        seed: of the draw.
        purpose: names the stream, so that test and val draws do not depend on each other.

    Returns:
        Sorted positions, int64.

    >>> chosen = portion(np.array([0] * 8 + [1] * 4), 0.25, 0, "test")
    >>> len(chosen), int((chosen < 8).sum())
    (3, 2)
    """
    rng = numpy_generator("split", purpose, seed, len(labels))
    groups = np.zeros(len(labels), np.int64) if labels.ndim == 2 else labels
    _, groups, counts = np.unique(groups, return_inverse=True, return_counts=True)
    total = round(share * len(labels)) if share < 1 else int(share)
    exact = counts * (total / max(len(labels), 1))
    taken = np.minimum(np.floor(exact).astype(np.int64), counts - 1)
    order = np.lexsort((rng.random(len(counts)), -(exact - taken)))
    order = order[taken[order] < counts[order] - 1]
    taken[order[: max(total - taken.sum(), 0)]] += 1
    shuffled = rng.permutation(len(labels))
    by_class = shuffled[np.argsort(groups[shuffled], kind="stable")]
    rank = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.sort(by_class[rank < np.repeat(taken, counts)])


def _split(train: Listing, share: float, purpose: str, seed: int) -> tuple[Listing, Listing]:
    if share >= len(train):
        raise DataError(f"{purpose}={share:g}: only {len(train)} images are there to take them from")
    chosen = portion(train.labels, share, seed, purpose)
    return train.take(np.setdiff1d(np.arange(len(train)), chosen)), train.take(chosen)


def _share(share: float) -> str:
    return f"{100 * share:g} %" if share < 1 else f"{share:g} images"


def _few(classes: Sequence[str], train: np.ndarray, val: np.ndarray, test: np.ndarray) -> tuple[str, ...]:
    """Say which classes can hardly be learned or judged: of one image, or of which nothing is known."""
    said = []
    if train.ndim == 1:
        counts = np.bincount(np.concatenate([train, val, test]), minlength=len(classes))
        if len(single := np.flatnonzero(counts == 1)):
            names = several(quoted(classes[int(i)]) for i in single)
            said.append(f"{len(single)} class{'es' * (len(single) > 1)} of one image: {names}")
        return tuple(said)
    for part, labels in (("train", train), ("test", test)):
        alike = [i for i in range(labels.shape[1]) if not ((labels[:, i] == 0).any() and (labels[:, i] == 1).any())]
        if alike:
            names = several(quoted(classes[i]) for i in alike)
            said.append(f"no {part} images both with and without {names}: nothing can be learned or told of these")
    return tuple(said)


def _check(name: str, classes: Sequence[str], train: Listing, val: Listing, test: Listing) -> None:
    ids = np.concatenate([train.ids, val.ids, test.ids])
    unique, counts = np.unique(ids, return_counts=True)
    if len(unique) < len(ids):
        twice = unique[counts > 1]
        places = [part for part, of in (("train", train), ("val", val), ("test", test)) if twice[0] in of.ids]
        where = f"in {' and '.join(places)}" if len(places) > 1 else f"twice in {places[0]}"
        raise DataError(
            f"{name}: {str(twice[0])!r} is {where} ({len(twice)} such images); every image may occur once only"
        )
    for part, of in (("train", train), ("test", test)):
        if not len(of):
            raise DataError(f"{name}: no {part} images are left")
    if train.labels.ndim == 2:
        return
    here = np.unique(train.labels)
    if len(here) < 2:
        raise DataError(f"{name}: all train images are of one class, {classes[here[0]]!r}; two or more are needed")
    if len(alien := np.setdiff1d(np.concatenate([val.labels, test.labels]), here)):
        names = ", ".join(repr(classes[i]) for i in alien[:5]) + (", …" if len(alien) > 5 else "")
        raise DataError(f"{name}: no train image of {names}, which val or test have; the classes must be the same")
