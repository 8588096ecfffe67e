"""Which of a linear classifier's outputs is the largest, for many classifiers and many images at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from ..blas import one_blas_thread

__all__ = ["largest"]

_NEAR = 2**18
"""Outputs held at a time: few enough to stay in a processor's cache until the largest of each image is found."""

_ROWS = 512
"""Rows of weights that are multiplied with images at a time: fewer and wider blocks are slower."""

_NARROW = 128
"""Features up to which classes are first looked for in float32; of more, rounding could turn too many."""


def largest(
    x: Float[Tensor, "n d"], weights: Float64[Tensor, "s d c"], biases: Float64[Tensor, "s c"], workers: int = 1
) -> Int64[np.ndarray, "s n"]:
    """Return the class with the largest output xW + b of each image by each classifier; of equal ones the first.

    Outputs of few float32 features are first computed in float32. An image for which any classifier's largest is not
    beyond the others by more than rounding can be is looked at again in float64, so that no class is another one.

    Args:
        x: features of n images.
        weights: of s classifiers, c classes each.
        biases: theirs.
        workers: threads, each of which looks at images of its own.

    >>> import torch
    >>> largest(torch.tensor([[1.0], [-1.0]]), torch.tensor([[[1.0, 2.0]]]).double(), torch.zeros(1, 2).double())
    array([[1, 0]])
    """
    numbers = x.numpy()
    if numbers.dtype != np.float32 or numbers.shape[1] > _NARROW:
        return _by(_Rows.of(weights, biases, np.float64), numbers, workers)[0]
    found, doubtful = _by(_Rows.of(weights, biases, np.float32), numbers, workers)
    if doubtful.any():
        found[:, doubtful] = _by(_Rows.of(weights, biases, np.float64), numbers[doubtful], workers)[0]
    return found


@dataclass(frozen=True, eq=False)
class _Rows:
    """Classifiers below each other, a row a class: the largest is then a sweep over rows.

    In any order a sum of d products and a bias, all rounded, is wrong by at most γ(‖w‖‖x‖ + |b|), γ about (d + 3)u
    (Higham 2002, §3.1); u is 2⁻²⁴ in float32. Two sums may come that close, and taken is twice as much; what is too
    small for float32 is added.

    Attributes:
        rows: ``(s·c, d)``.
        level: ``(s·c, 1)`` biases.
        classes: c.
        norm: ``(s, 1)``, times ‖x‖ what outputs may be wrong by; none in float64.
        around: ``(s, 1)``, and what is added to it.
    """

    rows: np.ndarray
    level: np.ndarray
    classes: int
    norm: np.ndarray | None
    around: np.ndarray

    @classmethod
    def of(cls, weights: Tensor, biases: Tensor, number: type[np.floating]) -> _Rows:
        width, classes = weights.shape[1:]
        rows, level = weights.mT.reshape(-1, width).numpy(), biases.reshape(-1, 1).numpy()
        unit = 4 * (width + 4) * 2.0**-24
        norm = unit * (weights.square().sum(1).sqrt().amax(1, keepdim=True).numpy() + 2.0**-100)
        around = unit * biases.abs().amax(1, keepdim=True).numpy() + width * 2.0**-124
        with np.errstate(over="ignore"):  # what does not fit float32 is in doubt
            return cls(
                rows.astype(number), level.astype(number), classes, norm if number is np.float32 else None, around
            )


def _by(of: _Rows, x: np.ndarray, workers: int) -> tuple[np.ndarray, np.ndarray]:
    """The class of each image by each classifier, ``(s, n)``, and of which images one may be wrong, ``(n,)``.

    Threads have images of their own: one product on all threads waits for itself on busy cores.
    """
    workers = min(workers, max(1, len(x) // 256))
    if workers == 1:
        with one_blas_thread():
            return _one_by_one(of, x)
    with one_blas_thread(), ThreadPoolExecutor(workers) as pool:
        parts = list(pool.map(partial(_one_by_one, of), np.array_split(x, workers)))
    return np.concatenate([found for found, _ in parts], axis=1), np.concatenate([doubtful for _, doubtful in parts])


@np.errstate(over="ignore", invalid="ignore")
def _one_by_one(of: _Rows, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`_by`, block after block; which class it is comes of a sweep over bytes, faster than an argmax."""
    supports, classes = len(of.around), of.classes
    names = np.arange(classes, 0, -1, dtype=np.min_scalar_type(classes))[:, None]
    group = min(supports, max(1, _ROWS // classes))
    step = max(64, _NEAR // (group * classes))
    products, marks = np.empty(group * classes * step, of.rows.dtype), np.empty(group * classes * step, bool)
    found, doubtful = np.empty((supports, len(x)), np.int64), np.zeros(len(x), bool)
    for start in range(0, len(x), step):
        seen = x[start : start + step].astype(of.rows.dtype, copy=False)
        count = len(seen)
        length = np.linalg.norm(seen, axis=1)
        for lead in range(0, supports, group):
            some, own = slice(lead * classes, (lead + group) * classes), slice(lead, lead + group)
            rows = of.rows[some]
            outputs = np.matmul(rows, seen.T, out=products[: len(rows) * count].reshape(-1, count))
            outputs += of.level[some]
            outputs = outputs.reshape(-1, classes, count)
            most = outputs.max(1, keepdims=True)
            if of.norm is not None:
                most -= (of.norm[own] * length + of.around[own]).astype(np.float32)[:, None]
            beaten = np.less(outputs, most, out=marks[: outputs.size].reshape(outputs.shape))
            highest = np.logical_not(beaten, out=beaten).view(np.uint8)
            if of.norm is not None:
                doubtful[start : start + step] |= (np.add.reduce(highest, 1, dtype=names.dtype) != 1).any(0)
            found[own, start : start + step] = classes - (highest * names).max(1).astype(np.int64)
    return found, doubtful
