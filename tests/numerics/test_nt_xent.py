"""The contrastive loss against a plain double sum in float64, and where it would overflow."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.nt_xent import nt_xent


def slow(first, second, temperature):
    """Chen et al. 2020, equation 1, view by view."""
    z = [v / v.norm() for v in torch.cat([first, second]).double()]
    n, total = len(first), 0.0
    for i in range(2 * n):
        j = (i + n) % (2 * n)
        all_others = sum(math.exp(float(z[i] @ z[k]) / temperature) for k in range(2 * n) if k != i)
        total -= math.log(math.exp(float(z[i] @ z[j]) / temperature) / all_others)
    return total / (2 * n)


@pytest.mark.parametrize("temperature", [0.1, 0.5, 2.0])
def test_it_is_the_papers_sum(temperature):
    g = torch.Generator().manual_seed(0)
    a, b = (torch.randn(5, 7, generator=g) for _ in range(2))
    assert float(nt_xent(a, b, temperature)) == pytest.approx(slow(a, b, temperature), rel=1e-5)
    assert float(nt_xent(3 * a, b / 9, temperature)) == pytest.approx(slow(a, b, temperature), rel=1e-5)
    assert float(nt_xent(b, a, temperature)) == pytest.approx(float(nt_xent(a, b, temperature)), rel=1e-6)


def test_it_is_cross_entropy_over_positives_and_negatives_as_libraries_write_it():
    """Positives first, then the other image's two views: the form with explicit negatives (n = 2, by hand)."""
    g = torch.Generator().manual_seed(1)
    a, b = (torch.nn.functional.normalize(torch.randn(2, 4, generator=g), dim=1) for _ in range(2))
    rows = []
    for x, y in ((a, b), (b, a)):
        rows += [torch.stack([x[i] @ y[i], x[i] @ y[1 - i], x[i] @ x[1 - i]]) / 0.5 for i in (0, 1)]
    wanted = torch.nn.functional.cross_entropy(torch.stack(rows), torch.zeros(4, dtype=torch.long))
    assert float(nt_xent(a, b, 0.5)) == pytest.approx(float(wanted), rel=1e-6)


def test_small_temperatures_do_not_overflow():
    a = torch.eye(3)
    for loss in (nt_xent(a, a, 1e-4), nt_xent(a, -a, 1e-4)):
        assert bool(loss.isfinite())
    assert float(nt_xent(a, -a, 1e-4)) == pytest.approx(1e4, rel=1e-3)


def test_gradients_pull_views_together():
    a, b = torch.tensor([[1.0, 0.2], [0.0, 1.0]], requires_grad=True), torch.tensor([[1.0, 0.0], [0.3, 1.0]])
    nt_xent(a, b, 0.5).backward()
    moved = a.detach() - 0.1 * a.grad
    assert float(nt_xent(moved, b, 0.5)) < float(nt_xent(a.detach(), b, 0.5))


def test_what_cannot_be():
    a = torch.eye(2)
    with pytest.raises(UsageError, match=r"views of shapes \(1, 2\) and \(1, 2\); expected \(n, d\) twice, of two"):
        nt_xent(a[:1], a[:1], 0.5)
    with pytest.raises(UsageError, match=r"temperature 0\.0; expected a positive number"):
        nt_xent(a, a, 0.0)
