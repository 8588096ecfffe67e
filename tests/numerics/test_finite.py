"""Features that are not finite are refused, large ones are not."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.finite import check_finite


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("number", [torch.float16, torch.float32, torch.float64])
def test_one_number_that_is_not_finite_is_enough(wrong, number):
    plain, other = torch.ones(7, 5, dtype=number), torch.ones(7, 5, dtype=number)
    check_finite(plain, other)
    other[3, 2] = wrong
    with pytest.raises(UsageError, match="features are not all finite; the network or its input"):
        check_finite(plain, other)


def test_two_that_cancel_are_seen():
    with pytest.raises(UsageError, match="not all finite"):
        check_finite(torch.tensor([math.inf, -math.inf]))


@pytest.mark.parametrize("number", [torch.float16, torch.float32, torch.float64])
def test_a_sum_that_grows_too_large_is_no_fault(number):
    check_finite(torch.full((300,), torch.finfo(number).max, dtype=number))
