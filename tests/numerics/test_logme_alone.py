"""LogME without singular vectors: the same number as with them, and as the dense density."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.stats import multivariate_normal

from transferscope.errors import UsageError
from transferscope.numerics.scores import decompose, logme, logme_alone, targets_of

G = torch.Generator().manual_seed(5)


def case(n, d, classes, *, rank=None, several=False):
    labels = torch.arange(n) % classes
    inner = torch.randn(n, rank or d, generator=G)
    inner[:, 0] += 2.0 * (labels == 0)
    x = (inner @ torch.randn(rank, d, generator=G) if rank else inner) + 0.5
    if several:
        labels = (torch.rand(n, classes, generator=G) < 0.3).long()
    return x, targets_of(labels)


@pytest.mark.parametrize(
    ("n", "d", "more"),
    [
        (60, 8, {}),
        (40, 40, {}),
        (20, 70, {}),
        (50, 30, {"rank": 5}),
        (30, 60, {"rank": 7}),
        (48, 6, {"several": True}),
        (25, 1, {}),
    ],
)
def test_it_is_the_score_that_others_share_their_decomposition_with(n, d, more):
    x, targets = case(n, d, 3, **more)
    assert logme_alone(x, targets) == pytest.approx(logme(decompose(x), targets), abs=2e-8)  # how sums are rounded


def test_it_is_the_largest_dense_density():
    x, targets = case(18, 30, 2)
    f, total = x.double().numpy(), 0.0
    for y in targets.columns.T.numpy():

        def lost(log_lambda, y=y):
            shape = np.eye(18) + f @ f.T / math.exp(log_lambda)
            noise = y @ np.linalg.solve(shape, y) / 18
            return -multivariate_normal(np.zeros(18), noise * shape).logpdf(y)

        best = min(minimize_scalar(lost, bounds=(a, a + 4), method="bounded").fun for a in range(-8, 16, 3))
        total -= best / 18
    assert logme_alone(x, targets) == pytest.approx(total / 2, abs=1e-6)


def test_what_cannot_be():
    x, targets = case(12, 4, 2)
    with pytest.raises(UsageError, match="12 labels for the features of 11 images"):
        logme_alone(x[:11], targets)
    x[3, 2] = math.nan
    with pytest.raises(UsageError, match="features are not all finite"):
        logme_alone(x, targets)
