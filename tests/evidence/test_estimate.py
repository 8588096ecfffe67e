import itertools
import math

import numpy as np
import pytest
from scipy import stats

from transferscope.errors import UsageError
from transferscope.evidence.estimate import Estimate, measured, quantile


@pytest.mark.parametrize("difference", [0.0, 1e-3, 0.3, 2.0])
def test_p_is_that_of_students_test_where_only_networks_vary(difference: float) -> None:
    x = np.random.default_rng(1).normal(difference, 1.0, 6)
    e = measured(float(x.mean()), over="networks", n=6, spread=x.var(ddof=1) / 6, freedom=5.0)
    for reference in (0.0, 0.5, float(x.mean())):
        slow = stats.ttest_1samp(x, reference)
        assert e.p(reference) == pytest.approx(slow.pvalue, rel=1e-9, abs=1e-12)
        assert e.p_over(reference) == pytest.approx(stats.ttest_1samp(x, reference, alternative="greater").pvalue)
        assert e.p_under(reference) == pytest.approx(stats.ttest_1samp(x, reference, alternative="less").pvalue)
    ends = stats.ttest_1samp(x, 0.0).confidence_interval(0.9)
    assert e.interval(0.9) == pytest.approx((ends.low, ends.high))


@pytest.mark.parametrize("distance", [0.01, 1.0, 3.0, 6.5])
def test_p_is_that_of_the_normal_test_where_only_images_vary(distance: float) -> None:
    e = measured(distance, over="images", n=100, noise=1.0)
    assert e.p() == pytest.approx(2 * stats.norm.sf(distance), rel=1e-9)


def test_p_and_the_interval_agree_where_both_vary() -> None:
    e = measured(1.0, over="networks and images", n=6, spread=0.05, freedom=3.3, noise=0.08)
    for level in (0.5, 0.8, 0.9, 0.95, 0.999, 1 - 1e-9):
        low, high = e.interval(level) or (math.nan, math.nan)
        assert e.p(low) == pytest.approx(1 - level, rel=1e-5)
        assert e.p(high) == pytest.approx(1 - level, rel=1e-5)


def test_p_falls_with_distance_and_has_a_floor() -> None:
    e = measured(0.0, over="networks and images", n=6, spread=1.0, freedom=2.0, noise=1.0)
    ps = [e.p(x) or 0.0 for x in np.geomspace(1e-9, 1e12, 200)]
    assert all(a >= b for a, b in itertools.pairwise(ps))
    assert ps[0] == pytest.approx(1.0)
    assert ps[-1] == 1e-12
    assert e.p(0.0) == 1.0
    exact = measured(1.0, over="networks", n=3, spread=0.0, freedom=2.0)
    assert (exact.p(1.0), exact.p(1.1)) == (1.0, 1e-12)


@pytest.mark.parametrize("margin", [0.7, 0.99, 1.01, 1.6])
def test_one_sided_limits_and_p_decide_alike(margin: float) -> None:
    e = measured(1.0, over="networks and images", n=6, spread=0.05, freedom=3.0, noise=0.01)
    assert ((e.under(0.95) or 0) <= margin) == ((e.p_under(margin) or 1) <= 0.05)
    assert ((e.above(0.95) or 0) >= margin) == ((e.p_over(margin) or 1) <= 0.05)


def test_the_log_scale_is_that_of_the_logarithm() -> None:
    e = measured(2.0, over="networks", n=6, spread=0.04, freedom=4.0, scale="log")
    plain = measured(math.log(2.0), over="networks", n=6, spread=0.04, freedom=4.0)
    assert (e.low, e.high) == pytest.approx((math.exp(plain.low or 0), math.exp(plain.high or 0)))
    assert e.p(1.0) == pytest.approx(plain.p(0.0))
    assert e.p(0.0) is None
    assert measured(2.0, over="networks", n=3, spread=1e9, freedom=1.0, scale="log").high == math.inf


def test_the_fisher_scale_is_that_of_scipy() -> None:
    x, y = np.random.default_rng(0).standard_normal((2, 9))
    found = stats.pearsonr(x, y)
    e = measured(found.statistic, over="targets", n=9, noise=1 / 6, scale="fisher")
    for level in (0.8, 0.95):
        ends = found.confidence_interval(level)
        assert e.interval(level) == pytest.approx((ends.low, ends.high))
    assert e.p(1.0) is None
    assert measured(1.0, over="targets", n=9, noise=1 / 6, scale="fisher").low == pytest.approx(1.0)
    with pytest.raises(UsageError, match="no unit"):
        e.times(2.0)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_interval(bad: float) -> None:
    for e in (
        measured(bad, over="networks", n=3, spread=1.0, freedom=2.0),
        measured(0.0, over="networks", n=3, spread=bad, freedom=2.0),
        measured(0.0, over="networks and images", n=3, spread=1.0, freedom=2.0, noise=bad),
    ):
        assert not e.known
        assert e.over == "nothing"
        assert e.p() is None
        assert e.interval() is None
    assert not measured(0.0, over="networks", n=3, spread=1.0, freedom=2.0, scale="log").known


def test_other_units() -> None:
    e = measured(0.1, over="networks and images", n=6, spread=0.0004, freedom=4.0, noise=0.0001).times(-100)
    assert (e.value, e.low, e.high) == pytest.approx((-10.0, -15.889, -4.111), abs=1e-3)
    assert e.interval(0.8) == pytest.approx(
        measured(-10.0, over="networks", n=6, spread=4, freedom=4.0, noise=1).interval(0.8)
    )


def test_levels_and_quantiles() -> None:
    assert quantile(0.05, 7.5) == pytest.approx(stats.t.ppf(0.975, 7.5))
    assert quantile(0.05, math.inf) == quantile(0.05) == pytest.approx(stats.norm.ppf(0.975))
    with pytest.raises(UsageError, match="confidence level 1"):
        measured(0.0, over="images", n=3, noise=1.0).interval(1.0)
    assert Estimate(0.3).p() is None


def test_a_logarithm_as_its_ratio_has_the_same_p_and_the_same_interval() -> None:
    log = measured(0.4, over="networks and images", n=5, images=90, spread=0.02, freedom=4.0, noise=0.01)
    ratio = log.as_ratio()
    for level in (0.9, 0.95):
        assert ratio.interval(level) == pytest.approx(tuple(math.exp(end) for end in log.interval(level) or ()))
    assert (ratio.p(1.0), ratio.p_under(2.0)) == pytest.approx((log.p(0.0), log.p_under(math.log(2.0))))
    assert (ratio.over, ratio.n, ratio.images, ratio.general) == ("networks and images", 5, 90, True)
    assert math.isnan(Estimate(math.nan).as_ratio().value)
    assert Estimate(-math.inf).as_ratio().value > 0, "what a float cannot hold is no error"
    with pytest.raises(UsageError, match="is no logarithm"):
        ratio.as_ratio()
