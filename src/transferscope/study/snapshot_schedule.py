"""Which weights a run keeps on its way: known before it begins, so that a question can be refused in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..errors import SpecError
from ..train.recipe import Recipe

if TYPE_CHECKING:
    from .record_settings import RecordSettings

__all__ = ["Kept", "kept_epochs"]


def kept_epochs(asked: Sequence[int] | None, epochs: int) -> list[int]:
    """Return the epochs after which weights are kept: the start, and those asked for or 1, 2, 4, … and the last.

    >>> kept_epochs(None, 10), kept_epochs([3], 10)
    ([0, 1, 2, 4, 8, 10], [0, 3])
    """
    if asked is not None:
        return sorted({0, *asked})
    return sorted({0, epochs, *(2**i for i in range(epochs.bit_length()) if 2**i <= epochs)})


class Kept:
    """What the runs of one recipe keep.

    Args:
        record: what is asked for.
        recipe: how they are trained.
        images: number of training images.
    """

    def __init__(self, record: RecordSettings, recipe: Recipe, images: int) -> None:
        self.epochs = kept_epochs(record.epochs, recipe.epochs)
        self.steps = sorted(record.steps)
        self.last_epoch = recipe.epochs
        self.last_step = recipe.epochs * recipe.steps_per_epoch(images)

    def missing(self, tags: Sequence[str], where: str, record: str = "record") -> Iterator[SpecError]:
        """Yield a line for each of some tags that is not kept.

        Args:
            tags: ``epoch 3``, ``step 100``.
            where: place in the study of the question that names them.
            record: place in the study where more can be asked for.
        """
        for tag in tags:
            kind, _, number = tag.partition(" ")
            at, last = int(number), self.last_epoch if kind == "epoch" else self.last_step
            there = self.epochs if kind == "epoch" else self.steps
            if at > last:
                yield SpecError(where, f"{tag} does not come: training ends after {kind} {last}")
            elif at not in there:
                kept = ", ".join(map(str, there)) or "none"
                with_it = f"{record}: {{{kind}s: {sorted({*there, at} - {0})}}}"
                yield SpecError(where, f"no weights are kept after {tag} (kept: {kept}); set {with_it}")

    def between(self) -> bool:
        """Say whether any weights are kept after the start and before the end."""
        return any(0 < e < self.last_epoch for e in self.epochs) or any(s < self.last_step for s in self.steps)

    def advice(self) -> str:
        """Say what to record so that there are weights between start and end."""
        if self.last_epoch > 1:
            return f"set record: {{epochs: {[e for e in kept_epochs(None, self.last_epoch) if e]}}}"
        return f"set record: {{steps: {sorted({max(1, self.last_step * i // 4) for i in (1, 2, 3)})}}}"
