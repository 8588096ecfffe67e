"""The upper hull against SciPy's, and in the corners that break hulls."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from transferscope.errors import UsageError
from transferscope.numerics.hull import upper_hull
from transferscope.numerics.mixture import mixed


def scipy_upper(x: np.ndarray, y: np.ndarray) -> set[int]:
    """Vertices of Qhull's hull that no point above them hides: those on the chain from the left to the right end."""
    hull = ConvexHull(np.c_[x, y])
    left = max((i for i in hull.vertices if x[i] == x.min()), key=lambda i: y[i])
    right = max((i for i in hull.vertices if x[i] == x.max()), key=lambda i: y[i])
    line = y[left] + (y[right] - y[left]) * (x - x[left]) / (x[right] - x[left])
    return {int(i) for i in hull.vertices if y[i] > line[i] + 1e-12} | {int(left), int(right)}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("n", [5, 60, 1000])
def test_it_is_the_upper_part_of_qhulls(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.random(n), rng.random(n)
    hull = upper_hull(x, y)
    assert set(hull.index.tolist()) == scipy_upper(x, y)
    assert (np.diff(hull.x) > 0).all() and (np.diff(np.diff(hull.y) / np.diff(hull.x)) < 0).all()
    assert (hull.height(x) >= y - 1e-12).all()


def test_ties_and_duplicates_leave_one_vertex_each() -> None:
    x = np.array([0.5, 0.5, 0.1, 0.1, 0.9, 0.9, 0.5])
    y = np.array([0.8, 0.8, 0.2, 0.1, 0.9, 0.3, 0.7])
    hull = upper_hull(x, y)
    assert hull.index.tolist() == [2, 0, 4]
    assert np.array_equal(upper_hull(np.tile(x, 3), np.tile(y, 3)).x, hull.x)


def test_points_on_an_edge_are_no_vertices_whatever_rounding_says() -> None:
    x = np.linspace(0.1, 0.9, 9)
    assert upper_hull(x, 0.3 * x + 0.1).index.tolist() == [0, 8]


def test_one_point_and_one_column() -> None:
    assert upper_hull([0.3], [0.4]).index.tolist() == [0]
    assert upper_hull([0.3, 0.3, 0.3], [0.4, 0.6, 0.5]).index.tolist() == [1]


def test_a_tail_after_the_peak_is_counted_and_can_be_left_out() -> None:
    hull = upper_hull([0.1, 0.4, 0.6, 0.8, 0.9], [0.2, 0.7, 0.8, 0.75, 0.5])
    assert (hull.peak, hull.tail) == (2, 2)
    assert hull.rising().x.tolist() == [0.1, 0.4, 0.6] and hull.rising().tail == 0
    descending = upper_hull([0.1, 0.5, 0.9], [0.9, 0.8, 0.2])
    assert descending.peak == 0 and descending.tail == 2


def test_a_mixture_of_models_lies_on_the_hull() -> None:
    """The lemma of Abnar et al. on answers: a coin for each image between two models, which err on other images."""
    rng = np.random.default_rng(0)
    us, ds = (rng.random((2, 200_000)) < np.array([[low], [high]]) for low, high in ((0.2, 0.8), (0.3, 0.7)))
    hull = upper_hull(us.mean(axis=1), ds.mean(axis=1))
    of_us, of_ds = (mixed(right, [0.75, 0.25], rng) for right in (us, ds))
    assert of_us.expected == pytest.approx(0.35, abs=0.005)
    assert float(hull.height(of_us.expected)) == pytest.approx(of_ds.expected)
    draws = [mixed(ds, [0.75, 0.25], rng).accuracy for _ in range(40)]
    assert np.mean(draws) == pytest.approx(of_ds.expected, abs=4 * of_ds.error / np.sqrt(40))
    assert np.std(draws) == pytest.approx(of_ds.error, rel=0.4)
    with pytest.raises(UsageError, match=r"2 shares that sum to 1\.2 for 2 models"):
        mixed(us, [0.6, 0.6], rng)


def test_what_is_no_set_of_points_is_refused() -> None:
    with pytest.raises(UsageError, match="a hull of 2 and 3 numbers; give as many of one as of the other"):
        upper_hull([1, 2], [1, 2, 3])
    with pytest.raises(UsageError, match="no points"):
        upper_hull([], [])
    with pytest.raises(UsageError, match="not finite"):
        upper_hull([0.1, np.nan], [0.2, 0.3])
    with pytest.raises(UsageError, match=r"mean height from 0.0 to 1.0; the hull goes from 0.2 to 0.8"):
        upper_hull([0.2, 0.8], [0.2, 0.3]).area(0.0, 1.0)
