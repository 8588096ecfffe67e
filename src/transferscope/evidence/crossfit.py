"""A best place is chosen on one half of the images and measured on the other, both ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..rng import numpy_generator
from .estimate import Estimate
from .images import averaged
from .sampling import estimated

__all__ = ["CrossFitted", "cross_fitted"]

T = TypeVar("T")

_TWICE = 1.4
"""How much larger the variance is than that of a mean: where something is high on both halves, both choose it.

It is 1.32 for two candidates of equal worth, at most 1.36 for more, and less where candidates are alike image by
image (simulated). Without it the best of ten equals would be over its true worth in 6.5 %, not in 2.5 %.
"""


@dataclass(frozen=True, eq=False)
class CrossFitted(Generic[T]):
    """Numbers of the images, each measured at what was chosen without it.

    Attributes:
        values: ``(..., images)``.
        first: bool ``(images,)``, the images of the first half.
        chosen: what was chosen on the second half and measured on the first; and the other way round.
    """

    values: NDArray[np.float64]
    first: NDArray[np.bool_]
    chosen: tuple[T, T]

    def estimate(self, *, level: float = 0.95) -> Estimate:
        """Return the mean over images, for fixed networks: no verdict on kinds.

        Its variance is 1.4·s²/N (of counts, a little more). The two halves are not independent: each is measured at
        what the other has chosen, and both choose the same where it is high on both.

        Raises:
            UsageError: when there is more than one number an image; give those to ``mean`` or ``contrast``.
        """
        if self.values.ndim != 1:
            raise UsageError(f"numbers of shape {self.values.shape}; expected one number an image")
        values = self.values
        value = float(values.mean()) if len(values) and np.isfinite(values).all() else math.nan
        noise = averaged(values[None], [1.0]).noise
        return estimated(value, [], replace(noise, variance=_TWICE * noise.variance), level=level)


def halves(images: int, *path: str | int) -> NDArray[np.bool_]:
    """Return which of the images are in the first half, ⌊images/2⌋ of them, by the seed that the path names.

    >>> halves(5, 0).sum()
    np.int64(2)
    """
    first = np.zeros(images, dtype=bool)
    first[numpy_generator("halves", *path, images).permutation(images)[: images // 2]] = True
    return first


def cross_fitted(
    choose: Callable[[NDArray[np.intp]], T],
    measure: Callable[[T], NDArray[np.floating]],
    images: int,
    *,
    seed: int = 0,
) -> CrossFitted[T]:
    """Choose the best of several on one half of the images and measure it on the other, both ways.

    A best of many, measured on the images that it was chosen on, looks better than it is; here no image speaks of
    what it helped to choose. It is the best λ on a line, the best rate, the best of a list.

    Args:
        choose: from the numbers of some images, ascending, to a choice.
        measure: from a choice to numbers ``(..., images)`` of all images.
        images: how many, at least 2.
        seed: of the halves; the same for all that is to be compared.

    Returns:
        The numbers of all images, each at the choice of the other half.

    Raises:
        UsageError: when there are fewer than 2 images.

    >>> right = np.array([[1.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    >>> found = cross_fitted(lambda half: int(right[:, half].mean(1).argmax()), lambda best: right[best], 4)
    >>> found.chosen, found.estimate().value
    ((1, 1), 1.0)
    """
    if images < 2:
        raise UsageError(f"two halves of {images} images; expected at least 2 images")
    first = halves(images, seed)
    chosen = (choose(np.flatnonzero(~first)), choose(np.flatnonzero(first)))
    on_first, on_second = (np.asarray(measure(c), dtype=np.float64) for c in chosen)
    return CrossFitted(np.where(first, on_first, on_second), first, chosen)
