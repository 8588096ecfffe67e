"""What factors add to a curve, against law and factors fitted together by another least-squares program."""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares
from scipy.stats import t

from transferscope.errors import UsageError
from transferscope.numerics.same_curve import curve_offsets


def made(n=150, added=(0.03, 0.0, -0.02), noise=0.004, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 3, (n, 3)) / 2
    x = np.clip(0.15 + 0.5 * z[:, 0] + 0.25 * rng.random(n), 0, 0.95)  # the first factor moves along the curve, too
    y = 1 - (0.7 * (1 - x) ** 1.6 + 0.12) + z @ np.array(added) + noise * rng.standard_normal(n)
    return x, y, z


def test_offsets_are_those_of_law_and_factors_fitted_together():
    x, y, z = made()
    found = curve_offsets(x, y, ["a", "b", "c"], z)

    def residuals(p):
        return 1 - (p[0] * (1 - x) ** p[1] + p[2]) + z @ p[3:] - y

    together = least_squares(residuals, [0.7, 1.5, 0.1, 0, 0, 0], xtol=1e-14, ftol=1e-14)
    jacobian = together.jac
    inverse = np.linalg.inv(jacobian.T @ jacobian)
    plain = np.sqrt(np.diag(inverse) * (together.fun**2).sum() / (len(x) - 6))[3:]
    for one, slow, error in zip(found, together.x[3:], plain, strict=True):
        assert abs(one.offset - slow) < 0.1 * error
        assert 0.75 < math.sqrt(one.variance) / error < 1.35 and one.freedom == len(x) - 6


def test_a_factor_along_the_curve_adds_nothing():
    x, y, z = made(added=(0, 0, 0), noise=0.0)
    assert all(abs(one.offset) < 1e-6 for one in curve_offsets(x, y, ["a", "b", "c"], z))


def test_noise_of_testing_upstream_gives_no_offset():
    """A factor that moves models by 50 points has an offset of about a point by noise alone, which is taken out."""
    rng = np.random.default_rng(0)
    found = {None: [], 1000: []}
    for _ in range(30):
        z = rng.integers(0, 3, (120, 2)) / 2
        x = 0.1 + 0.5 * z[:, 0] + 0.3 * rng.random(120)
        y = 1 - (0.8 * (1 - x) ** 1.5 + 0.1)
        seen = rng.binomial(1000, x) / 1000
        for tested, of in found.items():
            of.append([o.offset for o in curve_offsets(seen, y, ["a", "b"], z, tested)])
    plain, corrected = (np.mean(of, axis=0) for of in found.values())
    assert 0.007 < plain[0] < 0.02 and abs(corrected[0]) < 0.005
    assert abs(plain[1]) < 0.002 and abs(corrected[1]) < 0.002


def test_groups_count_once():
    """Three copies of each model, as groups, have the variance of the models; else a third of it."""
    x, y, z = made(n=40)
    single = curve_offsets(x, y, ["a", "b", "c"], z)
    copies = [np.tile(x, 3), np.tile(y, 3), ["a", "b", "c"], np.tile(z, (3, 1))]
    grouped, apart = curve_offsets(*copies, groups=[*range(40)] * 3), curve_offsets(*copies)
    for one, same, wrong in zip(single, grouped, apart, strict=True):
        assert same.offset == pytest.approx(one.offset, abs=1e-9) and same.freedom == one.freedom == 34
        assert same.variance == pytest.approx(one.variance, rel=1e-6) and wrong.variance < 0.4 * one.variance


def test_seeds_of_a_configuration_are_off_together():
    """With three seeds of each of 24 configurations intervals hold the truth, and would not if seeds counted."""
    rng, missed = np.random.default_rng(1), {False: 0, True: 0}
    for _ in range(60):
        z = np.repeat(rng.integers(0, 3, (24, 2)) / 2, 3, axis=0)
        x = np.repeat(0.1 + 0.6 * rng.random(24), 3)
        off = np.repeat(0.015 * rng.standard_normal(24), 3) + 0.003 * rng.standard_normal(72)
        y = 1 - (0.8 * (1 - x) ** 1.5 + 0.1) + off
        for grouped in missed:
            groups = [*np.repeat(np.arange(24), 3)] if grouped else None
            found = curve_offsets(x, y, ["a", "b"], z, groups=groups)
            missed[grouped] += sum(abs(o.offset) > t.ppf(0.975, o.freedom) * math.sqrt(o.variance) for o in found)
    assert missed[True] <= 12 and missed[False] >= 24  # of 120: 5 % are 6


def test_what_one_group_alone_decides_has_no_variance():
    x, y, z = made(n=40)
    z[:, 2] = 0.0
    z[:3, 2] = 1.0
    a, b, c = curve_offsets(x, y, ["a", "b", "c"], z, groups=[0, 0, 0, *range(1, 38)])
    assert math.isfinite(a.variance) and math.isfinite(b.variance)
    assert math.isfinite(c.offset) and math.isnan(c.variance)


def test_what_another_factor_gives_cannot_be_told():
    x, y, z = made()
    a, b = curve_offsets(x, y, ["a", "same"], np.stack([z[:, 1], z[:, 1]], axis=1))
    assert math.isfinite(a.offset) and math.isnan(b.offset) and math.isnan(b.variance)


def test_too_few_and_the_wrong_shape():
    x, y, z = made()
    with pytest.raises(UsageError, match="6 models for a law and 3 factors; expected 7 or more"):
        curve_offsets(x[:6], y[:6], ["a", "b", "c"], z[:6])
    with pytest.raises(UsageError, match="6 groups of models for a law and 3 factors; expected 7 or more"):
        curve_offsets(x, y, ["a", "b", "c"], z, groups=[i % 6 for i in range(150)])
    with pytest.raises(UsageError, match="groups of 2 models for 150; give one a model"):
        curve_offsets(x, y, ["a", "b", "c"], z, groups=[0, 1])
    with pytest.raises(UsageError, match=r"levels of shape \(150, 3\) for 150 models and 2 factors"):
        curve_offsets(x, y, ["a", "b"], z)
