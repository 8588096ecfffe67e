"""What does not vary: the mean of equal numbers is rounded, so that they seem to."""

import numpy as np

from transferscope.numerics.explained import design, partial_r2


def test_a_number_that_does_not_vary_has_no_column():
    made = design(["rate", "size"], [np.full(3, 0.1), np.array([1.0, 2.0, 3.0])])
    assert np.full(3, 0.1).std() > 0
    assert made.owner.tolist() == [1] and made.matrix.shape == (3, 1)


def test_what_the_base_leaves_of_equal_accuracies_is_not_explained():
    random = np.random.default_rng(0)
    y = np.full(12, 0.1)
    base = y + 1e-17 * np.round(random.standard_normal(12))
    base[::3] = np.nextafter(0.1, 1)
    found = partial_r2(base, y, random.standard_normal((12, 2)))
    assert np.isnan([found.r2, found.f, found.p]).all()
