"""GBC against a loop over pairs of dense Gaussians, and its range."""

import math

import numpy as np
import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, decompose, gbc, targets_of

from .made import made


def looped(x: np.ndarray, labels: np.ndarray, k: int, spherical: bool) -> float:
    centred = x - x.mean(0)
    _, _, right = np.linalg.svd(centred, full_matrices=False)
    rows = centred @ right[:k].T
    floor = 1e-4 * np.mean(rows**2)
    gaussians = []
    for c in np.unique(labels):
        own = rows[labels == c]
        variances = own.var(0)
        variances = np.full(k, variances.mean()) if spherical else variances
        gaussians.append((own.mean(0), np.diag(np.maximum(variances, floor))))
    total = 0.0
    for i, (m, s) in enumerate(gaussians):
        for j, (other, t) in enumerate(gaussians):
            if i != j:
                middle, d = (s + t) / 2, m - other
                logs = [np.linalg.slogdet(of).logabsdet for of in (middle, s, t)]
                distance = d @ np.linalg.solve(middle, d) / 8 + 0.5 * (logs[0] - (logs[1] + logs[2]) / 2)
                total += math.exp(-distance)
    return -total


@pytest.mark.parametrize("covariance", ["spherical", "diagonal"])
def test_it_is_the_loop_over_pairs(covariance: str) -> None:
    x, labels = made(90, 12, 4, signal=0.4)
    found = gbc(decompose(x), targets_of(labels), components=5, covariance=covariance)  # type: ignore[arg-type]
    assert found == pytest.approx(looped(x.numpy(), labels.numpy(), 5, covariance == "spherical"), rel=1e-7)


def test_range_and_scale() -> None:
    x, labels = made(80, 100, 5, signal=0.2)
    targets = targets_of(labels)
    found = gbc(decompose(x), targets)
    assert -20 <= found <= 0
    assert gbc(decompose(1e4 * x), targets) == pytest.approx(found, rel=1e-7)
    apart, labels = made(80, 100, 5, signal=20.0)
    assert gbc(decompose(apart), targets_of(labels)) == pytest.approx(0.0, abs=1e-12)


def test_what_cannot_be() -> None:
    x, labels = made(20, 4, 2)
    with pytest.raises(NotDefinedError, match="a class has a single image"):
        gbc(decompose(x), targets_of(torch.cat([labels[:-1], torch.tensor([7])])))
    with pytest.raises(NotDefinedError, match="several labels"):
        gbc(decompose(x[:3]), targets_of(torch.tensor([[0, 1], [1, 1], [1, 0]])))
    with pytest.raises(UsageError, match="GBC in 0 directions"):
        gbc(decompose(x), targets_of(labels), components=0)
