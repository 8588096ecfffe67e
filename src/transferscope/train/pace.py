"""An order in which training images come into play."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..numerics.pace import in_play
from ..rng import numpy_generator

__all__ = ["Pace"]


@dataclass(frozen=True, eq=False)
class Pace:
    """Images that come into play one after the other (curriculum; Wu, Dyer and Neyshabur 2021).

    Every batch is drawn from the images in play, so that a training has as many steps, of as many images each, as one
    in which all are in play from the start.

    Attributes:
        first: places of all training images, those that come into play first in front.
        form: how the share in play grows, one of :data:`~transferscope.numerics.pace.FORMS`.
        start: share in play at the start.
        full: share of the steps after which all are in play.
        epochs: of the training.
    """

    first: np.ndarray
    form: str
    start: float
    full: float
    epochs: int

    def order(self, seed: int, epoch: int, per_epoch: int) -> np.ndarray:
        """Return the places of the images of an epoch, batch after batch, ``(images,)``.

        Args:
            seed: of the training.
            epoch: from 0.
            per_epoch: its steps.

        >>> pace = Pace(np.arange(8)[::-1], "step", 0.5, 0.5, epochs=2)
        >>> sorted(set(pace.order(0, 0, 2).tolist())), sorted(pace.order(0, 1, 2).tolist())
        ([4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 6, 7])
        """
        images = len(self.first)
        rng = numpy_generator("fit", seed, "pace", epoch)
        found = []
        for step, part in enumerate(np.array_split(np.arange(images), per_epoch)):
            progress = (epoch + step / per_epoch) / self.epochs
            share = in_play(self.form, progress, start=self.start, full=self.full)
            if share == 1 and not step:  # a plain epoch: each image once
                return self.first[rng.permutation(images)]
            there = max(len(part), round(share * images))
            found.append(self.first[rng.permutation(there)[: len(part)]])
        return np.concatenate(found)
