import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.truncation import truncated
from transferscope.rng import generator


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=generator("truncation", *shape))


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (7, 7)])
@pytest.mark.parametrize("energy", [0.3, 0.9, 0.999])
def test_it_is_the_best_of_its_rank_and_no_rank_less_would_do(shape, energy):
    a = drawn(*shape)
    found = truncated(a, energy=energy)
    sigma = np.linalg.svd(a.numpy().astype(np.float64), compute_uv=False)
    k = next(k for k in range(1, len(sigma) + 1) if (sigma[:k] ** 2).sum() >= energy * (sigma**2).sum())
    assert (found.kept, found.of) == (k, len(sigma))
    assert found.energy == pytest.approx((sigma[:k] ** 2).sum() / (sigma**2).sum())
    left = np.linalg.norm(a.numpy().astype(np.float64) - found.matrix.numpy())
    assert left == pytest.approx(np.sqrt((sigma[k:] ** 2).sum()), abs=1e-5)
    assert np.linalg.matrix_rank(found.matrix.numpy(), tol=1e-4) == k
    assert found.matrix.dtype == torch.float32


def test_by_count_and_never_more_than_there_are():
    a = drawn(5, 9)
    assert truncated(a, count=2).kept == 2
    whole = truncated(a, count=50)
    assert (whole.kept, whole.of, whole.energy) == (5, 5, 1.0)
    assert torch.equal(whole.matrix, a) and whole.matrix is not a
    assert torch.equal(truncated(a, energy=1.0).matrix, a)


def test_all_energy_keeps_small_values_too():
    a = torch.diag(torch.tensor([1.0, 1e-12, 0.0], dtype=torch.float64))
    found = truncated(a, energy=1.0)
    assert found.kept == 2
    torch.testing.assert_close(found.matrix, a, rtol=0, atol=1e-20)


def test_nothing_is_lost_of_zero():
    found = truncated(torch.zeros(3, 4), energy=0.5)
    assert (found.kept, found.of, found.energy) == (3, 3, 1.0)
    assert torch.equal(found.matrix, torch.zeros(3, 4))
    found = truncated(torch.zeros(3, 4), count=2)
    assert (found.kept, found.energy) == (2, 1.0) and not found.matrix.any()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"energy": 0.0}, r"energy: 0.0 is wrong; expected a share of Σσ² over 0 and up to 1"),
        ({"energy": 1.5}, r"energy: 1.5 is wrong"),
        ({"energy": float("nan")}, r"energy: nan is wrong"),
        ({"count": 0}, r"count: 0 is wrong; expected 1 singular value or more"),
        ({}, r"give either energy, such as 0.9, or count"),
        ({"energy": 0.5, "count": 2}, r"give either energy, such as 0.9, or count"),
    ],
)
def test_what_cannot_be_right_is_named(how, told):
    with pytest.raises(UsageError, match=told):
        truncated(torch.eye(2), **how)


def test_only_finite_matrices():
    with pytest.raises(UsageError, match="not finite"):
        truncated(torch.full((2, 2), torch.inf), count=1)
