import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.probes.points import Points
from transferscope.rng import generator


def weights(seed: int) -> dict[str, torch.Tensor]:
    g = generator("points", seed)
    return {"w": torch.randn(3, 4, generator=g), "b": torch.randn(3, generator=g), "steps": torch.tensor(seed)}


def test_line_is_the_formula_and_its_ends_are_exact():
    a, b = weights(1), weights(2)
    lambdas = np.linspace(-1, 2, 13)
    line = Points.line(a, b, lambdas)
    assert len(line) == 13
    for i, t in enumerate(lambdas):
        for name in ("w", "b"):
            slow = ((1 - t) * a[name].double() + t * b[name].double()).float()
            assert torch.equal(line.at(i)[name], slow)
    for place, end in ((0.0, a), (1.0, b)):
        at = line.at(int(np.flatnonzero(lambdas == place)[0]))
        assert all(torch.equal(at[k], end[k]) for k in end)  # counters too
    assert line.at(6)["steps"].dtype == torch.int64


def test_an_end_point_shares_no_memory_and_is_untouched_by_what_is_not_finite_elsewhere():
    a, b = weights(1), weights(2)
    b["w"][0, 0] = torch.nan
    line = Points.line(a, b, [0.0, 0.5])
    end = line.at(0)
    assert torch.equal(end["w"], a["w"])
    end["w"].zero_()
    assert a["w"].any()
    assert line.at(1)["w"].isnan().sum() == 1


def test_simplex_is_uniform():
    vertices = [{"w": row} for row in torch.eye(3)]
    points = Points.simplex(vertices, 4000, seed=3)
    assert np.allclose(points.coefficients.sum(1), 1) and (points.coefficients >= 0).all()
    # Dirichlet(1, 1, 1): mean 1/3, variance 1/18
    assert np.allclose(points.coefficients.mean(0), 1 / 3, atol=0.02)
    assert np.allclose(points.coefficients.var(0), 1 / 18, atol=0.005)
    assert np.array_equal(points.coefficients, Points.simplex(vertices, 4000, seed=3).coefficients)
    assert not np.array_equal(points.coefficients, Points.simplex(vertices, 4000, seed=4).coefficients)
    assert np.allclose(points.at(7)["w"].numpy(), points.coefficients[7], atol=1e-6)


def test_plane_and_ray_leave_what_directions_do_not_name():
    a = weights(1)
    x, y = {"w": torch.ones(3, 4)}, {"b": torch.ones(3)}
    moved = Points.plane(a, x, y, np.array([[0.5, -2.0]])).at(0)
    assert torch.allclose(moved["w"], a["w"] + 0.5) and torch.allclose(moved["b"], a["b"] - 2)
    assert torch.equal(moved["steps"], a["steps"])
    far = Points.ray(a, x, [0.0, 3.0])
    assert torch.equal(far.at(0)["w"], a["w"]) and torch.allclose(far.at(1)["w"], a["w"] + 3)


def test_listed_are_the_weights_themselves():
    given = [weights(i) for i in range(3)]
    points = Points.listed(given)
    assert all(torch.equal(points.at(i)[k], w[k]) for i, w in enumerate(given) for k in w)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda a: Points((), np.ones((1, 0))), "at least one set of weights"),
        (lambda a: Points((a,), np.ones((2, 3))), r"\(2, 3\) for 1 sets of weights; expected float64 \(points, 1\)"),
        (lambda a: Points((a,), np.ones((2, 1), np.float32)), "float32"),
        (
            lambda a: Points((a, a), np.array([[1.0, 0.0], [np.inf, 1.0]])),
            "coefficients of point 1 are not all finite",
        ),
        (lambda a: Points((a,), np.zeros((1, 1))), "point 0 has no coefficient other than 0"),
        (lambda a: Points.line(a, {**a, "w": torch.ones(2)}, [0.5]), "two different networks: 'w'"),
        (
            lambda a: Points.ray(a, {"bb": torch.ones(3)}, [1.0]),
            "moves 'bb', which the network does not have; did you",
        ),
        (lambda a: Points.ray(a, {"b": torch.ones(4)}, [1.0]), "two different networks: 'b'"),
    ],
)
def test_what_cannot_be_points(make, message):
    with pytest.raises(UsageError, match=message):
        make(weights(0))
