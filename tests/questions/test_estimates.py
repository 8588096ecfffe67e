import math

import numpy as np
import pytest
from scipy import stats

from transferscope.questions._estimates import Estimate, difference, estimate, ratio


def wilson_ends(p, n):
    """Roots of (p̂ − p)² = z² p(1 − p)/n, the definition of Wilson's interval."""
    z = stats.norm.ppf(0.975)
    a, b, c = 1 + z * z / n, -2 * p - z * z / n, p * p
    return np.sort(np.roots([a, b, c]).real)


def test_three_runs_have_an_interval_over_seeds():
    got = estimate([0.7, 0.72, 0.77], 50)
    low, high = stats.t.interval(0.95, 2, np.mean([0.7, 0.72, 0.77]), stats.sem([0.7, 0.72, 0.77]))
    assert (got.value, got.low, got.high) == pytest.approx((0.73, low, high)) and got.over == "seeds"
    more = difference([0.7, 0.72, 0.77], [0.6, 0.61, 0.66], 50)
    want = stats.ttest_ind([0.7, 0.72, 0.77], [0.6, 0.61, 0.66], equal_var=False).confidence_interval(0.95)
    assert (more.low, more.high) == pytest.approx((want.low, want.high)) and more.over == "seeds"


def test_fewer_runs_have_one_over_test_images_and_only_for_shares():
    low, high = wilson_ends(0.8, 200)
    got = estimate([0.78, 0.82], 200)
    assert (got.value, got.low, got.high) == pytest.approx((0.8, low, high)) and got.over == "test images"
    assert estimate([0.78, 0.82]) == Estimate(pytest.approx(0.8)) and math.isnan(estimate([]).value)
    more = difference([0.8], [0.7], 200)
    (lx, ux), (ly, uy) = wilson_ends(0.8, 200), wilson_ends(0.7, 200)
    down, up = math.hypot(0.8 - lx, uy - 0.7), math.hypot(ux - 0.8, 0.7 - ly)
    assert (more.low, more.high) == pytest.approx((0.1 - down, 0.1 + up))
    assert difference([0.8], [0.7]).low is None and difference([], [0.7]).verdict == "cannot tell"
    assert difference([0.8, 0.8, 0.8], [0.7], 200).over == "test images"  # one run says nothing about seeds


def test_ratio_is_fiellers():
    """Its ends are where Welch's statistic of x − ρy is just t."""
    x, y = [0.2, 0.22, 0.25, 0.21], [0.5, 0.54, 0.49]
    got = ratio(x, y)
    assert got.value == pytest.approx(0.22 / 0.51)
    v, w, r = np.var(x, ddof=1) / 4, np.var(y, ddof=1) / 3, 0.22 / 0.51
    t = stats.t.ppf(0.975, (v + r * r * w) ** 2 / (v * v / 3 + (r * r * w) ** 2 / 2))
    grid = np.linspace(0, 2, 2_000_001)
    inside = grid[(0.22 - grid * 0.51) ** 2 <= t * t * (v + grid**2 * w)]
    assert (got.low, got.high) == pytest.approx((inside[0], inside[-1]), abs=2e-6) and got.over == "seeds"


def test_ratio_over_test_images():
    got = ratio([0.1], [0.4], 500)
    (la, ua), (lb, ub) = wilson_ends(0.1, 500), wilson_ends(0.4, 500)
    grid = np.linspace(0, 2, 2_000_001)
    inside = grid[(0.1 - grid * 0.4) ** 2 <= ((ua - la) / 2) ** 2 + grid**2 * ((ub - lb) / 2) ** 2]
    assert (got.low, got.high) == pytest.approx((inside[0], inside[-1]), abs=2e-6) and got.over == "test images"
    none = ratio([0.0], [0.4], 500)  # no error at all is not known to be none
    assert none.value == none.low == 0 and none.high > 0
    assert ratio([0.1], [0.002], 500).low is None  # an error that may be zero gives no upper end
    assert math.isnan(ratio([0.1], [0.0]).value)


def test_told():
    assert Estimate(0.1, 0.05, 0.15, "seeds").plain() == " (0.05 to 0.15 over seeds)"
    assert Estimate(0.1).plain() == "" and Estimate(0.1, 0.05, 0.15).verdict == "agrees"
