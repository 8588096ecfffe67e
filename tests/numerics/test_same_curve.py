"""What factors add to a curve, against law and factors fitted together by another least-squares program."""

import math

import numpy as np
import pytest
from scipy.optimize import least_squares

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


def test_what_another_factor_gives_cannot_be_told():
    x, y, z = made()
    a, b = curve_offsets(x, y, ["a", "same"], np.stack([z[:, 1], z[:, 1]], axis=1))
    assert math.isfinite(a.offset) and math.isnan(b.offset) and math.isnan(b.variance)


def test_too_few_and_the_wrong_shape():
    x, y, z = made()
    with pytest.raises(UsageError, match="6 models for a law and 3 factors; expected 7 or more"):
        curve_offsets(x[:6], y[:6], ["a", "b", "c"], z[:6])
    with pytest.raises(UsageError, match=r"levels of shape \(150, 3\) for 150 models and 2 factors"):
        curve_offsets(x, y, ["a", "b"], z)
