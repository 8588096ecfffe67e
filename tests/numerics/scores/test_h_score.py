"""H-score against dense covariances with scikit-learn's shrinkage, and its bounds."""

import numpy as np
import pytest
import torch
from sklearn.covariance import ledoit_wolf

from transferscope.numerics.scores import NotDefinedError, decompose, h_score, ledoit_wolf_shrinkage, targets_of

from .made import made


@pytest.mark.parametrize(("n", "width"), [(80, 10), (30, 60), (200, 40)])
def test_it_is_the_trace_of_dense_matrices(n: int, width: int) -> None:
    x, labels = made(n, width, 4, signal=0.5)
    covariance, alpha = ledoit_wolf(x.numpy())
    assert ledoit_wolf_shrinkage(decompose(x)) == pytest.approx(alpha, rel=1e-9)
    means = np.stack([x[labels == c].mean(0).numpy() for c in labels.tolist()])
    between = np.cov(means.T, bias=True)
    expected = np.trace(np.linalg.solve(covariance, (1 - alpha) * between))
    assert h_score(decompose(x), targets_of(labels)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "width", "signal"), [(40, 500, 0.0), (60, 30, 8.0), (50, 200, 3.0), (400, 20, 0.0)])
def test_it_lies_between_0_and_classes_less_one(n: int, width: int, signal: float) -> None:
    for scale in (1e-3, 1.0, 1e3):
        x, labels = made(n, width, 5, signal=signal)
        assert 0 <= h_score(decompose((scale * x).float()), targets_of(labels)) <= 4


def test_noise_does_not_reach_the_bound_where_features_are_many() -> None:
    """Without shrinkage it is exactly C − 1 there."""
    x, labels = made(60, 300, 5, signal=0.0)
    assert h_score(decompose(x), targets_of(labels)) < 1


def test_several_labels() -> None:
    with pytest.raises(NotDefinedError, match="several labels"):
        h_score(decompose(torch.randn(3, 2)), targets_of(torch.tensor([[0, 1], [1, 1], [1, 0]])))
