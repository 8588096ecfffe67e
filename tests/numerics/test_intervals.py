import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.numerics import paired_difference, wilson
from transferscope.numerics.intervals import t_quantile
from transferscope.rng import numpy_generator


@pytest.mark.parametrize("k, n", [(0, 5), (5, 5), (3, 7), (830, 1000), (1, 100_000)])
def test_wilson_ends_where_the_score_test_no_longer_rejects(k, n):
    got = wilson(k, n, 0.9)
    assert 0 <= got.low <= k / n <= got.high <= 1
    z = stats.norm.ppf(0.95)
    for end in (got.low, got.high):  # |k/n − p| = z·√(p(1 − p)/n), which holds at p = k/n = 0 and 1, too
        assert abs(k / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), abs=1e-12)
    assert type(got.low) is type(got.high) is float
    assert (got.low == 0) == (k == 0) and (got.high == 1) == (k == n)


@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilson_is_that_of_scipy(level):
    for n in (1, 2, 7, 400, 100_000):
        for k in {0, 1, n // 3, n - 1, n}:
            right = stats.binomtest(k, n).proportion_ci(level, "wilson")
            assert wilson(k, n, level).low == pytest.approx(right.low, rel=1e-12, abs=1e-15)
            assert wilson(k, n, level).high == pytest.approx(right.high, rel=1e-12)


def test_wilson_keeps_its_level():
    n, p = 40, 0.15
    held = [stats.binom.pmf(k, n, p) for k in range(n + 1) if wilson(k, n).low <= p <= wilson(k, n).high]
    assert 0.93 < sum(held) < 0.98


def test_paired_difference_p_is_the_exact_binomial_test():
    for b, c in ((0, 0), (5, 5), (3, 9), (645, 832), (0, 12)):
        expected = stats.binomtest(b, b + c, 0.5).pvalue if b + c else 1.0
        assert paired_difference(b, c, 20_000).p == pytest.approx(expected, rel=1e-9)


def test_paired_difference_interval_approaches_the_paired_t_interval():
    b, c, n = 900, 700, 10_000
    d = np.r_[np.ones(b), -np.ones(c), np.zeros(n - b - c)]
    low, high = stats.t.interval(0.95, n - 1, d.mean(), stats.sem(d))
    got = paired_difference(b, c, n)
    assert got.difference == pytest.approx(0.02)
    assert (got.interval.low, got.interval.high) == pytest.approx((low, high), abs=2e-5)
    back = paired_difference(c, b, n)
    assert back.interval.low == -got.interval.high and back.p == got.p


def test_paired_difference_keeps_its_level_on_small_samples():
    rng = numpy_generator("coverage")
    counts = rng.multinomial(40, [0.15, 0.05, 0.8], size=1500)
    held = 0
    for b, c, _ in counts.tolist():
        interval = paired_difference(b, c, 40).interval
        held += interval.low <= 0.10 <= interval.high
    assert 0.93 < held / 1500 < 0.99
    assert paired_difference(0, 0, 40).interval.high > 0  # Wald's would have no width
    assert paired_difference(3, 0, 3).interval.high <= 1


def test_t_quantile():
    assert t_quantile(0.95, 7) == pytest.approx(stats.t.ppf(0.975, 7), rel=1e-12)


def test_bad_input_is_named(unchecked):
    with pytest.raises(UsageError, match=r"confidence level 1\.0"):
        wilson(1, 2, 1.0)
    with pytest.raises(UsageError, match="proportion 6 of 5"):
        wilson(6, 5)
    with pytest.raises(UsageError, match="proportion 0 of 0"):
        wilson(0, 0)
    with pytest.raises(UsageError, match="3 and 4 of 6 examples"):
        paired_difference(3, 4, 6)
