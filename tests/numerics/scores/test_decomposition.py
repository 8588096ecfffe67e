"""The decomposition against NumPy's SVD, by either product, and what has none."""

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, decompose

from .made import made


@pytest.mark.parametrize(("n", "width"), [(60, 12), (20, 50), (30, 30)])
@pytest.mark.parametrize("side", ["auto", "features", "images"])
def test_it_is_the_svd_of_the_centred_features(n: int, width: int, side: str) -> None:
    x, _ = made(n, width, 3)
    found = decompose(x, side)  # type: ignore[arg-type]
    centred = (x - x.mean(0)).numpy()
    _, s, right = np.linalg.svd(centred, full_matrices=False)
    rank = min(n - 1, width)
    np.testing.assert_allclose(found.squares.numpy(), s[:rank] ** 2, rtol=1e-9)
    np.testing.assert_allclose((found.left.T @ found.left).numpy(), np.eye(rank), atol=1e-7)
    np.testing.assert_allclose((found.centred @ found.centred.T).numpy(), centred @ centred.T, atol=1e-8)
    np.testing.assert_allclose(found.left.sum(0).numpy(), 0, atol=1e-7)
    mean = x.mean(0).numpy()
    np.testing.assert_allclose(found.mean.abs().numpy(), np.abs(right[:rank] @ mean), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(found.beside, mean @ mean - np.sum((right[:rank] @ mean) ** 2), atol=1e-8)


def test_copies_of_features_and_features_that_do_not_vary_add_no_rank() -> None:
    x, _ = made(40, 5, 3)
    whole = torch.cat([x, x[:, :2], torch.full((40, 1), 7.0)], 1)
    assert len(decompose(whole).squares) == 5


def test_what_has_none() -> None:
    with pytest.raises(NotDefinedError, match="there are 2 images and it takes 3"):
        decompose(torch.zeros(2, 4))
    with pytest.raises(NotDefinedError, match="the same for all images"):
        decompose(torch.full((5, 4), 0.3))
    with pytest.raises(UsageError, match="not all finite"):
        decompose(torch.tensor([[1.0], [float("nan")], [2.0]]))
