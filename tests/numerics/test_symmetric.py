"""Eigenvalues of symmetric matrices: each is the product of what is found, one at a time or several."""

import pytest
import torch

from transferscope.numerics.symmetric import symmetric_eigh


@pytest.mark.parametrize("m", [1, 7, 300])
def test_several_are_one_after_another(m):
    draws = torch.randn(3, m, m + 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    product = draws @ draws.mT
    values, vectors = symmetric_eigh(product)
    assert bool((values.diff(dim=1) >= 0).all())
    torch.testing.assert_close((vectors * values[:, None]) @ vectors.mT, product, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(vectors.mT @ vectors, torch.eye(m, dtype=torch.float64).expand(3, -1, -1))
    for i in range(3):
        torch.testing.assert_close(symmetric_eigh(product[i])[0], values[i])
