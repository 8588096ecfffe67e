import math
from statistics import NormalDist

import numpy as np
import pytest

from transferscope.errors import UsageError
from transferscope.numerics.basin import Search, basin_numbers, basin_of, draw_points, search_rises
from transferscope.numerics.crossing import first_crossing
from transferscope.numerics.simplex import exit_points, has_volume, lengths, uniform_on_simplex

MANY = {"samples": 4000, "draws": 4000, "resamples": 200}

# The bowl ℓ(w) = ‖w‖² on the segment from 0 to e₁: μ = ∫t²dt = 1/3. |t² − 1/3| changes sign at t₀ = 1/√3, and both
# sides weigh the same, so ε = 2∫₀^{t₀}(1/3 − t²)dt = 4t₀/9.
BOWL_MU, BOWL_EPSILON = 1 / 3, 4 / (9 * math.sqrt(3))


def bowl(x: np.ndarray) -> np.ndarray:
    return (x**2).sum(-1)


def segment(n: int) -> np.ndarray:
    return np.eye(1, n) * np.array([[0.0], [1.0]])


def quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)


def test_a_bowl_by_hand():
    # f is 0 or e₁, each half the time, and E‖ν‖² = δ²: E ℓ(f + ν) − μ = 1/2 + δ² − 1/3.
    found = basin_of(bowl, segment(8), limit=4.0, **MANY)
    delta = math.sqrt(2 * BOWL_EPSILON - 1 / 6)
    assert found.mu == pytest.approx(BOWL_MU, abs=4 * found.mu_error) and found.mu_error < 0.006
    assert found.epsilon == pytest.approx(BOWL_EPSILON, rel=0.03)
    assert found.delta == pytest.approx(delta, rel=0.05)
    assert found.delta_low <= delta <= found.delta_high and found.delta_high - found.delta_low < 0.1 * delta
    assert found.epsilon_low <= BOWL_EPSILON <= found.epsilon_high
    assert found.binding == "2"


def test_a_bowl_that_is_steep_across_is_bound_by_condition_3():
    # Beyond 0 by |ν| the loss is ν², beyond e₁ it is (1 + |ν|)²: E ℓ(κ) − μ = δ² + δ√(2/π) + 1/6.
    def gutter(x: np.ndarray) -> np.ndarray:
        return x[..., 0] ** 2 + 100 * (x[..., 1:] ** 2).sum(-1)

    found = basin_of(gutter, segment(8), limit=4.0, **MANY)
    b, c = math.sqrt(2 / math.pi), 1 / 6 - 2 * BOWL_EPSILON
    delta = (-b + math.sqrt(b * b - 4 * c)) / 2
    assert found.delta == pytest.approx(delta, rel=0.08) and found.delta_low <= delta <= found.delta_high
    assert found.binding == "3"


def test_rises_of_a_bowl_at_every_delta():
    class Field:
        def at(self, places):
            return bowl(places @ segment(8))[None]

        def shaken(self, places, deltas):
            noise = np.random.default_rng(5).standard_normal((len(places), 8)) / math.sqrt(8)
            return np.stack([bowl(places @ segment(8) + d * noise) for d in deltas])[None]

        def moved(self, places, moves, deltas):
            return np.stack([self.at(places + d * moves)[0] for d in deltas])[None]

    losses = Field().at(draw_points(4000, np.eye(2), 0))
    rises = search_rises(Field(), np.eye(2), np.eye(1), losses, Search(4000, 4.0, doublings=4))
    d = rises.deltas
    assert d[0] == 0 and set(d) >= {0.25, 0.5, 1.0, 2.0, 4.0} and (np.diff(d) > 0).all()
    assert rises.shaken.shape == rises.beyond.shape == (1, len(d), 4000)
    assert rises.shaken[0].mean(1) == pytest.approx(1 / 2 + d**2, rel=0.05)
    assert rises.beyond[0].mean(1) == pytest.approx(1 / 2 + d**2 + d * math.sqrt(2 / math.pi), rel=0.05)
    # Bisection went on around the one δ.
    near = d[(d > 0.5) & (d < 1.0)]
    assert len(near) >= 3 and np.diff(near).min() <= 0.05


def box(x: np.ndarray) -> np.ndarray:
    """A floor at 0 on the left and 0.1 on the right, walls of height 1 at ±1.1."""
    return np.where(np.abs(x[..., 0]) > 1.1, 1.0, np.where(x[..., 0] > 0, 0.1, 0.0))


def test_a_flat_box_with_walls_by_hand():
    # S = [−1, 1]: μ = ε = 0.05. A share p of draws over the wall gives (1 − p)·0.05 + p: 2ε = 0.1 is reached over μ
    # at p = 0.1/0.95. On either side p = P(ν > 0.1) with noise, P(|ν| > 0.1) beyond the edge.
    found = basin_of(box, np.array([[-1.0], [1.0]]), limit=1.0, **MANY)
    delta = 0.1 / quantile(1 - 0.1 / 0.95)
    assert found.mu == pytest.approx(0.05, abs=0.003) and found.epsilon == pytest.approx(0.05, abs=1e-4)
    assert found.delta == pytest.approx(delta, rel=0.05) and found.delta_low <= delta <= found.delta_high
    assert found.binding == "2"


def test_walls_across_are_felt_by_noise_alone():
    # In two dimensions a coordinate of ν has variance δ²/2. The floor has two levels again; the wall is at |y| > 0.1.
    def corridor(x: np.ndarray) -> np.ndarray:
        return np.where(np.abs(x[..., 1]) > 0.1, 1.0, np.where(x[..., 0] > 0, 0.1, 0.0))

    ends = np.array([[-1.0, 0.0], [1.0, 0.0]])
    found = basin_of(corridor, ends, limit=1.0, **MANY)
    assert found.delta == math.inf and found.delta_low == math.inf and found.binding == "3"
    # With an end wall far out, condition 3 holds, and 2 is P(|y| > 0.1) = 0.1/0.95: but 3 needs P(|ν| > 0.5).
    both = basin_of(lambda x: np.maximum(corridor(x), np.abs(x[..., 0]) > 1.5), ends, limit=1.0, **MANY)
    assert both.delta == pytest.approx(0.5 / quantile(1 - 0.05 / 0.95), rel=0.05) and both.binding == "3"


def test_a_floor_without_slope_needs_no_noise():
    found = basin_of(lambda x: np.full(len(x), 0.2), segment(3), limit=1.0)
    assert (found.epsilon, found.delta, found.binding) == (pytest.approx(0, abs=1e-12), 0.0, "")


def test_a_slope_to_one_side_is_no_basin():
    # ℓ = w: going out on one side gains what going out on the other loses, and noise does nothing.
    found = basin_of(lambda x: x[:, 0], segment(2), limit=1.0, samples=500, draws=500)
    assert found.delta == math.inf and found.binding == "2 and 3"


def test_a_triangle():
    corners = np.array([[1.0, 0.0], [-0.5, math.sqrt(3) / 2], [-0.5, -math.sqrt(3) / 2]])
    found = basin_of(bowl, corners, limit=4.0, **MANY)
    assert found.mu == pytest.approx(3 / 12, rel=0.03)  # E‖w‖² = Σ‖vᵢ‖²/12 about the centroid
    grid = np.linspace(-1, 1, 1501)
    x, y = np.meshgrid(grid, grid)
    inside = (x >= -0.5) & (np.abs(y) <= (1 - x) / math.sqrt(3))
    loss = (x**2 + y**2)[inside]
    assert loss.mean() == pytest.approx(1 / 4, rel=0.01)
    assert found.epsilon == pytest.approx(np.abs(loss - loss.mean()).mean(), rel=0.03)


def test_a_loss_that_is_not_finite():
    # Infinite outside of the box: one draw over the wall is enough.
    walls = basin_of(lambda x: np.where(np.abs(x[:, 0]) > 1.1, np.inf, box(x)), np.array([[-1.0], [1.0]]), limit=1.0)
    assert 0.01 < walls.delta < 0.1
    nans = basin_of(lambda x: np.where(np.abs(x[:, 0]) > 1.1, np.nan, box(x)), np.array([[-1.0], [1.0]]), limit=1.0)
    assert nans == walls
    inside = basin_of(lambda x: np.where(x[:, 0] > 0.9, np.inf, box(x)), np.array([[-1.0], [1.0]]), limit=1.0)
    assert all(
        math.isnan(v) for v in (inside.mu, inside.epsilon, inside.epsilon_low, inside.delta, inside.delta_high)
    )


def test_intervals_hold_the_truth_as_often_as_they_say():
    delta = math.sqrt(2 * BOWL_EPSILON - 1 / 6)
    found = [
        basin_of(bowl, segment(8), limit=4.0, samples=60, draws=60, doublings=4, resamples=200, seed=seed)
        for seed in range(100)
    ]
    held = sum(f.delta_low <= delta <= f.delta_high for f in found)
    assert 85 <= held <= 100
    assert 85 <= sum(f.epsilon_low <= BOWL_EPSILON <= f.epsilon_high for f in found) <= 100
    assert np.std([f.mu for f in found]) == pytest.approx(np.mean([f.mu_error for f in found]), rel=0.25)
    assert len({f.delta for f in found}) == 100
    assert found[3] == basin_of(bowl, segment(8), limit=4.0, samples=60, draws=60, doublings=4, resamples=200, seed=3)


def test_numbers_by_a_plain_loop():
    rng = np.random.default_rng(0)
    losses, deltas = rng.random(20), np.array([0.0, 1.0, 2.0, 4.0])
    shaken, beyond = (np.sort(rng.random((4, 6)) * 3, 0) for _ in range(2))
    found = basin_numbers(losses, deltas, shaken, beyond, resamples=50)
    mu = sum(losses) / 20
    epsilon = sum(abs(x - mu) for x in losses) / 20
    rise = [min(sum(a) / 6, sum(b) / 6) - mu - 2 * epsilon for a, b in zip(shaken, beyond, strict=True)]
    k = next(i for i, r in enumerate(rise) if r >= 0)
    assert k > 0
    expected = deltas[k - 1] + (deltas[k] - deltas[k - 1]) * -rise[k - 1] / (rise[k] - rise[k - 1])
    assert (found.mu, found.epsilon) == (pytest.approx(mu), pytest.approx(epsilon))
    assert found.delta == pytest.approx(expected)


def test_exit_points_against_a_search():
    rng = np.random.default_rng(1)
    first, second = (uniform_on_simplex(50, 4, rng) for _ in range(2))
    for w1, w2, f in zip(first, second, exit_points(first, second), strict=True):
        low, high = 1.0, 1e6
        for _ in range(100):
            middle = (low + high) / 2
            low, high = (middle, high) if (w1 + middle * (w2 - w1)).min() >= 0 else (low, middle)
        assert f == pytest.approx(w1 + low * (w2 - w1), abs=1e-9)
        assert f.min() == 0.0
    with pytest.raises(UsageError, match="two equal points of the simplex has no direction"):
        exit_points(first, first)


def test_uniform_on_a_simplex():
    points = uniform_on_simplex(20_000, 3, np.random.default_rng(2))
    # Sub-triangle {c₀ ≥ ½} has a quarter of the area; Var cᵢ = (k − 1)/(k²(k + 1)).
    assert (points[:, 0] >= 0.5).mean() == pytest.approx(0.25, abs=0.01)
    assert points.var(0) == pytest.approx(2 / 36, rel=0.05)


def test_lengths_and_volume_against_vectors():
    vectors = np.random.default_rng(3).standard_normal((4, 9))
    edges = vectors[1:] - vectors[0]
    moves = uniform_on_simplex(5, 4, np.random.default_rng(4)) - 0.25
    assert lengths(moves, edges @ edges.T) == pytest.approx(np.linalg.norm(moves @ vectors, axis=1))
    assert has_volume(edges @ edges.T)
    flat = np.vstack([vectors[1:3] - vectors[0], (vectors[1:3] - vectors[0]).mean(0).astype(np.float32)])
    assert not has_volume(flat @ flat.T)


def test_first_crossing_of_what_is_not_finite():
    heights = np.array([[-1.0, np.inf, 1.0], [np.nan, 1.0, 1.0]])
    assert first_crossing(np.array([0.0, 1.0, 2.0]), heights) == pytest.approx([0.0, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"draws": 1}, "1 noise draws and 9 doublings of δ; expected at least 2 and 1"),
        ({"limit": 0.0}, "limit 0 of δ; expected a positive length"),
        ({"limit": math.inf}, "limit inf of δ"),
        ({"tolerance": 1.0}, "tolerance 1 of δ; expected a share between 0 and 1"),
        ({"samples": 1}, "1 point.s. of S; expected at least 2"),
        ({"resamples": 0}, "bootstrap of 0 resamples; expected at least 1"),
    ],
)
def test_what_cannot_be(change, says):
    with pytest.raises(UsageError, match=says):
        basin_of(bowl, segment(2), **{"limit": 1.0, **change})


def test_solutions_that_span_nothing():
    with pytest.raises(UsageError, match="the solutions do not span a simplex: two are the same"):
        basin_of(bowl, np.ones((2, 3)), limit=1.0)
    with pytest.raises(UsageError, match="do not span a simplex"):
        basin_of(bowl, np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]), limit=1.0)
    with pytest.raises(UsageError, match=r"1 solution.s. given; a basin is spanned by at least 2"):
        basin_of(bowl, np.ones((1, 3)), limit=1.0)
