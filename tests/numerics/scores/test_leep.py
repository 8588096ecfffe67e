"""LEEP against a plain loop, and its bounds."""

import math

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, leep, nce, targets_of

from .made import made


def looped(theta: torch.Tensor, labels: torch.Tensor) -> float:
    n, z = theta.shape
    total = 0.0
    for i in range(n):
        inner = 0.0
        for source in range(z):
            mass = sum(float(theta[j, source]) for j in range(n))
            both = sum(float(theta[j, source]) for j in range(n) if labels[j] == labels[i])
            inner += both / mass * float(theta[i, source])
        total += math.log(inner)
    return total / n


def test_it_is_the_loop() -> None:
    x, labels = made(30, 5, 3)
    theta = x.softmax(1)
    assert leep(theta, targets_of(labels)) == pytest.approx(looped(theta, labels), abs=1e-12)


def test_predictions_that_say_nothing_give_the_entropy_of_the_labels() -> None:
    _, labels = made(60, 2, 4)
    targets = targets_of(labels)
    same = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).expand(60, -1)
    assert leep(same, targets) == pytest.approx(-targets.entropy(), abs=1e-12)
    assert nce(same, targets) == pytest.approx(-targets.entropy(), abs=1e-12)


def test_perfect_predictions_give_0() -> None:
    _, labels = made(40, 2, 4)
    assert leep(torch.eye(4)[labels], targets_of(labels)) == 0.0


def test_a_source_class_without_mass_does_not_make_it_nan() -> None:
    x, labels = made(30, 5, 3)
    theta = x.softmax(1)
    padded = torch.cat([theta, torch.zeros(30, 2)], 1)
    assert leep(padded, targets_of(labels)) == pytest.approx(leep(theta, targets_of(labels)), abs=1e-12)


def test_it_is_not_under_nce_and_the_mean_log_of_the_named_class() -> None:
    """Nguyen et al. 2020, property 1."""
    for seed in range(5):
        x, labels = made(50, 6, 3, signal=0.3, seed=seed)
        theta, targets = (2 * x).softmax(1), targets_of(labels)
        assert leep(theta, targets) >= nce(theta, targets) + float(theta.max(1).values.log().mean())


def test_what_cannot_be() -> None:
    _, labels = made(30, 2, 3)
    with pytest.raises(UsageError, match="probabilities whose rows sum to 1"):
        leep(torch.sigmoid(torch.randn(30, 4)), targets_of(labels))
    with pytest.raises(UsageError, match="30 labels for the predictions of 20 images"):
        leep(torch.full((20, 2), 0.5), targets_of(labels))
    with pytest.raises(NotDefinedError, match="several labels"):
        leep(torch.full((3, 2), 0.5), targets_of(torch.tensor([[0, 1], [1, 1], [1, 0]])))
