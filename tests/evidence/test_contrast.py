import math

import numpy as np
import pytest
from scipy import optimize, stats

from transferscope.errors import UsageError
from transferscope.evidence.contrast import contrast, mean, ratio, ratio_of_means, reduction
from transferscope.evidence.images import Resampled

from .crossed import errors

RNG = np.random.default_rng


def test_mean_over_networks_is_students():
    x = RNG(0).standard_normal(5)
    e, slow = mean(x), stats.ttest_1samp(x, 0.0)
    ends = slow.confidence_interval(0.95)
    assert (e.value, e.low, e.high) == pytest.approx((x.mean(), ends.low, ends.high))
    assert (e.over, e.n, e.images) == ("networks", 5, 0)


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_contrast_over_networks_is_welchs(level):
    x, y = RNG(0).standard_normal(5), 3 * RNG(1).standard_normal(3)
    slow = stats.ttest_ind(x, y, equal_var=False)
    ends = slow.confidence_interval(level)
    e = contrast(x, y, level=level)
    assert (e.low, e.high) == pytest.approx((ends.low, ends.high))
    assert e.p() == pytest.approx(slow.pvalue)


def test_contrast_over_networks_and_images_is_the_sum_of_both_variances():
    a, b = errors(RNG(2), 3, 60)[0], errors(RNG(3), 4, 60)[1]
    e = contrast(a.mean(1), b.mean(1), (a, b))
    difference = [sum(a[j, i] for j in range(3)) / 3 - sum(b[j, i] for j in range(4)) / 4 for i in range(60)]
    value = sum(difference) / 60
    images = sum((d - value) ** 2 for d in difference) / 59 / 60
    slow = stats.ttest_ind(a.mean(1), b.mean(1), equal_var=False)
    networks = (value / slow.statistic) ** 2
    images += max(0.0, 4 / 60**2 - networks)
    half = math.sqrt(stats.t.ppf(0.975, slow.df) ** 2 * networks + stats.norm.ppf(0.975) ** 2 * images)
    assert (e.value, e.low, e.high) == pytest.approx((value, value - half, value + half))
    assert (e.over, e.n, e.images, e.general) == ("networks and images", 7, 60, True)


def test_with_two_networks_a_kind_it_speaks_of_these_networks():
    a, b = errors(RNG(2), 2, 60)
    e = contrast(a.mean(1), b.mean(1), (a, b))
    assert (e.over, e.n, e.general, e.spread) == ("images", 60, False, None)
    assert contrast([0.8, 0.6], [0.61, 0.62]).over == "nothing"
    assert contrast([0.8, 0.6, 0.7], [0.61, 0.62]).over == "nothing"
    assert mean(a.mean(1), a).over == "images"


def test_what_is_hard_for_both_kinds_cancels():
    hard = RNG(0).standard_normal(200)
    a, b = (hard + 0.01 * RNG(s).standard_normal((3, 200)) for s in (1, 2))
    paired, apart = (contrast(a.mean(1), b.mean(1), (a, b), paired=p) for p in (True, False))
    assert paired.noise < 1e-6 < 0.9 * 2 * hard.var() / 200 < apart.noise
    assert apart.images == 400


def test_one_kind_may_have_no_images():
    a = errors(RNG(2), 3, 60)[0]
    e = contrast([0.5, 0.5, 0.5], a.mean(1), (None, a))
    assert e.noise == pytest.approx(mean(a.mean(1), a).noise)
    assert contrast([1.0, 2.0, 4.0], [1.0, 2.0, 3.0], (None, None)).over == "networks"


def test_resampled_numbers_take_the_place_of_images():
    rng = RNG(0)
    x, y = rng.standard_normal((2, 3))
    a, b = rng.standard_normal((2, 3, 400))
    e = contrast(x, y, (Resampled(a, 90), Resampled(b, 90)))
    assert e.noise == pytest.approx((a.mean(0) - b.mean(0)).var(ddof=1))
    assert e.images == 90


def test_other_samples():
    assert mean([1.0, 2.0, 3.0], over="pre-trainings").over == "nothing"
    assert mean([1.0, 2.0, 3.0, 4.0], over="pre-trainings").over == "pre-trainings"
    assert contrast([1.0] * 4, [2.0] * 4, over="targets").over == "targets"


def test_ratio_is_the_contrast_of_logarithms():
    x, y = np.exp(RNG(0).standard_normal((2, 4)))
    e, plain = ratio(x, y), contrast(np.log(x), np.log(y))
    assert (e.value, e.low, e.high) == pytest.approx(tuple(math.exp(v) for v in (plain.value, plain.low, plain.high)))
    assert e.p(1.0) == pytest.approx(plain.p(0.0))


def test_ratio_with_images_by_resampling():
    rng = RNG(0)
    a, b = 1 + rng.exponential(1.0, (3, 300)), 2 + rng.exponential(1.0, (3, 300))
    e = ratio(a.mean(1), b.mean(1), (a, b))
    logs = []
    for _ in range(4000):
        i = rng.integers(0, 300, 300)
        logs.append(np.log(a[:, i].mean(1)).mean() - np.log(b[:, i].mean(1)).mean())
    assert e.noise == pytest.approx(np.var(logs), rel=0.08)


@pytest.mark.parametrize("images", [False, True])
def test_ratio_of_means_holds_what_fieller_accepts(images):
    a, b = errors(RNG(5), 4, 300, rate=0.4, shift=-0.2)
    x, y = a.mean(1), b.mean(1)
    e = ratio_of_means(x, y, (a, b) if images else None)
    v, w = x.var(ddof=1) / 4, y.var(ddof=1) / 4
    rho = x.mean() / y.mean()
    freedom = (v + rho**2 * w) ** 2 / ((v**2 + (rho**2 * w) ** 2) / 3)
    d = [a[:, i].mean() for i in range(300)], [b[:, i].mean() for i in range(300)]
    cov = np.cov(*d) / 300 + np.array([[4, 2], [2, 4]]) / 300**2

    def outside(r):
        half = stats.t.ppf(0.975, freedom) ** 2 * (v + r * r * w)
        half += images * stats.norm.ppf(0.975) ** 2 * (cov[0, 0] - 2 * r * cov[0, 1] + r * r * cov[1, 1])
        return (x.mean() - r * y.mean()) ** 2 - half

    assert e.value == pytest.approx(rho)
    assert e.low == pytest.approx(optimize.brentq(outside, -5, rho))
    assert e.high == pytest.approx(optimize.brentq(outside, rho, 5))
    assert e.p(1.0) is None
    less = reduction(x, y, (a, b) if images else None)
    assert (less.value, less.low, less.high) == pytest.approx((1 - e.value, 1 - e.high, 1 - e.low))


def test_ratio_of_means_where_a_mean_is_zero_or_nearly_so():
    assert ratio_of_means([0.0, 0.0, 0.0], [0.5, 0.4, 0.6]).value == 0.0
    assert not ratio_of_means([0.1, 0.2, 0.3], [0.01, 0.5, 0.03]).known
    assert math.isnan(ratio_of_means([0.1, 0.2, 0.3], [0.0, 0.0, 0.0]).value)
    assert not ratio_of_means([0.1, 0.2], [0.3, 0.4]).known
    a = np.zeros((1, 50))
    b = np.repeat([[0.0, 1.0]], 25, axis=1)
    e = ratio_of_means([0.0], [0.5], (a, b))
    assert (e.value, e.over) == (0.0, "images")
    assert 0.05 < e.high < 0.2


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_interval(bad):
    a = np.zeros((3, 10))
    for e in (
        mean([1.0, bad, 2.0]), mean([1.0, bad, 2.0], a), contrast([1.0, bad, 2.0], [1.0, 2.0, 3.0], (a, a)),
        ratio([1.0, bad, 2.0], [1.0, 2.0, 3.0]), ratio_of_means([1.0, 2.0, 3.0], [1.0, bad, 3.0]), mean([]),
        contrast([], [1.0]), ratio([], [1.0]), ratio([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
    ):  # fmt: skip
        assert math.isnan(e.value)
        assert not e.known
        assert e.p() is None
    e = mean([1.0, 2.0, 3.0], np.full((3, 4), bad))
    assert (e.value, e.known) == (2.0, False)


def test_errors_are_one_line():
    with pytest.raises(UsageError, match="one row for each of 3"):
        contrast([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], (np.zeros((2, 9)), np.zeros((3, 9))))
    with pytest.raises(UsageError, match="same images in the same order"):
        contrast([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], (np.zeros((3, 9)), np.zeros((3, 8))))
    with pytest.raises(UsageError, match="one number a network"):
        mean(np.zeros((2, 2)))
    with pytest.raises(UsageError, match="of 1 kinds; expected two"):
        contrast([1.0], [1.0], (np.zeros((1, 9)),))


def judged(n, images, cases, **how):
    """Share of cases in which zero lies outside the interval."""
    rng = RNG(n * images)
    outside = 0
    for _ in range(cases):
        a, b = errors(rng, n, images, **how)
        e = contrast(a.mean(1), b.mean(1), (a, b))
        outside += not e.low <= 0 <= e.high
    return outside / cases


@pytest.mark.parametrize(("n", "images"), [(3, 100), (3, 1000), (5, 400)])
@pytest.mark.parametrize("kind", [0.0, 0.7])
def test_kinds_that_are_alike_are_told_apart_in_five_percent_at_most(n, images, kind):
    assert judged(n, images, 300, kind=kind) <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 300)


def test_kinds_that_differ_are_told_apart():
    assert judged(4, 1000, 200, shift=0.2) >= 0.8
