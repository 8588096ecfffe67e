"""Effective numbers of classes and features, against the definition image by image."""

import math

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.numerics.diversity import effective_classes, vendi


@pytest.mark.parametrize("shape", [(7, 3), (4, 9)])
def test_vendi_is_of_the_kernel_of_all_pairs(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    n = len(x)
    kernel = np.array([[a @ b / math.sqrt((a @ a) * (b @ b)) for b in x] for a in x])
    values = np.linalg.eigvals(kernel / n).real
    wanted = math.exp(-sum(v * math.log(v) for v in values if v > 1e-12))
    assert vendi(x) == pytest.approx(wanted, rel=1e-9)
    assert vendi(np.concatenate([x, x])) == pytest.approx(wanted, rel=1e-9), "copies add nothing"
    assert vendi(5 * x) == pytest.approx(wanted, rel=1e-9)


def test_clusters_count():
    corners = np.repeat(np.eye(4), 5, axis=0)
    assert vendi(corners) == pytest.approx(4) == effective_classes(np.repeat(np.arange(4), 5))
    assert effective_classes(np.array([0] * 99 + [1])) < 1.06


def test_what_cannot_be():
    with pytest.raises(UsageError, match="all zero"):
        vendi(np.zeros((2, 3)))
    with pytest.raises(UsageError, match=r"features of shape \(0, 3\)"):
        vendi(np.zeros((0, 3)))
    with pytest.raises(UsageError, match=r"labels of shape \(0,\)"):
        effective_classes(np.zeros(0, dtype=np.int64))
