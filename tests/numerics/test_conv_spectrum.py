"""Against the dense matrix: ``conv2d`` with circular padding applied to every unit vector, in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from transferscope.errors import UsageError
from transferscope.numerics.conv_spectrum import conv_singular_values, conv_spectrum
from transferscope.rng import generator


def dense(weight, size, stride, dilation, groups):
    c_in = weight.shape[1] * groups
    unit = torch.eye(c_in * size[0] * size[1], dtype=torch.float64).reshape(-1, c_in, *size)
    reach = [dilation * (k - 1) for k in weight.shape[2:]]
    times = [1 + -(-r // n) for r, n in zip(reach, size, strict=True)]  # a kernel may wrap around more than once
    tiled = unit.repeat(1, 1, *times)[:, :, : size[0] + reach[0], : size[1] + reach[1]]
    out = functional.conv2d(tiled, weight, stride=stride, dilation=dilation, groups=groups)
    return np.linalg.svd(out.reshape(len(unit), -1).numpy(), compute_uv=False)


@pytest.mark.parametrize(
    ("c_out", "c_in", "kernel", "size", "stride", "dilation", "groups"),
    [
        (3, 4, (3, 3), (6, 6), 1, 1, 1),
        (5, 2, (3, 3), (5, 7), 1, 1, 1),
        (4, 3, (2, 4), (6, 5), 1, 1, 1),
        (6, 2, (3, 3), (6, 8), 2, 1, 1),
        (2, 3, (7, 7), (8, 8), 2, 1, 1),
        (3, 3, (3, 3), (9, 6), 3, 1, 1),
        (4, 3, (1, 1), (5, 5), 1, 1, 1),
        (4, 3, (1, 1), (6, 6), 2, 1, 1),
        (3, 2, (3, 3), (7, 7), 1, 2, 1),
        (4, 2, (3, 3), (8, 8), 2, 2, 1),
        (4, 1, (3, 3), (6, 6), 1, 1, 4),
        (6, 2, (3, 3), (6, 6), 2, 1, 3),
        (2, 2, (5, 5), (3, 3), 1, 1, 1),
        (2, 2, (4, 4), (8, 8), 4, 1, 1),
    ],
)
def test_equals_the_dense_matrix(c_out, c_in, kernel, size, stride, dilation, groups):
    g = generator("spectrum", c_out, c_in, stride)
    weight = torch.randn(c_out, c_in, *kernel, generator=g, dtype=torch.float64)
    expected = dense(weight, size, stride, dilation, groups)
    found = conv_singular_values(weight, size, stride=stride, dilation=dilation, groups=groups)
    n = len(found)
    assert n <= len(expected)
    np.testing.assert_allclose(found, expected[:n], atol=1e-12 * expected[0], rtol=0)
    assert np.abs(expected[n:]).max(initial=0.0) < 1e-12 * expected[0]


def test_small_singular_values_keep_their_digits():
    g = generator("rank")
    low = torch.randn(8, 2, generator=g, dtype=torch.float64) @ torch.randn(
        2, 8 * 9, generator=g, dtype=torch.float64
    )
    weight = (low + 1e-7 * torch.randn(8, 72, generator=g, dtype=torch.float64)).reshape(8, 8, 3, 3)
    found = conv_singular_values(weight, (6, 6))
    expected = dense(weight, (6, 6), 1, 1, 1)
    np.testing.assert_allclose(found, expected, atol=1e-12 * expected[0], rtol=0)


def test_the_norm_is_preserved():
    weight = torch.randn(16, 8, 3, 3, generator=generator("frobenius"), dtype=torch.float64)
    found = conv_singular_values(weight, (12, 10))
    assert np.isclose((found**2).sum(), 120 * weight.square().sum().item(), rtol=1e-12)


def test_sides_that_the_stride_does_not_divide_are_refused():
    with pytest.raises(UsageError, match=r"input of 7×7 with stride .*; use 8×8"):
        conv_singular_values(torch.ones(1, 1, 3, 3), (7, 7), stride=2)
    with pytest.raises(UsageError, match="3 groups do not divide 4 output channels"):
        conv_singular_values(torch.ones(4, 1, 3, 3), (6, 6), groups=3)


@pytest.mark.parametrize("geometry", [{}, {"stride": 2}, {"groups": 4}, {"dilation": 2}])
def test_counted_values_are_the_same_without_repetitions(geometry):
    weight = torch.randn(8, 8 // geometry.get("groups", 1), 3, 3, generator=generator("counted"))
    every = conv_singular_values(weight, (8, 6), **geometry)
    values, counts = conv_spectrum(weight, (8, 6), **geometry, workers=1)
    np.testing.assert_array_equal(np.repeat(values, counts), every)
    assert counts.sum() == len(every) > len(values)
    assert (np.diff(values) <= 0).all()


def test_phases_that_no_tap_meets_add_zeros():
    weight = torch.randn(9, 2, 1, 1, generator=generator("phases"))
    values, counts = conv_spectrum(weight, (4, 4), stride=2)
    assert values[-1] == 0.0
    assert counts.tolist() == [4, 4, 24]  # 8 inputs a position in four phases, of which one is looked at
