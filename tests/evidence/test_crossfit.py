import math

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.evidence.crossfit import cross_fitted, halves


def best_of(values):
    return lambda half: max(range(len(values)), key=lambda j: sum(values[j, i] for i in half))


def test_each_image_is_measured_at_the_choice_of_the_other_half():
    values = np.random.default_rng(0).standard_normal((5, 21))
    found = cross_fitted(best_of(values), lambda j: values[j], 21, seed=3)
    one, two = (set(np.flatnonzero(h)) for h in (found.first, ~found.first))
    assert (len(one), len(two), one & two) == (10, 11, set())
    for i in range(21):
        other = sorted(two if i in one else one)
        assert found.values[i] == values[best_of(values)(other), i]
    assert found.chosen == (best_of(values)(sorted(two)), best_of(values)(sorted(one)))


def test_halves_come_from_the_seed():
    assert (halves(50, 1) == halves(50, 1)).all()
    assert (halves(50, 1) != halves(50, 2)).any()


def test_the_variance_is_that_of_the_mean_and_two_fifths_more():
    values = np.random.default_rng(0).standard_normal((1, 50))
    e = cross_fitted(lambda half: 0, lambda j: values[j], 50).estimate()
    assert e.noise == pytest.approx(1.4 * values[0].var(ddof=1) / 50)


def test_several_numbers_an_image():
    values = np.random.default_rng(0).standard_normal((5, 2, 20))
    found = cross_fitted(lambda half: 3, lambda j: values[j], 20)
    assert (found.values == values[3]).all()
    with pytest.raises(UsageError, match="expected one number an image"):
        found.estimate()


@pytest.mark.parametrize("candidates", [2, 10])
def test_the_best_of_equals_is_no_better_than_the_others(candidates):
    rng, crossed, naive = np.random.default_rng(0), [], []
    for case in range(600):
        right = (rng.random((candidates, 200)) < 0.7).astype(float)
        found = cross_fitted(
            lambda h, right=right: int(right[:, h].mean(1).argmax()), right.__getitem__, 200, seed=case
        )
        crossed.append(found.estimate())
        naive.append(right.mean(1).max())
    assert np.mean(naive) > 0.715
    assert np.mean([e.value for e in crossed]) == pytest.approx(0.7, abs=0.005)
    assert np.mean([e.low > 0.7 for e in crossed]) <= 0.05
    assert np.mean([e.high < 0.7 for e in crossed]) <= 0.04


def test_bad_input():
    with pytest.raises(UsageError, match="at least 2 images"):
        cross_fitted(lambda half: 0, lambda j: np.zeros(1), 1)
    assert math.isnan(cross_fitted(lambda half: 0, lambda j: np.full(4, math.nan), 4).estimate().value)
