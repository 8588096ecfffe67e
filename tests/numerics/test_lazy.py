import math

import numpy as np
import pytest
import torch
from torch import Tensor

from transferscope.errors import UsageError
from transferscope.numerics.lazy import labelled, lazy_transfer, spectrum
from transferscope.numerics.relu_gram import relu_gram, unit_rows
from transferscope.rng import generator


def drawn(n: int, d: int = 6, k: int = 1, name: str = "x") -> tuple[Tensor, Tensor]:
    g = generator("lazy", name, n, d, k)
    x = torch.randn(n, d, dtype=torch.float64, generator=g)
    return x, torch.randn(n, k, dtype=torch.float64, generator=g).clamp(-1, 1)


def slow_kernel(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The formula, pair by pair."""
    h = np.empty((len(x), len(z)))
    for i, a in enumerate(x):
        for j, b in enumerate(z):
            c = min(1.0, max(-1.0, float(a @ b)))
            h[i, j] = c * (math.pi - math.acos(c)) / (2 * math.pi)
    return h


@pytest.mark.parametrize("k", [1, 3])
def test_transferred_labels_and_scores_are_those_of_dense_algebra(k):
    p, q = labelled(*drawn(9, k=k), "P"), labelled(*drawn(7, k=k, name="z"), "Q")
    found = lazy_transfer(p, q)
    hp, hq, hpq = (slow_kernel(a.x.numpy(), b.x.numpy()) for a, b in ((p, p), (q, q), (p, q)))
    y = hpq.T @ np.linalg.inv(hp) @ p.y.numpy()
    r = q.y.numpy() - y
    assert found.transferred(p.y).numpy() == pytest.approx(y, abs=1e-7)
    assert found.residual(p.y, q.y).numpy() == pytest.approx(r, abs=1e-7)
    assert found.q.moved(torch.from_numpy(r)) == pytest.approx(np.trace(r.T @ np.linalg.inv(hq) @ r), rel=1e-6)
    assert found.q.least == pytest.approx(np.linalg.eigvalsh(hq)[0], abs=1e-9)
    assert found.p.condition == pytest.approx(np.linalg.cond(hp), rel=1e-6)


@pytest.mark.parametrize("steps", [1, 2, 17])
def test_finite_steps_are_gradient_descent_with_a_fixed_kernel(steps):
    """Features φ with φφᵀ = H: weights from zero, one step after another."""
    p, q = labelled(*drawn(6), "P"), labelled(*drawn(5, name="z"), "Q")
    found = lazy_transfer(p, q)
    phi = torch.linalg.cholesky(relu_gram(torch.cat([p.x, q.x])))
    of_p, of_q = phi[:6], phi[6:]

    def descend(w: Tensor, features: Tensor, y: Tensor, rate: float) -> Tensor:
        for _ in range(steps):
            w = w - rate * features.T @ (features @ w - y)
        return w

    pretrained = descend(torch.zeros(11, 1, dtype=torch.float64), of_p, p.y, found.p.rate)
    assert found.transferred(p.y, steps).numpy() == pytest.approx((of_q @ pretrained).numpy(), abs=1e-12)
    assert found.p.left(p.y, steps).numpy() == pytest.approx((p.y - of_p @ pretrained).numpy(), abs=1e-12)
    tuned = descend(pretrained, of_q, q.y, found.q.rate)
    r = found.residual(p.y, q.y, steps)
    assert found.q.moved(r, steps) == pytest.approx(float((tuned - pretrained).square().sum()), rel=1e-10)


def test_many_steps_are_the_limit_and_steps_to_says_how_many():
    p = labelled(*drawn(6), "P")
    h = spectrum(relu_gram(p.x))
    assert h.learned(p.y, 10**6).numpy() == pytest.approx(h.learned(p.y).numpy(), rel=1e-9)
    k = h.steps_to(1e-3)
    slowest = 1 - float(h.values[0] / h.values[-1])
    assert slowest**k <= 1e-3 < slowest ** (k - 1)
    assert spectrum(torch.eye(2, dtype=torch.float64)).steps_to(0.5) == 1, "one direction only: one step fits it"


def test_complexity_of_labels_that_follow_the_inputs_is_lower_than_of_random_ones():
    x, _ = drawn(60, 5)
    plain, noise = torch.sign(x[:, :1]), torch.sign(drawn(60, 5, name="noise")[1])
    h = spectrum(relu_gram(unit_rows(x)))
    assert h.complexity(plain) < h.complexity(noise)
    assert h.complexity(plain) == pytest.approx(math.sqrt(2 * h.moved(plain) / 60))


def test_duplicates_are_merged_whatever_their_length_and_counted():
    x, y = drawn(5)
    x = torch.cat([x, 3 * x[1:2], x[1:2], x[4:5]])
    y = torch.cat([y, y[1:2], y[1:2], y[4:5]])
    found = labelled(x, y, "P")
    assert len(found) == 5 and found.merged == 3
    assert torch.equal(found.y, y[:5])
    spectrum(relu_gram(found.x))  # no longer singular


def test_near_duplicates_stay_and_show_in_the_smallest_eigenvalue():
    x, y = drawn(5, 40)
    beside = unit_rows(x[:1]) + 2e-3 * unit_rows(drawn(1, 40, name="beside")[0])
    found = labelled(torch.cat([x, beside]), torch.cat([y, -y[:1]]), "P")
    assert found.merged == 0
    assert spectrum(relu_gram(found.x)).least < 1e-2 * spectrum(relu_gram(found.x[:5])).least


def test_the_same_input_with_other_labels_is_refused():
    x, y = drawn(5)
    with pytest.raises(
        UsageError, match="P: rows 2 and 5 are the same input with other labels; leave one of them out"
    ):
        labelled(torch.cat([x, x[2:3]]), torch.cat([y, -y[2:3]]), "P")


def test_opposite_inputs_are_two_inputs():
    x, y = drawn(1)
    both = labelled(torch.cat([x, -x]), torch.cat([y, y]), "P")
    assert both.merged == 0 and spectrum(relu_gram(both.x)).least == pytest.approx(0.5)


def test_singular_kernels_and_other_shapes_are_refused(unchecked):
    h = torch.full((2, 2), 0.5, dtype=torch.float64)
    with pytest.raises(UsageError, match=r"H_P of 2 inputs is singular \(smallest eigenvalue .*\); give a ridge"):
        spectrum(h, what="H_P")
    assert spectrum(h, ridge=0.1).least == pytest.approx(0.05)
    with pytest.raises(UsageError, match="ridge -1; expected a share"):
        spectrum(h, ridge=-1)
    x, y = drawn(3)
    with pytest.raises(UsageError, match="P: 3 inputs and 2 labels; need one each"):
        labelled(x, y[:2], "P")
    with pytest.raises(UsageError, match="P: label 1 is not finite"):
        labelled(x, torch.tensor([[0.0], [math.inf], [0.0]]), "P")
    with pytest.raises(UsageError, match="source inputs have 6 numbers and target inputs 4; both must have as many"):
        lazy_transfer(labelled(x, y, "P"), labelled(*drawn(3, 4), "Q"))
