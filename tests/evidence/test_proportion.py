import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast
from transferscope.evidence.proportion import correlation, paired_proportions, proportion


@pytest.mark.parametrize(("k", "n"), [(0, 20), (3, 20), (20, 20), (700, 1000)])
def test_proportion_is_wilsons(k, n):
    z, p = stats.norm.ppf(0.95), k / n
    centre = (p + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / 4 / n**2)
    e = proportion(k, n, level=0.9)
    assert (e.low, e.high) == pytest.approx((centre - half, centre + half), abs=1e-12)
    assert (e.over, e.n, e.general, e.p(0.5)) == ("images", n, False, None)


def test_paired_proportions_are_the_contrast_of_two_networks():
    rng = np.random.default_rng(0)
    a, b = (rng.random((2, 1, 300)) < 0.7).astype(float)
    slow = contrast(a.mean(1), b.mean(1), (a, b))
    e = paired_proportions(int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum()), 300)
    assert (e.value, e.low, e.high) == pytest.approx((slow.value, slow.low, slow.high))


@pytest.mark.parametrize(("first", "second"), [(0.02, 0.02), (0.1, 0.1), (0.3, 0.3)])
def test_two_networks_that_are_alike_are_told_apart_in_five_percent_at_most(first, second):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(200, [first, second, 1 - first - second], 2000)
    outside = [not e.low <= 0 <= e.high for e in (paired_proportions(int(b), int(c), 200) for b, c, _ in counts)]
    assert np.mean(outside) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 2000)


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
    assert math.isnan(paired_proportions(0, 0, 0).value)
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
    with pytest.raises(UsageError, match="sum to at most n"):
        paired_proportions(3, 3, 5)
    with pytest.raises(UsageError, match="as many of one as of the other"):
        correlation([1.0], [1.0, 2.0])
