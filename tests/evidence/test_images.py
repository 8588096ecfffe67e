import math

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.evidence.images import Resampled, averaged


def test_noise_is_the_variance_of_the_mean() -> None:
    e = np.random.default_rng(0).standard_normal((3, 50))
    row = averaged(e, [1 / 3] * 3)
    slow = [sum(float(e[j, i]) for j in range(3)) / 3 for i in range(50)]
    mean = sum(slow) / 50
    assert row.noise.variance == pytest.approx(sum((x - mean) ** 2 for x in slow) / 49 / 50)
    assert row.noise.plus == 0.0


def test_counts_have_two_images_more() -> None:
    wrong = np.zeros((2, 100))
    assert averaged(wrong, [0.5, 0.5]).noise.beside() == pytest.approx((2 / 100) ** 2)
    thirds = np.tile([0.0, 0.3, 0.7, 1.0], 25)[None]
    assert averaged(thirds, [1.0]).noise.plus == pytest.approx(4 / 100**2)
    assert averaged(thirds, [1.0]).noise.beside(spread=1.0) == averaged(thirds, [1.0]).noise.variance


def test_what_is_continuous_has_none():
    rng = np.random.default_rng(0)
    for values in (rng.random((2, 100)), np.full((2, 100), 0.7), np.stack([np.zeros(100), rng.random(100)])):
        assert averaged(values, [0.5, 0.5]).noise.plus == 0.0


def test_what_both_share_cancels() -> None:
    rng = np.random.default_rng(0)
    hard = rng.standard_normal(40)
    a, b = averaged((hard + 1.0)[None], [1.0]), averaged(hard[None], [1.0])
    assert a.minus(b).noise.variance == pytest.approx(0.0, abs=1e-25)
    assert a.minus(b, 2.0).noise.variance == pytest.approx(hard.var(ddof=1) / 40)


def test_resampled_numbers_have_the_variance_of_their_resamples() -> None:
    values = np.random.default_rng(0).standard_normal((2, 500))
    row = averaged(Resampled(values, 80), [0.5, 0.5])
    assert row.noise.variance == pytest.approx(values.mean(0).var(ddof=1))
    assert row.noise.images == 80
    e = Resampled(values, 80).estimate(0.0, 1)
    assert (e.low, e.high) == pytest.approx(tuple(np.quantile(values[1], [0.025, 0.975])))
    assert not Resampled(np.full((1, 9), math.nan), 80).estimate(0.0).known


def test_bad_input() -> None:
    with pytest.raises(UsageError, match="one row for each of 3"):
        averaged(np.zeros((2, 5)), [1.0, 1.0, 1.0])
    with pytest.raises(UsageError, match="same images in the same order"):
        averaged(np.zeros((1, 5)), [1.0]).minus(averaged(np.zeros((1, 6)), [1.0]))
    assert math.isnan(averaged(np.zeros((1, 1)), [1.0]).noise.variance)
    assert math.isnan(averaged(np.array([[0.0, math.nan, 1.0]]), [1.0]).noise.variance)
