import math

import numpy as np
import pytest
from scipy import stats

from transferscope.evidence.contrast import contrast, mean
from transferscope.evidence.draws import over_draws

RNG = np.random.default_rng


@pytest.mark.parametrize("n", [2, 4, 8])
def test_over_draws_is_students(n):
    x = RNG(n).standard_normal(n)
    ends = stats.ttest_1samp(x, 0.0).confidence_interval(0.95)
    e = over_draws(x)
    assert (e.low, e.high, e.n, e.over, e.general) == (
        pytest.approx(ends.low),
        pytest.approx(ends.high),
        n,
        "draws",
        False,
    )


def test_few_draws_hold_the_truth_as_often_as_they_say():
    rng = RNG(0)
    held = [e.low <= 0 <= e.high for e in (over_draws(rng.standard_normal(4)) for _ in range(1000))]
    assert np.mean(held) == pytest.approx(0.95, abs=0.02)


def test_networks_are_the_sample_however_many_draws_each_has():
    values = RNG(0).standard_normal((4, 50)) + RNG(1).standard_normal((4, 1))
    ends = stats.ttest_1samp([sum(row) / 50 for row in values], 0.0).confidence_interval(0.95)
    e = mean(values.mean(1))
    assert (e.low, e.high, e.n, e.over) == (pytest.approx(ends.low), pytest.approx(ends.high), 4, "networks")
    assert contrast(values.mean(1), values.mean(1) + 1).value == pytest.approx(-1.0)


def test_bad_input():
    assert over_draws([1.0]).over == "nothing"
    assert math.isnan(over_draws([1.0, math.nan]).value)
    assert math.isnan(over_draws([]).value)
