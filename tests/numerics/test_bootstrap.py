import math

import numpy as np
import pytest
import torch
from scipy import stats

from transferscope.errors import UsageError
from transferscope.numerics import (
    bootstrap,
    bootstrap_mean,
    bootstrap_statistic,
    entezari_height,
    percentile_interval,
    resampled_means,
)
from transferscope.rng import generator, numpy_generator


def values(*shape, seed=0):
    return torch.rand(*shape, generator=generator("test bootstrap", seed), dtype=torch.float64)


def test_mean_agrees_with_scipy_and_with_the_normal_interval():
    x = values(500) ** 3
    got = bootstrap_mean(x, seed=0, resamples=10_000)
    other = stats.bootstrap(
        (x.numpy(),), np.mean, n_resamples=10_000, method="percentile", rng=numpy_generator("scipy")
    ).confidence_interval
    error = x.std().item() / math.sqrt(500)
    assert got.low == pytest.approx(other.low, abs=0.08 * error)
    assert got.high == pytest.approx(other.high, abs=0.08 * error)
    assert got.low == pytest.approx(x.mean().item() - 1.96 * error, abs=0.12 * error)
    assert got.high == pytest.approx(x.mean().item() + 1.96 * error, abs=0.12 * error)


def test_resamples_are_draws_with_replacement():
    n, m = 6, 6
    means = resampled_means(torch.eye(m), seed=3, resamples=4000)  # row i: share of example i in the resample
    counts = means * n
    assert torch.allclose(counts, counts.round(), atol=1e-9) and torch.allclose(means.sum(1), torch.ones(1).double())
    # Multinomial moments: variance n·(1/n)(1 − 1/n), covariance −n·(1/n)².
    covariance = torch.cov(counts.T)
    expected = torch.eye(n, dtype=torch.float64) - 1 / n
    assert (covariance - expected).abs().max() < 0.08


def test_same_seed_same_draws_whatever_the_rows_and_chunks(monkeypatch):
    x = values(3, 50)
    whole = resampled_means(x, seed=5, resamples=40)
    assert torch.equal(whole, resampled_means(x, seed=5, resamples=40))
    assert (whole[:, 1:2] - resampled_means(x[1:2], seed=5, resamples=40)).abs().max() < 1e-14
    assert not torch.allclose(whole, resampled_means(x, seed=6, resamples=40))
    monkeypatch.setattr(bootstrap, "_CHUNK", 70)
    assert (whole - resampled_means(x, seed=5, resamples=40)).abs().max() < 1e-14


def test_rows_share_a_resample_so_differences_are_paired():
    x = values(400)
    better = torch.stack([x, x - 0.01])
    paired = bootstrap_statistic(lambda m: m[:, 0] - m[:, 1], better, seed=0)
    assert (paired.low, paired.high) == pytest.approx((0.01, 0.01))
    alone = bootstrap_mean(x, seed=0)
    assert alone.high - alone.low > 0.04


def test_interval_of_a_barrier_against_a_plain_loop():
    lambdas = torch.linspace(0, 1, 5)
    wrong = (values(5, 200) < torch.tensor([0.1, 0.3, 0.5, 0.3, 0.15])[:, None]).double()
    got = bootstrap_statistic(lambda means: entezari_height(lambdas, means).height, wrong, seed=1, resamples=3000)
    rng = numpy_generator("plain loop")
    heights = []
    for _ in range(3000):
        e = wrong.numpy()[:, rng.integers(0, 200, 200)].mean(1)
        heights.append(max(e[i] - ((1 - t) * e[0] + t * e[-1]) for i, t in enumerate(np.linspace(0, 1, 5))))
    assert (got.low, got.high) == pytest.approx(tuple(np.quantile(heights, [0.025, 0.975])), abs=0.012)
    point = entezari_height(lambdas, wrong.mean(1)).height.item()
    assert got.low < point < got.high


def test_percentiles():
    draws = torch.randperm(1001, generator=generator(0)).double()
    got = percentile_interval(draws, 0.9)
    assert (got.low, got.high, got.level) == (pytest.approx(50), pytest.approx(950), 0.9)


def test_what_is_not_finite_gives_nan():
    x = values(20)
    x[3] = math.nan
    got = bootstrap_mean(x, seed=0, resamples=20)
    assert math.isnan(got.low) and math.isnan(got.high)
    x[3] = math.inf
    assert math.isnan(bootstrap_mean(x, seed=0, resamples=20).high)


def test_bad_input_is_named(unchecked):
    with pytest.raises(UsageError, match=r"shape \(1, 0\); expected rows of at least one example"):
        bootstrap_mean(torch.zeros(0), seed=0)
    with pytest.raises(UsageError, match="0 resamples"):
        bootstrap_mean(torch.zeros(3), seed=0, resamples=0)
    with pytest.raises(UsageError, match="confidence level 95"):
        bootstrap_mean(torch.zeros(3), seed=0, level=95)
    with pytest.raises(UsageError, match=r"draws of shape \(0,\)"):
        percentile_interval(torch.zeros(0))
