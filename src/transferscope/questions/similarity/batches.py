"""What other images would change in a similarity, for numbers that are no mean over images."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...evidence.estimate import quantile
from ...evidence.images import Resampled

__all__ = ["over_batches"]


def over_batches(without: NDArray[np.floating], images: int) -> Resampled:
    """Return numbers as on resampled images, from what they are without each batch of images.

    A CKA is a ratio of sums over B batches. What other images would change is its jackknife variance
    V = (B−1)/B·Σ_b(θ₍₋b₎ − θ̄)² (Efron & Stein 1981), so the draws are c·(θ₍₋b₎ − θ̄), scaled to the variance f·V. As V
    is from B batches and an estimate takes the normal quantile z of its variance over images,
    f = (t_{B−1}/z)² at 95 %: over images alone the interval is then θ ± t_{B−1}·√V. Draws are linear in θ, so means
    over pairs, and their differences, have the variance of their own jackknife.

    Args:
        without: ``(pairs, batches)``, each pair's number without each batch.
        images: how many images in all batches.

    Returns:
        One draw a batch, the same batches for all pairs; of one batch no variance can be taken.

    >>> draws = over_batches(np.array([[1.0, 2.0, 3.0]]), 90)
    >>> v = 2 / 3 * ((1 - 2) ** 2 + (3 - 2) ** 2)
    >>> round(float(draws.values.var(ddof=1)) / v, 4), round((quantile(0.05, 2.0) / quantile(0.05)) ** 2, 4)
    (4.8192, 4.8192)
    """
    theta = np.asarray(without, dtype=np.float64)
    batches = theta.shape[1]
    if batches < 2:
        return Resampled(theta, images)
    scale = (batches - 1) / math.sqrt(batches) * quantile(0.05, batches - 1.0) / quantile(0.05)
    return Resampled(scale * (theta - theta.mean(1, keepdims=True)), images)
