"""Rank correlations over networks: τ and ψ against plain loops, intervals against leaving networks out one by one."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from transferscope.errors import UsageError
from transferscope.evidence.ranks import granulated, rank_contrast, rank_correlation
from transferscope.rng import numpy_generator


def numbers(n=20, ties=True):
    rng = numpy_generator("test ranks")
    g = rng.standard_normal(n)
    x, y = g + rng.standard_normal(n), g + 0.5 * rng.standard_normal(n)
    return (x, np.round(y, 1)) if ties else (x, y)


@pytest.mark.parametrize("ties", [False, True])
def test_tau_is_scipys_and_its_variance_that_of_leaving_networks_out(ties):
    x, y = numbers(ties=ties)
    found, n = rank_correlation(x, y), len(x)
    assert found.value == pytest.approx(kendalltau(x, y).statistic, abs=1e-12)
    left = [math.atanh(kendalltau(np.delete(x, j), np.delete(y, j)).statistic) for j in range(n)]
    assert found.spread == pytest.approx((n - 1) / n * sum((t - np.mean(left)) ** 2 for t in left), rel=1e-9)
    assert (found.over, found.n, found.freedom, found.scale) == ("networks", n, n - 1, "fisher")
    assert -1 < found.low < found.value < found.high < 1


def test_infinite_numbers_are_the_largest_and_tie():
    y = np.arange(12.0)
    x = y.copy()
    x[-2:] = np.inf
    ranks = y.copy()
    ranks[-2:] = 99.0
    assert rank_correlation(x, y).value == pytest.approx(kendalltau(ranks, y).statistic)


def test_images_add_what_resampling_them_changes():
    rng = numpy_generator("images")
    wrong = (rng.random((15, 80)) < np.linspace(0.1, 0.6, 15)[:, None]).astype(float)
    x, y = np.arange(15.0), wrong.mean(1)
    found = rank_correlation(x, y, wrong)
    assert (found.over, found.images) == ("networks and images", 80)
    again = [kendalltau(x, wrong[:, rng.integers(0, 80, 80)].mean(1)).statistic for _ in range(500)]
    assert found.noise == pytest.approx(np.var(np.arctanh(again)), rel=0.35)
    assert found.low < rank_correlation(x, y).low


def test_a_difference_is_that_of_two_taus_over_the_same_networks():
    x, y = numbers()
    other = y + numpy_generator("other").standard_normal(len(y))
    found, n = rank_contrast(x, other, y), len(x)

    def difference(kept):
        return kendalltau(x[kept], y[kept]).statistic - kendalltau(other[kept], y[kept]).statistic

    every = np.arange(n)
    assert found.value == pytest.approx(difference(every))
    left = np.array([difference(np.delete(every, j)) for j in every])
    assert found.spread == pytest.approx((n - 1) / n * ((left - left.mean()) ** 2).sum())
    assert rank_contrast(x, x, y).value == 0


def test_networks_of_a_group_are_left_out_together():
    x, y = numbers(30)
    other, groups = np.roll(x, 3), [i // 2 for i in range(30)]
    found, contrast = rank_correlation(x, y, groups=groups), rank_contrast(x, other, y, groups=groups)
    kept = [np.flatnonzero(np.array(groups) != g) for g in range(15)]
    left = np.arctanh([kendalltau(x[k], y[k]).statistic for k in kept])
    assert (found.n, found.freedom) == (15, 14) and found.value == rank_correlation(x, y).value
    assert found.spread == pytest.approx(14 / 15 * ((left - left.mean()) ** 2).sum())
    both = np.array([kendalltau(x[k], y[k]).statistic - kendalltau(other[k], y[k]).statistic for k in kept])
    assert contrast.spread == pytest.approx(14 / 15 * ((both - both.mean()) ** 2).sum()) and contrast.n == 15
    assert rank_correlation(x, y, groups=[i // 3 for i in range(30)]).over == "nothing"  # ten are too few
    with pytest.raises(UsageError, match="groups of 2 networks for 30; give one a network"):
        rank_correlation(x, y, groups=[0, 1])


def test_psi_leaves_networks_of_equal_hyper_parameters_out_together():
    factors = [{"width": w, "depth": d} for w in range(6) for d in range(2) for _ in range(3)]
    rng = numpy_generator("granulated groups")
    x, y = rng.standard_normal(36), rng.standard_normal(36)
    mean = granulated(factors, x, y).mean
    left = [
        granulated(*([v for i, v in enumerate(of) if i // 3 != g] for of in (factors, x, y))).mean.value
        for g in range(12)
    ]
    assert mean.n == 12 and mean.spread == pytest.approx(11 / 12 * np.var(left) * 12)


def test_psi_compares_networks_that_differ_in_one_thing():
    factors = [
        {"width": w, "depth": d, "lr": r}
        for w, d, r in itertools.product((1, 2, 3), (0, 1), ("low", "high"))
    ]  # fmt: skip
    rng = numpy_generator("granulated")
    x, y = rng.standard_normal(12), rng.standard_normal(12)
    found = granulated(factors, x, y)
    for name, psi, pairs in zip(found.factors, found.each, found.pairs, strict=True):
        agree = [
            np.sign(x[i] - x[j]) * np.sign(y[i] - y[j])
            for i, j in itertools.combinations(range(12), 2)
            if [k for k in factors[i] if factors[i][k] != factors[j][k]] == [name]
        ]
        assert (psi.value, pairs) == (pytest.approx(np.mean(agree)), len(agree))
    assert found.mean.value == pytest.approx(np.mean([e.value for e in found.each]))
    left = [
        granulated(np.delete(factors, j).tolist(), np.delete(x, j), np.delete(y, j)).mean.value for j in range(12)
    ]
    assert found.mean.spread == pytest.approx(11 / 12 * np.var(left) * 12)


def test_a_measure_that_follows_one_thing_has_a_large_tau_and_a_small_psi():
    """Jiang et al.'s reason to granulate: error and measure both follow width; all else is opposed."""
    factors = [{"width": w, "lr": r, "batch": b} for w, r, b in itertools.product(range(6), range(2), range(2))]
    y = np.array([10 * f["width"] + f["lr"] + 2 * f["batch"] for f in factors], dtype=float)
    x = np.array([10 * f["width"] - f["lr"] - 2 * f["batch"] for f in factors], dtype=float)
    found = granulated(factors, x, y)
    assert rank_correlation(x, y).value > 0.7 and found.mean.value == pytest.approx(-1 / 3)
    assert dict(zip(found.factors, [e.value for e in found.each], strict=True)) == {"width": 1, "lr": -1, "batch": -1}


def test_what_cannot_be_told_is_not():
    assert rank_correlation(np.arange(11.0), np.arange(11.0)).over == "nothing"
    assert math.isnan(rank_correlation([math.nan, *range(12)], range(13)).value)
    assert math.isnan(rank_correlation(np.ones(12), np.arange(12.0)).value)
    assert not granulated([{"width": 1}] * 12, np.arange(12.0), np.arange(12.0)).each
    with pytest.raises(UsageError, match="ranks of 2 and 3 numbers; give as many of one as of the other"):
        rank_correlation([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(UsageError, match="hyper-parameters of 1 networks for 2 numbers"):
        granulated([{}], [1.0, 2.0], [1.0, 2.0])
