"""Runs as claims about metric and speed count them: one that failed has what chance has; seeds make rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..data.imageset import ImageSet
from ..errors import UsageError
from ..evidence.contrast import contrast, mean
from ..evidence.estimate import Estimate
from ..evidence.guard import as_chance, chance_of

__all__ = ["Counted", "Series", "Side", "What", "accuracy_by_chance", "packed", "series"]

Side = Literal["final", "speed"]
"""The test metric at the end, and the mean over epochs of the training accuracy."""

What: TypeAlias = "Side | Literal['val']"
"""The same, and the metric on validation images at the end, by which something is chosen."""

Array = NDArray[np.float64]


class CountedRun(Protocol):
    """What is read of a run."""

    @property
    def seed(self) -> int:
        """Its seed."""

    @property
    def final(self) -> float:
        """The test metric at the end; nan when the run diverged."""

    @property
    def speed(self) -> float:
        """The training accuracy averaged over epochs; nan when the run diverged."""

    @property
    def val(self) -> float:
        """The metric on validation images at the end; nan where it was not measured."""

    @property
    def ended(self) -> str:
        """``finished``, or how it diverged."""


R = TypeVar("R", bound=CountedRun)


@dataclass(frozen=True, eq=False)
class Counted(Generic[R]):
    """Some runs on one target.

    Attributes:
        runs: the runs.
        outcomes: ``(runs, images)``, what each test image adds to a run's final metric; ``None`` where not known.
        chance: what the final metric is by chance, ``None`` where not known.
        speed_chance: the same of the training accuracy.
    """

    runs: tuple[R, ...]
    outcomes: np.ndarray | None = None
    chance: float | None = None
    speed_chance: float | None = None

    def where(self, keep: Callable[[R], bool]) -> Counted[R]:
        """Return some of the runs."""
        at = [i for i, run in enumerate(self.runs) if keep(run)]
        outcomes = None if self.outcomes is None else self.outcomes[at]
        return Counted(tuple(self.runs[i] for i in at), outcomes, self.chance, self.speed_chance)

    def counts(self, what: What) -> Counted[R]:
        """Return the runs with a number: all that did not diverge; those that did, where chance is known."""
        return self.where(lambda run: math.isfinite(self._number(run, what)))

    def numbers(self, what: What) -> Array:
        """Return one number a run; nan for one that diverged where chance is not known."""
        return np.array([self._number(run, what) for run in self.runs], dtype=np.float64)

    def examples(self, what: What) -> Array | None:
        """Return ``(runs, images)``, what each test image adds to the number; ``None`` where images play no part."""
        if what != "final" or self.outcomes is None:
            return None
        rows = self.outcomes.astype(np.float64)
        for row, run in zip(rows, self.runs, strict=True):
            if run.ended != "finished":
                row[:] = math.nan if self.chance is None else self.chance
        return rows

    def mean(self, what: What) -> Estimate:
        """Return the mean over the runs that count."""
        of = self.counts(what)
        numbers = of.numbers(what)
        found = mean(numbers, of.examples(what))
        return replace(found, value=math.fsum(numbers) / len(numbers)) if len(numbers) else found

    def less(self, other: Counted[R], what: What) -> Estimate:
        """Return by how much the mean of these runs exceeds that of others on the same test images."""
        one, two = self.counts(what), other.counts(what)
        first, second = one.examples(what), two.examples(what)
        known = None if first is None or second is None else (first, second)
        return contrast(one.numbers(what), two.numbers(what), known)

    def _number(self, run: R, what: What) -> float:
        value: float = {"final": run.final, "speed": run.speed, "val": run.val}[what]
        chance = self.speed_chance if what == "speed" else self.chance
        if run.ended == "finished":  # a metric that was not measured is not known, and no failure
            return value
        return as_chance(value, math.nan if chance is None else chance, diverged=True)


@dataclass(frozen=True, eq=False)
class Series:
    """Numbers of networks under several conditions, runs of one seed in a row: a row is one of the sample.

    Attributes:
        values: ``(series, places)``.
        examples: ``(series, places, images)``, what each test image adds; ``None`` where images play no part.
    """

    values: Array
    examples: Array | None = None

    def __len__(self) -> int:
        return len(self.values)

    def times(self, weights: Array) -> tuple[Array, Array | None]:
        """Return Σ_p w_p·y_jp for each series j, and the same of what each image adds.

        Args:
            weights: ``(places,)``.
        """
        rows = None if self.examples is None else np.einsum("p,jpi->ji", weights, self.examples)
        return self.values @ weights, rows


def series(places: Sequence[Counted[R]], what: What) -> Series:
    """Put runs of one seed in a row: those that there are at every place.

    Of several runs of one seed at a place (from other starts) the i-th of one place goes with the i-th of another.

    Args:
        places: the runs at each place, such as each size of blocks.
        what: which number.

    >>> from types import SimpleNamespace as Run
    >>> at = [Counted(tuple(Run(seed=s, final=x + s, speed=0.0, val=0.0, ended="finished") for s in seeds))
    ...       for x, seeds in ((0.1, (0, 1)), (0.2, (1, 0, 2)))]
    >>> series(at, "final").values.tolist()
    [[0.1, 0.2], [1.1, 1.2]]
    """
    counted = [place.counts(what) for place in places]
    found = [_by_seed(place) for place in counted]
    keys = [key for key in found[0] if all(key in of for of in found)] if found else []
    rows = [[of[key] for key in keys] for of in found]
    numbers = [place.numbers(what)[at] for place, at in zip(counted, rows, strict=True)]
    values = np.stack(numbers, 1) if numbers else np.zeros((0, 0))
    examples = [place.examples(what) for place in counted]
    known = [e[at] for e, at in zip(examples, rows, strict=True) if e is not None]
    return Series(values, np.stack(known, 1) if known and len(known) == len(places) else None)


def packed(runs: int, rows: Sequence[np.ndarray | None], images: int, where: str) -> np.ndarray | None:
    """Return what each test image adds to the metric of some runs, as small as it can be stored.

    Args:
        runs: how many runs there are.
        rows: one a run; ``None`` for one that diverged.
        images: how many test images there are.
        where: what it is, for the error.

    Returns:
        ``(runs, images)``, uint8 where all numbers are 0 or 1, else float32; zeros for a run that diverged. ``None``
        when nothing is known of any run.

    Raises:
        UsageError: when there are not as many rows as runs, or numbers as images.
    """
    known = [row for row in rows if row is not None]
    if len(rows) != runs or any(np.shape(row) != (images,) for row in known):
        shapes = sorted({np.shape(row) for row in known})
        raise UsageError(f"{where}: {len(rows)} rows of shapes {shapes}; give ({images},) for each of {runs} runs")
    if not known:
        return None
    filled = np.stack([np.zeros(images) if row is None else np.nan_to_num(row) for row in rows])
    return filled.astype(np.uint8 if np.isin(filled, (0, 1)).all() else np.float32)


def accuracy_by_chance(images: ImageSet) -> float:
    """Return the accuracy of always giving the most frequent answer; of several labels an image, their mean.

    >>> ids = np.array(["a", "b", "c", "d"])
    >>> labels = np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0], [0.0, 1.0]], np.float32)
    >>> round(accuracy_by_chance(ImageSet(np.zeros((4, 1, 1, 3), np.uint8), labels, ("x", "y"), ids)), 4)  # 2/3, 3/4
    0.7083
    """
    if not images.multilabel:
        return chance_of(images)
    known = [column[column >= 0] for column in np.asarray(images.labels).T]
    return float(np.mean([max(c.mean(), 1 - c.mean()) for c in known if len(c)]))


def _by_seed(place: Counted[R]) -> dict[tuple[int, int], int]:
    """Where the runs of a place are, by their seed and how many of that seed come before."""
    found: dict[tuple[int, int], int] = {}
    for i, run in enumerate(place.runs):
        before = sum(other.seed == run.seed for other in place.runs[:i])
        found[run.seed, before] = i
    return found
