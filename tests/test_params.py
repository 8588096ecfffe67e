import math

import numpy as np
import pytest
import torch

from transferscope import params as P
from transferscope.errors import UsageError
from transferscope.rng import generator


def draw(seed: int, dtype: torch.dtype = torch.float32) -> P.Params:
    g = generator("test", seed)
    return {
        "w": torch.randn(3, 4, generator=g).to(dtype),
        "b": torch.randn(4, generator=g).to(dtype),
        "steps": torch.tensor(seed),
    }


def test_lerp_is_exact_at_the_ends_and_leaves_counters() -> None:
    a, b = draw(1), draw(2)
    for t, end in ((0.0, a), (1.0, b)):
        assert torch.equal(P.lerp(a, b, t)["w"], end["w"])
    middle = P.lerp(a, b, 0.3)
    assert middle["steps"].dtype == torch.int64
    assert middle["steps"].item() == 1
    expected = (0.7 * a["w"].numpy().astype(np.float64) + 0.3 * b["w"].numpy().astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(middle["w"].numpy(), expected)


def test_distance_and_norm_equal_one_long_vector() -> None:
    a, b = draw(1), draw(2)
    flat = np.concatenate([(a[k].double() - b[k].double()).numpy().ravel() for k in ("w", "b")])
    assert math.isclose(P.distance(a, b), np.linalg.norm(flat), rel_tol=1e-14)
    assert math.isclose(P.norm(P.difference(a, b)), np.linalg.norm(flat), rel_tol=1e-14)


def test_two_networks_are_told_apart() -> None:
    a = draw(1)
    with pytest.raises(UsageError, match=r"'b' is only in the first"):
        P.lerp(a, {k: v for k, v in a.items() if k != "b"}, 0.5)
    with pytest.raises(UsageError, match=r"'b' is \(4,\) in the first and \(5,\) in the second"):
        P.lerp(a, {**a, "b": torch.zeros(5)}, 0.5)
    with pytest.raises(UsageError, match="one weight a point"):
        P.combine([a], [0.5, 0.5])
