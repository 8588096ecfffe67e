"""How many different things a set of images holds: effective numbers of classes and of features."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError

__all__ = ["effective_classes", "vendi"]


def effective_classes(labels: NDArray[np.integer]) -> float:
    """Return exp of the entropy of the classes: their number where all are of one size, less where some are rare.

    Args:
        labels: ``(n,)``, one an image.

    Raises:
        UsageError: without images, or for several labels an image.

    >>> round(effective_classes(np.array([0, 0, 1, 1])), 6), round(effective_classes(np.array([0, 0, 0, 1])), 3)
    (2.0, 1.755)
    """
    if labels.ndim != 1 or not len(labels):
        raise UsageError(f"labels of shape {labels.shape}; expected one an image, of one image or more")
    _, counts = np.unique(labels, return_counts=True)
    return _exponential(counts / counts.sum())


def vendi(features: NDArray[np.floating]) -> float:
    """Return the Vendi score: exp of the entropy of the eigenvalues of K/n, K the cosines of all pairs of images.

    It is 1 where all images are alike and n where each is at right angles to all others. The eigenvalues are those of
    the d × d second moment of the normalised features, too, of which the smaller is decomposed.

    Source: Friedman and Dieng 2023, equation 2.

    Args:
        features: ``(n, d)``, none of them all zero. They should come from a network that knows neither the source nor
            the target: one trained on either sees its own classes as diverse.

    Raises:
        UsageError: for features that are not finite, all zero, or no images.

    >>> round(vendi(np.eye(3)), 6), round(vendi(np.ones((5, 2))), 6)
    (3.0, 1.0)
    """
    x = np.asarray(features, dtype=np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise UsageError(f"features of shape {x.shape}; expected finite (n, d) of one image or more")
    norms = np.linalg.norm(x, axis=1, keepdims=True)
    if not norms.all():
        raise UsageError("an image whose features are all zero is like no other; leave it out")
    x = x / norms
    product = x.T @ x if x.shape[1] < len(x) else x @ x.T
    values = np.clip(np.linalg.eigvalsh(product), 0, None)
    return _exponential(values / values.sum())


def _exponential(shares: NDArray[np.float64]) -> float:
    there = shares[shares > 0]
    return math.exp(-float(there @ np.log(there)))
