"""Against the dense matrix: ``conv2d`` with its own padding applied to every unit vector, in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from transferscope.errors import UsageError
from transferscope.numerics.conv_norm import padded_conv_norm
from transferscope.numerics.conv_spectrum import conv_singular_values
from transferscope.rng import generator


@pytest.mark.parametrize(
    ("c_out", "c_in", "kernel", "size", "stride", "padding", "dilation", "groups"),
    [
        (3, 4, (3, 3), (6, 6), 1, 1, 1, 1),
        (5, 2, (3, 3), (5, 7), 1, 0, 1, 1),
        (4, 3, (2, 4), (6, 5), 1, (1, 2), 1, 1),
        (6, 2, (3, 3), (7, 8), 2, 1, 1, 1),
        (2, 3, (7, 7), (9, 9), 2, 3, 1, 1),
        (4, 2, (3, 3), (8, 8), 2, 2, 2, 1),
        (6, 2, (3, 3), (6, 6), 1, "same", 1, 3),
        (4, 3, (1, 1), (5, 5), 2, 0, 1, 1),
    ],
)
def test_equals_the_dense_matrix(c_out, c_in, kernel, size, stride, padding, dilation, groups):
    weight = torch.randn(c_out, c_in, *kernel, generator=generator("padded", c_out, c_in), dtype=torch.float64)
    geometry = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    unit = torch.eye(c_in * groups * size[0] * size[1], dtype=torch.float64).reshape(-1, c_in * groups, *size)
    dense = functional.conv2d(unit, weight, None, **geometry).flatten(1)
    expected = float(torch.linalg.matrix_norm(dense, 2))
    value, error = padded_conv_norm(weight, size, **geometry)
    assert abs(value - expected) < 1e-8 * expected
    assert 0 <= error < 1e-8 * expected


def test_zero_padding_is_below_circular_padding_and_near_it_on_large_images():
    weight = torch.randn(4, 4, 3, 3, generator=generator("near"), dtype=torch.float64)
    ratios = []
    for side in (6, 24):
        circular = conv_singular_values(weight, (side, side))[0]
        ratios.append(padded_conv_norm(weight, (side, side), padding=1)[0] / circular)
    assert ratios[0] < ratios[1] <= 1 + 1e-9
    assert ratios[1] > 0.97


def test_a_kernel_of_zeros_has_norm_zero():
    assert padded_conv_norm(torch.zeros(2, 2, 3, 3), (4, 4), padding=1) == (0.0, 0.0)


def test_float32_weights_are_computed_on_in_float64():
    weight = torch.randn(2, 3, 3, 3, generator=generator("single"))
    assert np.isclose(
        padded_conv_norm(weight, (5, 5), padding=1)[0], padded_conv_norm(weight.double(), (5, 5), padding=1)[0]
    )


def test_a_kernel_that_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="a 5×5 kernel with padding 0 does not fit an input of 3×3"):
        padded_conv_norm(torch.ones(1, 1, 5, 5), (3, 3))
