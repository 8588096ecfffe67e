"""The simulated errors have the rates and likenesses that they are said to have."""

import numpy as np
import pytest
from calibrate.latent import alike, changed, disagreement, errors_of, kinds_alike
from scipy import stats
from tests.evidence.crossed import errors


def test_two_kinds_are_those_of_the_evidence_tests():
    ours = errors_of(np.random.default_rng(3), 4, 50, (0.4, 0.3))
    theirs = errors(np.random.default_rng(3), 4, 50, rate=0.3, shift=0.1)
    # The tests' threshold is −total·Φ⁻¹(rate) as here, so all errors are the same ones.
    assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.8])
def test_disagreement_is_that_of_two_normal_numbers(correlation):
    h = stats.norm.ppf(0.3)
    both = stats.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]]).cdf([h, h])
    assert disagreement(0.3, correlation) == pytest.approx(2 * (0.3 - both), abs=1e-6)
    assert alike(0.3, disagreement(0.3, correlation)) == pytest.approx(correlation, abs=1e-9)


def test_likeness_within_and_across():
    first, second = kinds_alike(np.random.default_rng(0), 2, 200_000, 0.3, (0.6, 0.5), 0.4, network=0.0)
    assert (first[0] != first[1]).mean() == pytest.approx(disagreement(0.3, 0.6), abs=0.004)
    assert (second[0] != second[1]).mean() == pytest.approx(disagreement(0.3, 0.5), abs=0.004)
    assert (first[0] != second[0]).mean() == pytest.approx(disagreement(0.3, 0.4), abs=0.004)
    assert first.mean() == pytest.approx(0.3, abs=0.004)


def test_change_rises_by_what_is_asked():
    rise = changed(np.random.default_rng(0), 200, 2000, 0.05, rate=0.3, network=0.1)
    assert set(np.unique(rise)) == {-1.0, 0.0, 1.0}
    assert rise.mean() == pytest.approx(0.05, abs=0.01)
