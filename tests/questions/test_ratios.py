import math

import numpy as np
import pytest

from transferscope.questions._ratios import ratio


def test_a_ratio_is_the_median_over_places_of_geometric_means_over_networks():
    above = np.array([[8.0, 2.0, 1.0], [2.0, 2.0, 4.0]])  # geometric means 4, 2, 2
    below = np.array([[1.0, 2.0, 0.5]])
    got = ratio(above, below)
    assert got.value == pytest.approx(4)  # the median of 4, 1 and 4
    assert (got.least, got.most) == pytest.approx((2, 2))  # medians of 8, 1, 2 and of 2, 1, 8
    assert got.networks == (2, 1)
    assert got.low is None
    assert got.verdict == "cannot tell"
    assert got.told == "4.00 (network by network 2.00 to 2.00) times"


def test_the_interval_is_that_of_the_resampled_numbers():
    draws = np.linspace(2, 4, 101)[None, None]
    got = ratio(np.array([[3.0]]), np.array([[1.0]]), (draws, np.ones((1, 1, 101))))
    assert (got.low, got.high) == pytest.approx((2.05, 3.95), rel=1e-3)
    assert got.verdict == "agrees"
    assert ratio(np.array([[1.0]]), np.array([[3.0]]), (np.ones((1, 1, 101)), draws)).verdict == "disagrees"


def test_places_are_resampled_when_there_are_enough():
    above = np.arange(1.0, 12.0)[None]
    got = ratio(above, np.ones((1, 11)))
    assert got.value == pytest.approx(6)
    assert 2 < got.low < 6 < got.high < 10
    again = ratio(above, np.ones((1, 11)))
    assert (got.low, got.high) == (again.low, again.high)


def test_infinite_numbers_and_places_without_one():
    above = np.array([[math.inf, math.inf, 2.0, math.nan]])
    below = np.array([[math.inf, 1.0, 1.0, 1.0]])
    got = ratio(above, below)  # 1, infinite and 2: the fourth place plays no part
    assert got.value == pytest.approx(2)
    nothing = ratio(np.array([[0.0]]), np.array([[0.0]]))
    assert math.isnan(nothing.value)
    assert nothing.verdict == "cannot tell"
    endless = ratio(np.array([[math.inf]]), np.array([[1.0]]))
    assert endless.value == math.inf
    assert endless.told == "∞ times"
