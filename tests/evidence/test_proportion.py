import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.proportion import correlation, proportion


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20), (700, 1000)])
def test_proportion_is_wilsons(k, n):
    z, p = stats.norm.ppf(0.95), k / n
    centre = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n**2)
    e = proportion(k, n, level=0.9)
    assert (e.low, e.high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert (e.over, e.n, e.general, e.p(0.5)) == ("images", n, False, None)


def test_correlation_is_fishers():
    x, y = np.random.default_rng(0).standard_normal((2, 12))
    found = stats.pearsonr(x, y)
    ends = found.confidence_interval(0.95)
    e = correlation(x, y)
    assert (e.value, e.low, e.high) == pytest.approx((found.statistic, ends.low, ends.high))
    assert (e.over, e.n, e.general) == ("targets", 12, True)
    assert e.p() == pytest.approx(2 * stats.norm.sf(abs(math.atanh(found.statistic)) * 3))


def test_what_cannot_be_known():
    assert math.isnan(proportion(0, 0).value)
    assert correlation([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]).over == "nothing"
    for x, y in (
        ([1.0, 1.0, 1.0, 1.0], [1.0, 2.0, 3.0, 4.0]),
        ([1.0, 2.0, 3.0, math.nan], [1.0, 2.0, 3.0, 4.0]),
        ([], []),
    ):
        assert math.isnan(correlation(x, y).value)
    assert correlation([1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]).value == pytest.approx(1.0)


def test_errors_are_one_line():
    with pytest.raises(UsageError, match="expected 0 ≤ successes ≤ n"):
        proportion(5, 4)
    with pytest.raises(UsageError, match="as many of one as of the other"):
        correlation([1.0], [1.0, 2.0])
