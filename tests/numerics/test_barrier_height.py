import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics import entezari_height, frankle_height
from transferscope.rng import generator


def by_loop(lambdas, errors):
    """Both heights as the papers state them, in plain Python."""
    inside = [(t, e) for t, e in zip(lambdas, errors, strict=True) if 0 <= t <= 1]
    ends = dict(inside)
    frankle = max((e - (ends[0.0] + ends[1.0]) / 2, -t) for t, e in inside)
    entezari = max((e - ((1 - t) * ends[0.0] + t * ends[1.0]), -t) for t, e in inside)
    return frankle[0], -frankle[1], entezari[0], -entezari[1]


def test_equals_the_definitions_on_unordered_grids_that_go_beyond_the_ends():
    g = generator("test barrier")
    lambdas = [0.5, 2.0, 1.0, -1.0, 0.25, 0.0, 0.75]
    errors = torch.rand(40, 7, generator=g, dtype=torch.float64)
    errors[:, 1] = 9.0  # outside [0, 1], so of no account
    f, e = (h(torch.tensor(lambdas), errors) for h in (frankle_height, entezari_height))
    expected = torch.tensor([by_loop(lambdas, row) for row in errors.tolist()], dtype=torch.float64)
    assert (torch.stack([f.height, f.at, e.height, e.at], 1) - expected).abs().max() < 1e-15


def test_no_barrier():
    grid = torch.linspace(0, 1, 11)
    assert entezari_height(grid, 0.3 + 0.2 * grid).height.item() == pytest.approx(0, abs=1e-7)
    assert frankle_height(grid, 0.3 + 0.2 * grid).height.item() == pytest.approx(
        0.1
    )  # half the difference of the ends
    dip = torch.tensor([0.5, 0.1, 0.5])
    h = entezari_height(torch.tensor([0.0, 0.5, 1.0]), dip)
    assert h.height.item() == 0 and h.at.item() == 0  # of equals, the first


def test_nan_is_not_hidden_and_counts_only_inside():
    grid = torch.tensor([0.0, 0.5, 1.0, 1.5])
    inside = frankle_height(grid, torch.tensor([[0.1, math.nan, 0.1, 0.2], [0.1, 0.3, 0.1, math.nan]]))
    assert math.isnan(inside.height[0]) and math.isnan(inside.at[0])
    assert inside.height[1].item() == pytest.approx(0.2) and inside.at[1] == 0.5
    assert entezari_height(grid, torch.tensor([0.1, math.inf, 0.1, 0.2])).height == math.inf


def test_bad_input_is_named(unchecked):
    with pytest.raises(UsageError, match="λ = 1 is not in the grid"):
        frankle_height(torch.tensor([0.0, 0.5]), torch.zeros(2))
    with pytest.raises(UsageError, match="λ = 0 is not in the grid"):
        entezari_height(torch.tensor([0.5, 1.0]), torch.zeros(2))
    with pytest.raises(UsageError, match=r"\(3,\) positions, \(2, 4\) errors"):
        frankle_height(torch.zeros(3), torch.zeros(2, 4))
