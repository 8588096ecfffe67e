"""The image-text loss against a plain double sum in float64, and where it would overflow."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.info_nce import info_nce


def slow(images, texts, scale):
    """Radford et al. 2021, Figure 3, pair by pair."""
    x, y = ([v / v.norm() for v in z.double()] for z in (images, texts))
    n, total = len(x), 0.0
    for i in range(n):
        of_image = sum(math.exp(scale * float(x[i] @ y[j])) for j in range(n))
        of_text = sum(math.exp(scale * float(x[j] @ y[i])) for j in range(n))
        own = math.exp(scale * float(x[i] @ y[i]))
        total -= (math.log(own / of_image) + math.log(own / of_text)) / 2
    return total / n


@pytest.mark.parametrize("scale", [0.5, 1 / 0.07, 100.0])
def test_it_is_the_mean_of_both_cross_entropies(scale):
    g = torch.Generator().manual_seed(0)
    x, y = (torch.randn(5, 7, generator=g) for _ in range(2))
    assert float(info_nce(x, y, scale)) == pytest.approx(slow(x, y, scale), rel=1e-4)
    assert float(info_nce(4 * x, y / 3, scale)) == pytest.approx(slow(x, y, scale), rel=1e-4)
    assert float(info_nce(y, x, scale)) == pytest.approx(float(info_nce(x, y, scale)), rel=1e-5)


def test_equal_captions_leave_the_log_of_their_number():
    x = torch.eye(3)
    y = torch.stack([x[0], x[0], x[2]])  # two images of three share a caption, which fits the first
    assert float(info_nce(x, y, 1000.0)) == pytest.approx(slow(x, y, 300.0) + 700 / 3 / 2, rel=1e-3)
    both = torch.stack([x[0], x[0], x[2]])
    assert float(info_nce(both, y, 1000.0)) == pytest.approx(2 / 3 * math.log(2), rel=1e-5)


def test_a_learned_scale_gets_a_gradient_and_large_ones_do_not_overflow():
    scale = torch.tensor(5.0, requires_grad=True)
    info_nce(torch.eye(3), torch.eye(3), scale).backward()
    assert scale.grad is not None and float(scale.grad) < 0  # all pairs fit: a larger scale is better
    assert bool(info_nce(torch.eye(3), -torch.eye(3), 1e5).isfinite())


def test_what_cannot_be():
    a = torch.eye(2)
    with pytest.raises(
        UsageError, match=r"images and texts of shapes \(1, 2\) and \(1, 2\); expected \(n, d\) twice"
    ):
        info_nce(a[:1], a[:1], 1.0)
