"""Where a curve measured at a few places first reaches zero."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

__all__ = ["first_crossing"]

_ROUNDING = 1e-9
"""A difference of shares of images that should be zero may come out as this much less."""


def first_crossing(
    places: Float64[np.ndarray, " m"], heights: Float64[np.ndarray, "*r m"]
) -> Float64[np.ndarray, "*r"]:
    """Return the first place where a curve is at or above zero, up to rounding; linear between measured places.

    Args:
        places: where it was measured, rising.
        heights: the curve there; leading dimensions, such as bootstrap resamples, are kept. +inf is above zero, and
            the crossing then at the place before it.

    Returns:
        The place; inf for a curve that stays below zero, nan for one with a height that is nan.

    >>> first_crossing(np.array([0.0, 1.0, 2.0]), np.array([[-2.0, -1.0, 1.0], [0.5, -1.0, 1.0], [-3.0, -2.0, -1.0]]))
    array([1.5, 0. , inf])
    """
    reached = heights >= -_ROUNDING
    after = reached.argmax(-1)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(heights, i[..., None], -1)[..., 0] for i in (before, after))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where((after == 0) | ~np.isfinite(high), 0.0, -low / (high - low))
    found = places[before] + share * (places[after] - places[before])
    found = np.where(reached.any(-1), found, np.inf)
    return np.where(np.isnan(heights).any(-1), np.nan, found)
