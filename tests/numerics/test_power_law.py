"""Power laws against SciPy from many starts, on known laws, and in the corners."""

import warnings

import numpy as np
import pytest
from scipy.optimize import curve_fit, nnls

from transferscope.errors import UsageError
from transferscope.numerics.hull import upper_hull
from transferscope.numerics.law_profile import floor_profile
from transferscope.numerics.law_resampling import laws_of_halves, laws_of_images
from transferscope.numerics.logit_law import fit_logit_law, held_out
from transferscope.numerics.power_law import ALPHAS, fit_power_law, fit_power_laws


def best_of_starts(x: np.ndarray, y: np.ndarray, starts: int, rng: np.random.Generator) -> float:
    best = np.inf
    for _ in range(starts):
        first = (rng.uniform(0, 2), np.exp(rng.uniform(np.log(0.05), np.log(60))), rng.uniform(0, 0.5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found, _ = curve_fit(
                    lambda x, k, a, e: k * x**a + e, x, y, first, bounds=([0, 0.05, 0], [np.inf, 60, 1])
                )
            except RuntimeError:
                continue
        best = min(best, float(np.sum((found[0] * x ** found[1] + found[2] - y) ** 2)))
    return best


@pytest.mark.parametrize(
    ("k", "alpha", "floor"), [(0.8, 1.5, 0.1), (0.5, 0.4, 0.0), (0.9, 6.0, 0.3), (0.02, 1.0, 0.5)]
)
@pytest.mark.parametrize("noise", [0.002, 0.05])
def test_no_start_of_scipy_finds_a_better_fit(k: float, alpha: float, floor: float, noise: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.1, 0.95, 60)
    y = np.clip(k * x**alpha + floor + rng.normal(0, noise, 60), 0, 1)
    assert fit_power_law(x, y).sse <= best_of_starts(x, y, 20, rng) * (1 + 1e-9)


def test_a_law_without_noise_is_found() -> None:
    x = np.linspace(0.2, 0.9, 40)
    for k, alpha, floor in [(0.8, 1.5, 0.1), (1.2, 0.3, 0.0), (1e5, 20.0, 0.25)]:
        law = fit_power_law(x, k * x**alpha + floor)
        assert (law.k, law.alpha) == pytest.approx((k, alpha), rel=1e-5)
        assert law.floor == pytest.approx(floor, abs=1e-6)
        assert law.where_excess(float(law.excess(0.3))) == pytest.approx(0.3)


def test_for_each_alpha_the_rest_is_least_squares_without_negative_numbers() -> None:
    """The closed form against SciPy's NNLS over a fine grid of exponents, where both bounds are met."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        x, y = rng.uniform(0, 1, 12), rng.uniform(0, 1, 12) ** rng.uniform(0.2, 4)
        slow = min(nnls(np.c_[x**a, np.ones(12)], y)[1] ** 2 for a in np.geomspace(*ALPHAS, 400))
        law = fit_power_law(x, y)
        assert law.sse <= slow * (1 + 1e-12) and law.k >= 0 and law.floor >= 0


def test_weights_count_points_and_many_are_fitted_as_one_by_one() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0.1, 0.9, 30)
    y = 0.7 * x**2 + 0.1 + rng.normal(0, 0.02, 30)
    counts = rng.multinomial(30, np.ones(30) / 30, size=5)
    k, alpha, floor, sse = fit_power_laws(x, y, counts)
    own = fit_power_laws(np.tile(x, (5, 1)), np.tile(y, (5, 1)), counts)
    for i, row in enumerate(counts):
        one = fit_power_law(np.repeat(x, row), np.repeat(y, row))
        assert (k[i], alpha[i], floor[i], sse[i]) == pytest.approx((one.k, one.alpha, one.floor, one.sse), rel=1e-5)
        assert own[3][i] == pytest.approx(one.sse, rel=1e-9)


def test_flat_and_falling_points_have_no_excess() -> None:
    x = np.linspace(0.1, 0.9, 9)
    for y in (np.full(9, 0.3), 0.9 - 0.5 * x):
        law = fit_power_law(x, y)
        assert law.k == 0.0 and law.floor == pytest.approx(y.mean())
        assert law.where_excess(0.01) == np.inf


def test_a_narrow_range_gives_huge_k_and_a_comparable_excess() -> None:
    x = np.linspace(0.18, 0.25, 30)
    law = fit_power_law(x, 0.1 * (x / 0.2) ** 25 + 0.3)
    assert law.k > 1e15 and float(law.excess(0.2)) == pytest.approx(0.1, rel=1e-3)


def test_what_is_no_law_is_refused() -> None:
    with pytest.raises(UsageError, match="2 different x; it has three numbers, give three"):
        fit_power_law([0.1, 0.1, 0.2], [0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="negative numbers, or of some that are not finite"):
        fit_power_law([0.1, 0.2, -0.3], [0.1, 0.2, 0.3])
    with pytest.raises(UsageError, match="a law of 3 x, 2 y and 3 weights"):
        fit_power_law([0.1, 0.2, 0.3], [0.1, 0.2])
    with pytest.raises(UsageError, match=r"give n, n and \(fits, n\)"):
        fit_power_laws([0.1, 0.2, 0.3], [0.1, 0.2, 0.3], [[1, 1]])


def slow_profile(x: np.ndarray, y: np.ndarray, floor: float) -> float:
    costs = []
    for a in np.geomspace(*ALPHAS, 4000):
        u = x**a
        k = max(0.0, float(u @ (y - floor) / (u @ u)))
        costs.append(float(np.sum((k * u + floor - y) ** 2)))
    return min(costs)


def test_the_ends_of_the_interval_are_where_the_profile_meets_its_level() -> None:
    from scipy.stats import f

    rng = np.random.default_rng(2)
    x = rng.uniform(0.1, 0.9, 40)
    y = 0.6 * x**1.7 + 0.2 + rng.normal(0, 0.01, 40)
    law, found = fit_power_law(x, y), floor_profile(x, y)
    most = law.sse * (1 + f.ppf(0.95, 1, 37) / 37)
    assert found.identified
    assert slow_profile(x, y, found.low) == pytest.approx(most, rel=1e-4)
    assert slow_profile(x, y, found.high) == pytest.approx(most, rel=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "why"),
    [
        (
            np.linspace(0.1, 0.9, 30),
            np.linspace(0.1, 0.9, 30) + 0.01 * np.cos(np.arange(30) * 7),
            "even a floor of 0",
        ),
        ([0.1, 0.2, 0.4, 0.8], [0.105, 0.12, 0.18, 0.42], "4 points, a law has three numbers"),
        ([0.1, 0.2, 0.4], [0.105, 0.12, 0.18], "3 points, a law has three numbers"),
        (np.linspace(0.6, 0.62, 20), np.linspace(0.6, 0.62, 20) ** 80 * 1e17 + 0.2, "α ran to the largest"),
        (np.linspace(0.1, 0.9, 20), np.linspace(0.9, 0.1, 20), "y does not rise with x"),
    ],
)
def test_a_floor_that_is_not_identified_is_said_with_the_reason(x: object, y: object, why: str) -> None:
    assert floor_profile(x, y).unknown.startswith(why)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "k", "alpha", "floor", "images"), [(120, 0.8, 1.5, 0.1, 2000), (60, 0.6, 2.5, 0.2, 1000)]
)
def test_intervals_of_fits_to_all_points_hold_the_truth(
    n: int, k: float, alpha: float, floor: float, images: int
) -> None:
    """Binomial noise in both accuracies: at least 93 of 100 within Monte-Carlo error (two standard errors)."""
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(400):
        us = rng.uniform(0.15, 0.95, n)
        ds = rng.binomial(images, k * us**alpha + floor) / images
        found = floor_profile(rng.binomial(50_000, us) / 50_000, ds)
        hits.append(found.low <= floor <= found.high)
    assert np.mean(hits) >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / 400)


def test_half_of_the_models_spreads_as_all_of_them_would() -> None:
    """The standard deviation over halves against that over fresh samples of models."""
    rng = np.random.default_rng(7)

    def sample() -> tuple[np.ndarray, np.ndarray]:
        x = rng.uniform(0.1, 0.9, 100)
        return 1 - x, 1 - (0.7 * x**2 + 0.1 + rng.normal(0, 0.03, 100))

    fresh = [float(-np.diff(fit_power_law(1 - a, 1 - b)([0.6, 0.2]))[0]) for a, b in (sample() for _ in range(150))]
    halves = [
        float(np.std(-np.diff(laws_of_halves(*sample(), 60, rng, hull=False).at([0.6, 0.2]), axis=1)))
        for _ in range(20)
    ]
    assert np.mean(halves) == pytest.approx(np.std(fresh), rel=0.2)


def test_hulls_of_halves_and_of_drawn_images_are_hulls() -> None:
    rng = np.random.default_rng(8)
    x = rng.uniform(0.1, 0.9, 60)
    us, ds = 1 - x, np.clip(1 - (0.7 * x**2 + 0.1 + rng.exponential(0.05, 60)), 0, 1)
    hull = upper_hull(us, ds).rising()
    law = fit_power_law(1 - hull.x, 1 - hull.y)
    halves = laws_of_halves(us, ds, 50, np.random.default_rng(0), hull=True)
    assert 40 <= len(halves.k) <= halves.drawn == 50
    assert np.median(halves.at(0.5)) > float(law(0.5))  # fewer models, a lower hull: more error
    images = laws_of_images(us, ds, None, 200, 50, np.random.default_rng(0), hull=True)
    assert np.median(images.at(0.5)) < float(law(0.5))  # the winner's curse
    exact = laws_of_images(us, ds, 10**9, 10**9, 3, np.random.default_rng(0), hull=True)
    assert exact.at(0.5).ravel() == pytest.approx([float(law(0.5))] * 3, abs=1e-3)
    with pytest.raises(UsageError, match="halves of 7 models"):
        laws_of_halves(us[:7], ds[:7], 5, rng, hull=False)
    with pytest.raises(UsageError, match="no number of test images"):
        laws_of_images(us, ds, None, None, 5, rng, hull=False)


def test_each_law_predicts_its_own_kind_better() -> None:
    rng = np.random.default_rng(0)
    us = np.sort(rng.uniform(0.2, 0.9, 80))
    power = 0.9 - 0.8 * (1 - us) ** 1.5
    line = 1 / (1 + np.exp(-0.5 - 1.3 * np.log(us / (1 - us))))
    for kind in ("random", "best"):
        of_power, of_line = (held_out(us, ds, kind, generator=rng) for ds in (power, line))  # type: ignore[arg-type]
        assert of_power.rmse[0] < of_power.rmse[1] and of_line.rmse[1] < of_line.rmse[0]
        assert len(of_power.index) == (80 if kind == "random" else 8)
    assert fit_logit_law(us, line).slope == pytest.approx(1.3)
    assert np.array_equal(held_out(us, power, "best", generator=rng).index, np.arange(72, 80))
    with pytest.raises(UsageError, match="5 models, 1 held out; a law takes five others"):
        held_out(us[:5], power[:5], "best", generator=rng)


def test_numbers_that_do_not_vary_have_no_r2():
    law = fit_power_law([0.1, 0.2, 0.3, 0.4, 0.6, 0.8], [0.1] * 6)  # whose mean is rounded
    assert np.isnan(law.r2)
