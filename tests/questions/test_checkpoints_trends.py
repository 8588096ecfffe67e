"""How often checkpoints would say what is not so, by simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from transferscope.evidence.contrast import mean
from transferscope.questions._counted import Series
from transferscope.questions.checkpoints.best import best_between
from transferscope.questions.checkpoints.trends import later, rise_time, trend


def at_most(wrong, cases, share=0.05):
    return wrong / cases <= share + 2 * math.sqrt(share * (1 - share) / cases)


def test_one_slope_a_seed_with_the_scatter_of_checkpoints():
    """Against regressions of scipy: the variance of the seeds' slopes, and that of the line through the means."""
    rng, x = np.random.default_rng(0), np.linspace(0, 1, 5)
    ys = rng.normal(size=(4, 5))
    each = [stats.linregress(x, y).slope for y in ys]
    line = stats.linregress(x, ys.mean(0))
    e = trend(Series(ys))
    assert e.value == pytest.approx(np.mean(each)) and e.value == pytest.approx(line.slope)
    assert e.spread == pytest.approx(np.var(each, ddof=1) / 4 + line.stderr**2)
    assert (e.over, e.n, e.freedom) == ("networks", 4, 3.0)
    half = stats.t.ppf(0.975, 3) * math.sqrt(e.spread)
    assert e.interval() == pytest.approx((e.value - half, e.value + half))
    images = rng.random((4, 5, 200))
    found = trend(Series(images.mean(2), images))
    rows = np.polyfit(x, images.transpose(1, 0, 2).reshape(5, -1), 1)[0].reshape(4, 200).mean(0)
    assert found.over == "networks and images" and found.noise == pytest.approx(rows.var(ddof=1) / 200)


@pytest.mark.parametrize(("seeds", "moments"), [(3, 6), (10, 6), (5, 4)])
def test_six_checkpoints_of_three_seeds_are_not_eighteen_numbers(seeds, moments):
    """The order of checkpoints does not matter here; each is lucky or not, and all seeds share its luck.

    Neither all runs together nor the slopes of the seeds alone can know that.
    """
    rng, x, cases = np.random.default_rng(0), np.linspace(0, 1, moments), 400
    wrong = pooled = alone = 0
    for _ in range(cases):
        luck = 0.02 * rng.normal(size=moments)
        ys = 0.6 + luck + 0.03 * rng.normal(size=(seeds, 1)) + 0.01 * rng.normal(size=(seeds, moments))
        e = trend(Series(ys))
        wrong += not e.low <= 0 <= e.high
        pooled += stats.linregress(np.tile(x, seeds), (ys - ys.mean(1, keepdims=True)).ravel()).pvalue < 0.05
        each = mean(np.polyfit(x, ys.T, 1)[0])
        alone += not each.low <= 0 <= each.high
    assert at_most(wrong, cases)
    assert pooled / cases > 0.2 and alone / cases > 0.3


def test_the_slope_of_a_given_sequence_of_checkpoints_is_held():
    """One sequence of checkpoints, its luck as it is: the interval holds its own slope, whatever the seeds do."""
    rng, x, cases = np.random.default_rng(1), np.linspace(0, 1, 6), 400
    luck = 0.02 * rng.normal(size=6)
    own, wrong = stats.linregress(x, luck).slope, 0
    for _ in range(cases):
        ys = (
            luck
            + 0.03 * rng.normal(size=(4, 1))
            + 0.02 * rng.normal(size=(4, 1)) * x
            + 0.01 * rng.normal(size=(4, 6))
        )
        e = trend(Series(ys))
        wrong += not e.low <= own <= e.high
    assert at_most(wrong, cases)


def test_a_trend_of_the_effect_that_is_listed_is_told():
    """Ten seeds, six checkpoints, spreads of one point each: 10 points, twice the claim's effect, nearly always."""
    rng, x, cases = np.random.default_rng(2), np.linspace(0, 1, 6), 200
    told = [0, 0]
    for _ in range(cases):
        for i, slope in enumerate((0.05, 0.1)):
            ys = slope * x + 0.01 * rng.normal(size=6) + 0.01 * rng.normal(size=(10, 6))
            told[i] += trend(Series(ys)).low > 0
    assert told[0] / cases > 0.75 and told[1] / cases > 0.95


def test_the_noisier_of_two_equal_curves_is_not_later():
    """The first epoch with 90 % of the highest value would be: noise lifts the highest value."""
    epochs, rng, cases = [0, 1, 2, 4, 8, 15], np.random.default_rng(0), 300
    shape, wrong, naive = np.array([0, 0.9, 0.97, 1, 1, 1]), 0, 0

    def reached(rows):
        return np.array([np.interp(0.9, np.maximum.accumulate((y - y[0]) / np.ptp(y)), epochs) for y in rows])

    for _ in range(cases):
        final = 0.4 + 0.1 * shape + 0.015 * rng.normal(size=(8, 6))
        speed = 0.4 + 0.3 * shape + 0.004 * rng.normal(size=(8, 6))
        e = later(epochs, Series(final), Series(speed))
        wrong += not e.low <= 0 <= e.high
        naive += mean(reached(final) - reached(speed)).low > 0
    assert at_most(wrong, cases)
    assert naive / cases > 0.15
    assert np.isnan(rise_time([0, 1], np.array([[0.5, 0.4]]))).all()


@pytest.mark.parametrize("validation", [True, False])
def test_the_best_of_equals_is_no_better(validation):
    """Four equal checkpoints between a bad one and an equal one; seeds differ, and so do images."""
    rng, cases, images = np.random.default_rng(0), 200, 200
    wrong = naive = 0
    for _ in range(cases):
        level = np.array([0.2, *[0.6] * 5]) + 0.03 * rng.normal(size=(5, 6))
        hard = rng.random(images)
        rows = (0.7 * hard + 0.3 * rng.random((5, 6, images)) < level[:, :, None]).astype(float)
        val = (rng.random((5, 6, 300)) < level[:, :, None]).mean(2)
        of = Series(rows.mean(2), rows)
        wrong += best_between(of, Series(val) if validation else None).over_last.low > 0
        top = of.values[:, 1:-1].mean(0).argmax() + 1
        naive += mean(of.values[:, top] - of.values[:, -1]).low > 0
    assert at_most(wrong, cases, 0.025) and naive / cases > 0.06
