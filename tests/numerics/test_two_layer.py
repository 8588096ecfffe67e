import math

import pytest
import torch
from torch import Tensor

from transferscope.errors import UsageError
from transferscope.numerics.lazy import labelled, lazy_transfer
from transferscope.numerics.two_layer import TwoLayer, rotated, start_two_layer
from transferscope.rng import generator


def task(n: int, d: int = 12, name: str = "p") -> tuple[Tensor, Tensor]:
    g = generator("two_layer", name, n, d)
    found = labelled(
        torch.randn(n, d, dtype=torch.float64, generator=g),
        torch.randint(0, 2, (n, 1), generator=g).double() * 2 - 1,
    )
    return found.x, found.y[:, 0]


def signs(net: TwoLayer) -> Tensor:
    a = -torch.ones(len(net.weights), dtype=torch.float64)
    a[: net.positive] = 1
    return a


@pytest.mark.parametrize("start", ["mirrored", "independent"])
def test_training_is_gradient_descent_by_automatic_differentiation(start):
    x, y = task(5)
    net = start_two_layer(20, 12, start=start, size=0.7, generator=generator("net"))
    a, w = signs(net), net.weights.clone()
    for _ in range(6):
        w = w.detach().requires_grad_()
        outputs = (w @ x.T).relu().T @ a / math.sqrt(20)
        (gradient,) = torch.autograd.grad(0.5 * (y - outputs).square().sum(), w)
        w = w - 0.4 * gradient
    net.train(x, y, 0.4, 6)
    assert net.weights.numpy() == pytest.approx(w.detach().numpy(), abs=1e-12)
    assert net.outputs(x).numpy() == pytest.approx(
        ((w @ x.T).relu().T @ a / math.sqrt(20)).detach().numpy(), abs=1e-12
    )


def test_a_mirrored_start_says_zero_and_an_independent_one_does_not():
    x, _ = task(4)
    mirrored = start_two_layer(64, 12, generator=generator("net"))
    assert torch.equal(mirrored.outputs(x), torch.zeros(4, dtype=torch.float64))
    independent = start_two_layer(64, 12, start="independent", size=2.0, generator=generator("net"))
    assert float(independent.outputs(x).abs().min()) > 1e-3
    assert 16 < independent.positive < 48
    assert float(independent.weights.std()) == pytest.approx(2.0, rel=0.1)


def test_turned_inputs_give_the_same_networks_at_less_work():
    """Weights turned alike: outputs and how far they move are equal to rounding."""
    (p, y), (q, z) = task(5, 40), task(4, 40, "q")
    turned_p, turned_q = rotated([p, q])
    assert turned_p.shape == (5, 9) and turned_q.shape == (4, 9)
    assert (turned_p @ turned_q.T).numpy() == pytest.approx((p @ q.T).numpy(), abs=1e-14)
    whole = start_two_layer(30, 40, start="independent", generator=generator("net"))
    basis, _ = torch.linalg.qr(torch.cat([p, q]).T)
    small = TwoLayer(whole.weights @ basis, whole.positive)
    ends = []
    for net, x, x2 in ((whole, p, q), (small, turned_p, turned_q)):
        net.train(x, y, 0.5, 20)
        before = net.copy()
        net.train(x2, z, 0.5, 20)
        ends.append((net.outputs(x), float((net.weights - before.weights).norm())))
    assert ends[0][0].numpy() == pytest.approx(ends[1][0].numpy(), abs=1e-12)
    assert ends[0][1] == pytest.approx(ends[1][1], rel=1e-12)


def test_as_many_inputs_as_numbers_are_left_as_they_are():
    p, q = torch.eye(3), torch.ones(1, 3)
    assert all(torch.equal(a, b) for a, b in zip(rotated([p, q]), [p, q], strict=True))


def test_wide_networks_do_what_the_kernel_says_and_the_wider_the_nearer():
    p, y = task(6)
    q, z = task(5, name="q")
    theory = lazy_transfer(labelled(p, y[:, None]), labelled(q, z[:, None]))
    k = 60
    r = theory.residual(y[:, None], z[:, None], k)
    errors = []
    for units in (256, 16384):
        net = start_two_layer(units, 12, generator=generator("net", units))
        net.train(p, y, theory.p.rate, k)
        said, before = net.outputs(q), net.copy()
        net.train(q, z, theory.q.rate, k)
        moved = float((net.weights - before.weights).square().sum())
        errors.append((float((z - said - r[:, 0]).norm()), abs(moved / theory.q.moved(r, k) - 1)))
    assert errors[1][0] < 0.1 and errors[1][1] < 0.05
    assert errors[1][0] < errors[0][0] / 2


def test_units_that_change_side_become_fewer():
    p, y = task(6)
    shares = []
    for units in (128, 8192):
        net = start_two_layer(units, 12, generator=generator("net", units))
        before = net.active(p)
        net.train(p, y, 1.0, 50)
        shares.append(float((net.active(p) != before).double().mean()))
    assert shares[1] < shares[0] / 4


def test_bad_input_is_named():
    with pytest.raises(UsageError, match="3 units; expected at least 1, and an even number of mirrored ones"):
        start_two_layer(3, 2, generator=generator("net"))
    with pytest.raises(UsageError, match=r"weights of size 0\.0; expected κ over 0, such as 1"):
        start_two_layer(4, 2, size=0.0, generator=generator("net"))
    net = start_two_layer(4, 12, generator=generator("net"))
    x, y = task(5)
    with pytest.raises(UsageError, match="training at rate 1e\\+100 diverged"):
        net.train(x, y, 1e100, 9)
