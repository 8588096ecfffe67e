"""LogME against the dense Gaussian density at its best hyper-parameters, which a general optimiser finds."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from transferscope.errors import UsageError
from transferscope.numerics.scores import decompose, logme, targets_of

from .made import made


def dense(x: torch.Tensor, columns: torch.Tensor) -> float:
    """The mean over columns of max over α, β of log N(y; 0, I/β + FFᵀ/α)/n, by Nelder–Mead from several starts."""
    gram, n = (x @ x.T).numpy(), len(x)
    scale = float(np.trace(gram)) / n

    def density(y: np.ndarray) -> float:
        def negative(at: np.ndarray) -> float:
            covariance = math.exp(at[0]) * np.eye(n) + math.exp(at[1]) / scale * gram
            return -multivariate_normal(np.zeros(n), covariance, allow_singular=False).logpdf(y) / n

        starts = [(-2.0, -2.0), (-4.0, 0.0), (-1.0, -8.0)]
        options = {"xatol": 1e-7, "fatol": 1e-12, "maxiter": 4000}
        return -min(minimize(negative, at, method="Nelder-Mead", options=options).fun for at in starts)

    return float(np.mean([density(y) for y in columns.T.numpy()]))


@pytest.mark.parametrize(("n", "width", "signal"), [(60, 8, 0.6), (30, 50, 0.3), (40, 40, 0.0), (25, 200, 0.1)])
def test_it_is_the_dense_log_density_at_its_maximum(n: int, width: int, signal: float) -> None:
    x, labels = made(n, width, 3, signal=signal)
    targets = targets_of(labels)
    assert logme(decompose(x), targets) == pytest.approx(dense(x, targets.columns), abs=2e-6)


def test_several_labels_an_image_are_columns() -> None:
    x, labels = made(50, 6, 4)
    columns = torch.stack([labels == 0, labels < 2, labels == 3], 1).to(torch.int8)
    targets = targets_of(columns)
    assert logme(decompose(x), targets) == pytest.approx(dense(x, targets.columns), abs=2e-6)


@pytest.mark.parametrize("width", [5, 90])
def test_neither_scale_nor_features_of_nothing_change_it(width: int) -> None:
    x, labels = made(45, width, 3)
    targets = targets_of(labels)
    # λ is refined by parabolas until LogME is flat, so that rounding moves it by some 1e-8.
    plain = logme(decompose(x), targets)
    assert logme(decompose(100 * x), targets) == pytest.approx(plain, abs=1e-7)
    padded = torch.cat([x, torch.zeros(45, 300)], 1)
    assert logme(decompose(padded), targets) == pytest.approx(plain, abs=1e-7)


def test_more_features_than_images_give_no_gift() -> None:
    """The published fixed point gives +6 an image here; noise cannot be better than no features at all."""
    x, _ = made(100, 1024, 10, signal=0.0)
    labels = torch.arange(100) % 10
    none = -0.5 * (math.log(2 * math.pi) + 1 + math.log(0.1))
    assert none - 1e-9 <= logme(decompose(x), targets_of(labels)) < none + 0.3


def test_as_many_labels_as_images() -> None:
    x, labels = made(20, 4, 2)
    with pytest.raises(UsageError, match="19 labels for the features of 20 images"):
        logme(decompose(x), targets_of(labels[1:]))
