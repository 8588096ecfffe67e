"""Directions against the paper's formulas, filter by filter in plain loops."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from transferscope.errors import UsageError
from transferscope.numerics.directions import cosine, filter_normalise, filter_norms, random_pair
from transferscope.rng import generator


@pytest.fixture
def weights():
    draw = generator("test directions")
    shapes = {"conv": (5, 3, 3, 3), "depthwise": (6, 1, 3, 3), "norm": (5,), "scale": (), "fc": (4, 20), "bias": (4,)}
    return {k: 3 * torch.randn(shape, generator=draw, dtype=torch.float64) for k, shape in shapes.items()}


def shapes_of(weights):
    return {k: tuple(v.shape) for k, v in weights.items()}


def flat(direction):
    return np.concatenate([v.double().numpy().ravel() for v in direction.values()])


def test_pair_is_orthonormal_as_whole_vectors_and_leaves_out_one_dimension(weights):
    a, b = random_pair(shapes_of(weights), seed=3)
    assert list(a) == list(b) == ["conv", "depthwise", "fc"]
    assert flat(a) @ flat(a) == pytest.approx(1, abs=1e-6)
    assert flat(b) @ flat(b) == pytest.approx(1, abs=1e-6)
    assert flat(a) @ flat(b) == pytest.approx(0, abs=1e-7)
    conv = a["conv"].double().flatten() @ b["conv"].double().flatten()
    assert abs(conv) > 1e-4  # tensor by tensor it is not, and does not claim to be


def test_pair_is_gaussian():
    a, b = random_pair({"w": (100, 100)}, seed=0)
    for drawn in (a, b):
        assert stats.kstest(100 * flat(drawn), "norm").pvalue > 0.01


def test_draws_depend_on_seed_plane_axis_and_name_only(weights):
    shapes = shapes_of(weights)
    a, b = random_pair(shapes, seed=1)
    again, _ = random_pair(dict(reversed(shapes.items())), seed=1)
    assert all(torch.equal(a[k], again[k]) for k in a)
    for other in (random_pair(shapes, seed=2)[0], random_pair(shapes, seed=1, plane=1)[0], b):
        assert not torch.allclose(a["conv"], other["conv"])
    alone, _ = random_pair({"conv": shapes["conv"]}, seed=1)
    torch.testing.assert_close(alone["conv"], a["conv"] / a["conv"].norm())


def test_filter_normalisation_is_the_definition(weights):
    a, _ = random_pair(shapes_of(weights), seed=5)
    found = filter_normalise(a, weights)
    assert list(found) == ["conv", "depthwise", "fc"]
    for name, value in found.items():
        for j in range(len(value)):  # d_ij / ‖d_ij‖ · ‖θ_ij‖
            d, theta = a[name][j].double().numpy(), weights[name][j].numpy()
            expected = d / math.sqrt((d**2).sum()) * math.sqrt((theta**2).sum())
            np.testing.assert_allclose(value[j].numpy(), expected, rtol=1e-12)
    moved = {k: weights[k] for k in found}
    assert np.linalg.norm(flat(found)) == pytest.approx(np.linalg.norm(flat(moved)), rel=1e-12)


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(8, 6, 3), nn.Conv2d(8, 4, 1, groups=4), nn.Linear(7, 5), nn.Conv1d(2, 3, 5)]
)
def test_a_filter_makes_one_output_of_its_layer(layer):
    """Moving filter j of the direction alone changes output j alone."""
    state = layer.state_dict()
    a, _ = random_pair(shapes_of(state), seed=0)
    step = filter_normalise(a, state)
    assert set(step) == {"weight"}
    assert len(filter_norms(step["weight"])) == len(layer.weight)
    x = torch.randn(
        (1, 7) if isinstance(layer, nn.Linear) else (1, layer.in_channels, *(9,) * (layer.weight.ndim - 2))
    )
    one = torch.zeros_like(layer.weight)
    one[2] = step["weight"][2]
    moved = torch.func.functional_call(layer, {"weight": layer.weight + one}, x)
    changed = (moved - layer(x)).abs().flatten(2).sum((0, 2)) if moved.ndim > 2 else (moved - layer(x)).abs().sum(0)
    assert changed.nonzero().flatten().tolist() == [2]


def test_scaling_a_filter_scales_its_direction_and_nothing_else(weights):
    a, _ = random_pair(shapes_of(weights), seed=0)
    before = filter_normalise(a, weights)
    larger = {k: v.clone() for k, v in weights.items()}
    larger["conv"][1] *= 10
    after = filter_normalise(a, larger)
    torch.testing.assert_close(after["conv"][1], 10 * before["conv"][1])
    after["conv"][1] = before["conv"][1]
    assert all(torch.equal(after[k], before[k]) for k in before)


def test_filters_of_zeros_stay_and_what_is_not_finite_shows(weights):
    a, _ = random_pair(shapes_of(weights), seed=0)
    weights["conv"][0] = 0
    weights["fc"][3, 2] = math.inf
    found = filter_normalise(a, weights)
    assert not found["conv"][0].any()
    assert (filter_norms(found["conv"])[1:] > 0).all()
    assert not found["fc"][3].isfinite().any()
    assert found["fc"][:3].isfinite().all()


def test_direction_has_the_number_format_of_the_weights(weights):
    a, _ = random_pair(shapes_of(weights), seed=0)
    single = filter_normalise(a, {k: v.float() for k, v in weights.items()})
    assert single["conv"].dtype == torch.float32
    torch.testing.assert_close(single["conv"].double(), filter_normalise(a, weights)["conv"], rtol=1e-6, atol=1e-7)


def test_angle_after_normalisation_is_nearly_right():
    draw = generator("angles")
    spread = torch.logspace(-2, 2, 32)[:, None, None, None]
    theta = {"w": spread * torch.randn(32, 16, 3, 3, generator=draw), "v": torch.randn(10, 32, generator=draw)}
    pairs = [random_pair(shapes_of(theta), seed) for seed in range(30)]
    cosines = [cosine(filter_normalise(a, theta), filter_normalise(b, theta)) for a, b in pairs]
    # Filters as large as the largest decide: about 3 of them, of 144 numbers each.
    assert 0.005 < np.std(cosines) < 0.2
    assert abs(np.mean(cosines)) < 4 * np.std(cosines) / math.sqrt(30)


def test_cosine():
    a, b = (
        {"v": torch.tensor([[1.0], [2.0]]), "w": torch.tensor([2.0])},
        {"v": torch.tensor([[2.0], [1.0]]), "w": torch.zeros(1)},
    )
    assert cosine(a, b) == pytest.approx(4 / (3 * math.sqrt(5)))
    assert math.isnan(cosine(a, {k: torch.zeros_like(v) for k, v in a.items()}))


def test_bad_input():
    with pytest.raises(UsageError, match="0 of 2 tensors have a filter; a plane needs two weights that move"):
        random_pair({"bias": (4,), "scale": ()}, seed=0)
    with pytest.raises(UsageError, match="1 of 1 tensors have a filter; a plane needs two weights"):
        random_pair({"w": (1, 1)}, seed=0)
    with pytest.raises(UsageError, match=r"the direction's 'w' is \(2, 3\), the weights have \(3, 2\) there"):
        filter_normalise({"w": torch.ones(2, 3)}, {"w": torch.ones(3, 2)})
    with pytest.raises(UsageError, match=r"the direction's 'w' is \(2, 3\), the weights have nothing there"):
        filter_normalise({"w": torch.ones(2, 3)}, {})
