"""The best of several places: how often the true one is beaten, and how often a place is wrongly called close."""

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.evidence.draws import over_draws
from transferscope.evidence.near_best import near_best


def drawn(rng, truths, images=400, draws=5, own=0.3):
    """Right or wrong of each place, draw and image; what is hard for one place is hard for the others."""
    from scipy.stats import norm

    wander = 0.2 if draws > 1 else 0.0  # what draws do to all images; with one draw it is not seen
    shared = rng.normal(0, 1, images) + wander * rng.normal(0, 1, (draws, 1))
    noise = own * rng.normal(0, 1, (len(truths), draws, images))
    right = shared + noise < norm.ppf(np.array(truths))[:, None, None] * np.sqrt(1 + own**2 + wander**2)
    return right.mean(2), right.mean(1)


def test_the_true_best_is_seldom_beaten():
    rng = np.random.default_rng(0)
    lost = sum(0 not in near_best(*drawn(rng, [0.7] * 6)).tied for _ in range(200))
    assert lost <= 0.05 * 200 + 2 * np.sqrt(200 * 0.05)


def test_a_place_beyond_the_margin_is_seldom_called_close():
    rng = np.random.default_rng(1)
    false = sum(0 in near_best(*drawn(rng, [0.66, 0.7, 0.7]), margin=0.04).close for _ in range(200))
    assert false <= 0.05 * 200 + 2 * np.sqrt(200 * 0.05)


def test_what_is_clear_is_told():
    rng = np.random.default_rng(2)
    found = near_best(*drawn(rng, [0.4, 0.9, 0.9, 0.9], images=4000, own=0.05), margin=0.05)
    assert 0 not in found.tied and found.earliest == 1 and found.earliest_close == 1 and found.close == (1, 2, 3)
    assert found.estimate.over == "draws" and found.estimate.value == pytest.approx(0.9, abs=0.05)
    small = near_best(*drawn(rng, [0.88, 0.9], images=100, draws=1), margin=0.01)
    assert small.close == () and small.earliest_close is None and small.tied == (0, 1)
    assert small.estimate.over == "images"


def test_the_best_of_equals_is_not_over_its_worth():
    rng = np.random.default_rng(3)
    found = [near_best(*drawn(rng, [0.7] * 8, draws=1)).estimate for _ in range(300)]
    over = np.mean([e.low > 0.7 for e in found])
    assert over <= 0.025 + 2 * np.sqrt(0.025 / 300)
    assert abs(np.mean([e.value for e in found]) - 0.7) < 0.01


def test_draws_and_images_are_both_in_the_interval():
    values, rows = np.array([0.4, 0.5, 0.6]), np.random.default_rng(4).random((1, 50))
    both, draws = over_draws(values, rows), over_draws(values)
    assert both.spread == draws.spread and both.noise == pytest.approx(rows.var(ddof=1) / 50, rel=0.01)
    assert both.over == "draws" and both.images == 50 and both.low < draws.low
    assert over_draws([0.5], rows).over == "images"


def test_bad_input():
    with pytest.raises(UsageError, match=r"expected \(k, draws\)"):
        near_best(np.zeros((2, 1)), np.zeros((3, 5)))
    one = near_best(np.array([[0.5]]), np.array([[0.0, 1.0, 0.0, 1.0]]))
    assert one.tied == one.close == (0,)


def test_the_interval_of_the_best_holds_its_worth():
    """Over draws and images together, of four places one of which is the best by far."""
    rng = np.random.default_rng(5)
    found = [near_best(*drawn(rng, [0.8, *[0.5] * 3])).estimate for _ in range(200)]
    held = np.mean([e.low <= 0.8 <= e.high for e in found])
    assert held >= 0.95 - 2 * np.sqrt(0.05 * 0.95 / 200)
