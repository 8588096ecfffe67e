import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast
from transferscope.evidence.draws import draws_of_networks, over_draws

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
    found = draws_of_networks(values)
    ends = stats.ttest_1samp([sum(row) / 50 for row in values], 0.0).confidence_interval(0.95)
    e = found.mean()
    assert (e.low, e.high, e.n, e.over) == (pytest.approx(ends.low), pytest.approx(ends.high), 4, "networks")
    assert contrast(found.values, found.values + 1).value == pytest.approx(-1.0)


@pytest.mark.parametrize("shared", [False, True])
def test_monte_carlo_error(shared):
    rng, networks = RNG(0), RNG(1).standard_normal((3, 1))
    means, errors = [], []
    for _ in range(2000):
        noise = rng.standard_normal((1, 6)) + np.zeros((3, 1)) if shared else rng.standard_normal((3, 6))
        found = draws_of_networks(networks + noise, shared=shared)
        means.append(found.values.mean())
        errors.append(found.error**2)
    assert np.var(means) == pytest.approx(np.mean(errors), rel=0.1)


def test_bad_input():
    assert over_draws([1.0]).over == "nothing"
    assert math.isnan(over_draws([1.0, math.nan]).value)
    assert math.isnan(over_draws([]).value)
    assert math.isnan(draws_of_networks(np.ones((3, 1))).error)
    assert math.isnan(draws_of_networks(np.array([[1.0, math.nan], [1.0, 2.0]])).error)
    with pytest.raises(UsageError, match="at least one draw"):
        draws_of_networks(np.ones((3, 0)))
