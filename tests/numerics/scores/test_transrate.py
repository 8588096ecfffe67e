"""TransRate against dense log-determinants, and what does not change it."""

import pytest
import torch

from transferscope.errors import UsageError
from transferscope.numerics.scores import NotDefinedError, decompose, targets_of, transrate

from .made import made


def dense(x: torch.Tensor, labels: torch.Tensor, epsilon: float) -> float:
    z = x - x.mean(0)
    z = z / (z.square().sum() / len(z)).sqrt()

    def rate(rows: torch.Tensor) -> float:
        identity = torch.eye(rows.shape[1], dtype=torch.float64)
        return 0.5 * float(torch.linalg.slogdet(identity + rows.T @ rows / (len(rows) * epsilon)).logabsdet)

    return rate(z) - sum(float((labels == c).double().mean()) * rate(z[labels == c]) for c in labels.unique())


@pytest.mark.parametrize(("n", "width"), [(60, 8), (30, 70)])
@pytest.mark.parametrize("epsilon", [1e-4, 1e-2])
def test_it_is_the_difference_of_dense_rates(n: int, width: int, epsilon: float) -> None:
    x, labels = made(n, width, 3, signal=0.8)
    found = transrate(decompose(x), targets_of(labels), epsilon=epsilon)
    assert found == pytest.approx(dense(x, labels, epsilon), rel=1e-8)
    assert transrate(decompose(50 * x), targets_of(labels), epsilon=epsilon) == pytest.approx(found, rel=1e-9)


def test_it_grows_with_what_lies_between_the_classes() -> None:
    found = []
    for signal in (0.0, 1.0, 4.0):
        x, labels = made(400, 6, 3, signal=signal)
        found.append(transrate(decompose(x), targets_of(labels)))
    assert 0 <= found[0] < found[1] < found[2]


def test_what_cannot_be() -> None:
    x, labels = made(30, 4, 3)
    with pytest.raises(UsageError, match="expected a number over 0"):
        transrate(decompose(x), targets_of(labels), epsilon=0.0)
    with pytest.raises(NotDefinedError, match="several labels"):
        transrate(decompose(x[:3]), targets_of(torch.tensor([[0, 1], [1, 1], [1, 0]])))
