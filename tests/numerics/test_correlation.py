import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.numerics import pearson
from transferscope.rng import numpy_generator


def test_r_p_and_interval_from_their_formulas():
    rng = numpy_generator("test pearson")
    x = rng.normal(size=60)
    y = 0.5 * x + rng.normal(size=60)
    got = pearson(x, y)
    r = np.corrcoef(x, y)[0, 1]
    assert got.r == pytest.approx(r, abs=1e-14)
    low, high = np.tanh(np.arctanh(r) + np.array([-1, 1]) * 1.959963984540054 / math.sqrt(57))
    assert (got.interval.low, got.interval.high) == pytest.approx((low, high), abs=1e-12)
    t = r * math.sqrt(58 / (1 - r * r))
    tail = np.mean(np.abs(rng.standard_t(58, size=200_000)) > abs(t))
    assert got.p == pytest.approx(tail, abs=5e-4 + 0.1 * tail)
    assert (got.n, got.dropped) == (60, 0)


@pytest.mark.parametrize("n", [3, 4, 12, 400])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_is_that_of_scipy(n, scale):
    rng = numpy_generator("test pearson", n)
    x = rng.normal(size=n)
    y = 3.0 + 0.8 * x + rng.normal(size=n)
    got, right = pearson(scale * x, y), stats.pearsonr(x, y)
    assert (got.r, got.p) == pytest.approx((right.statistic, right.pvalue), rel=1e-9)
    if n > 3:
        ends = right.confidence_interval(0.95)
        assert (got.interval.low, got.interval.high) == pytest.approx((ends.low, ends.high), rel=1e-9)


def test_pairs_that_are_not_finite_are_dropped_and_counted():
    got = pearson([1, 2, math.nan, 4, 5, 6], [2, 1, 3, 5, math.inf, 6])
    assert (got.n, got.dropped) == (4, 2)
    assert got.r == pearson([1, 2, 4, 6], [2, 1, 5, 6]).r


def test_too_little_says_so_instead_of_raising():
    assert math.isnan(pearson([1.0], [2.0]).r)
    constant = pearson([1.0, 1.0, 1.0], [1.0, 2.0, 3.0])
    assert math.isnan(constant.r) and math.isnan(constant.p) and constant.interval is None
    two = pearson([1.0, 2.0], [5.0, 3.0])
    assert two.r == pytest.approx(-1) and math.isnan(two.p) and two.interval is None
    three = pearson([1.0, 2.0, 3.0], [1.0, 2.0, 1.5])
    assert not math.isnan(three.p) and three.interval is None


def test_perfect_correlation():
    got = pearson(range(10), [3 * i + 1 for i in range(10)])
    assert got.r == pytest.approx(1) and got.p < 1e-12 and got.interval.high == pytest.approx(1)


def test_bad_input_is_named(unchecked):
    with pytest.raises(UsageError, match="3 and 2 numbers"):
        pearson([1.0, 2.0, 3.0], [1.0, 2.0])
    with pytest.raises(UsageError, match="confidence level 95"):
        pearson([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], level=95)
