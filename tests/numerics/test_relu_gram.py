import math

import mpmath
import numpy as np
import pytest
import torch
from torch import Tensor

from transferscope.errors import UsageError
from transferscope.numerics.relu_gram import relu_gram, unit_rows
from transferscope.rng import generator


def drawn(n: int, d: int, name: str = "x") -> Tensor:
    return unit_rows(torch.randn(n, d, dtype=torch.float64, generator=generator("relu_gram", name, n, d)))


def slow(x: Tensor, z: Tensor) -> np.ndarray:
    """The formula with forty digits, pair by pair, of rows whose length is made exactly 1 first."""
    with mpmath.workdps(40):
        sides = []
        for rows in (x, z):
            exact = [[mpmath.mpf(v) for v in row] for row in rows.tolist()]
            sides.append([[v / mpmath.sqrt(mpmath.fdot(row, row)) for v in row] for row in exact])
        found = np.empty((len(x), len(z)))
        for i, a in enumerate(sides[0]):
            for j, b in enumerate(sides[1]):
                c = max(mpmath.mpf(-1), min(mpmath.mpf(1), mpmath.fdot(a, b)))
                found[i, j] = float(c * (mpmath.pi - mpmath.acos(c)) / (2 * mpmath.pi))
        return found


@pytest.mark.parametrize("shape", [(7, 3), (5, 40), (1, 2)])
def test_kernel_of_two_sets_is_the_formula(shape):
    x, z = drawn(*shape), drawn(4, shape[1], "z")
    assert relu_gram(x, z).numpy() == pytest.approx(slow(x, z), abs=1e-14)


def test_kernel_of_one_set_is_the_formula_symmetric_and_half_on_the_diagonal():
    x = drawn(9, 4)
    found = relu_gram(x)
    assert found.numpy() == pytest.approx(slow(x, x), abs=1e-14)
    assert torch.equal(found, found.T) and torch.equal(found.diagonal(), torch.full((9,), 0.5, dtype=torch.float64))


def test_many_rows_are_those_of_one_block_at_a_time():
    x, z = drawn(1100, 6), drawn(700, 6, "z")
    whole = relu_gram(x)
    assert torch.equal(whole, whole.T)
    for i, j in ((0, 1099), (511, 512), (600, 3), (1024, 513)):
        assert float(whole[i, j]) == pytest.approx(float(relu_gram(x[i : i + 1], x[j : j + 1])), abs=1e-15)
    across = relu_gram(x, z)
    assert float(across[1050, 699]) == pytest.approx(float(relu_gram(x[1050:1051], z[699:700])), abs=1e-15)


@pytest.mark.parametrize("apart", [1e-3, 1e-5, 1e-8, 1e-12, 0.0])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_near_duplicates_and_near_antipodes_keep_their_digits(apart, sign):
    """An arccos of 1 − ε would be wrong by √ε: 4e-9 of the kernel."""
    x = drawn(2, 8)
    x[1] = sign * unit_rows(x[:1] + apart * drawn(1, 8, "beside"))[0]
    for found in (relu_gram(x)[0, 1], relu_gram(x[:1], x[1:])[0, 0]):
        assert float(found) == pytest.approx(slow(x[:1], x[1:])[0, 0], abs=2e-15)


def test_kernel_is_the_expectation_over_random_units():
    x, z = drawn(3, 5), drawn(2, 5, "z")
    w = torch.randn(400_000, 5, dtype=torch.float64, generator=generator("units"))
    on = [(w @ rows.T >= 0).double() for rows in (x, z)]
    simulated = (x @ z.T) * (on[0].T @ on[1]) / len(w)
    assert simulated.numpy() == pytest.approx(relu_gram(x, z).numpy(), abs=5 * 0.5 / math.sqrt(len(w)))


def test_it_is_the_tangent_kernel_of_both_layers_less_that_of_the_last():
    """By automatic differentiation of a wide network that trains both layers: Θ − 𝒦, as in neural-tangents."""
    x, units = drawn(4, 3), 100_000
    g = generator("tangent")
    w = torch.randn(units, 3, dtype=torch.float64, generator=g, requires_grad=True)
    a = torch.randn(units, dtype=torch.float64, generator=g, requires_grad=True)
    outputs = (w @ x.T).relu().T @ a / math.sqrt(units)
    gradients = [torch.autograd.grad(out, (w, a), retain_graph=True) for out in outputs]
    both = torch.stack([torch.cat([gw.flatten(), ga]) for gw, ga in gradients])
    last = torch.stack([ga for _, ga in gradients])
    assert (both @ both.T - last @ last.T).numpy() == pytest.approx(relu_gram(x).numpy(), abs=0.02)


def test_it_is_what_neural_tangents_says():
    """Θ − 𝒦 of neural-tangents 0.6.5, ``serial(Dense(1), Relu(), Dense(1))`` on inputs times √3, in float64.

    Its diagonal is off by up to 2.4e-9, where the cosine of an input with itself is not 1 to the last digit.
    """
    x = torch.tensor(
        [[1, 0, 0], [0.6, 0.8, 0], [-0.28, 0.96, 0], [1 / 3, 2 / 3, -2 / 3], [-1, 0, 0]], dtype=torch.float64
    )
    theirs = [
        [0.5, 0.211449829409740, -0.057353174115757, 0.101362241328232, 0.0],
        [0.211449829409740, 0.5, 0.211449829409740, 0.279413387272826, -0.088550170590260],
        [-0.057353174115757, 0.211449829409740, 0.5, 0.186988292340517, 0.082646825884243],
        [0.101362241328232, 0.279413387272826, 0.186988292340517, 0.499999997628406, -0.065304425338435],
        [0.0, -0.088550170590260, 0.082646825884243, -0.065304425338435, 0.5],
    ]
    ours = relu_gram(unit_rows(x)).numpy()
    assert ours == pytest.approx(np.array(theirs), abs=3e-9)
    apart = ~np.eye(5, dtype=bool)
    assert ours[apart] == pytest.approx(np.array(theirs)[apart], abs=3e-8)


def test_other_inputs_are_refused(unchecked):
    x = drawn(3, 4)
    with pytest.raises(UsageError, match="kernel of numbers in float32; expected float64, see unit_rows"):
        relu_gram(x.float())
    with pytest.raises(UsageError, match="kernel of rows that are not of length 1; see unit_rows"):
        relu_gram(2 * x)
    with pytest.raises(UsageError, match="kernel of inputs with 4 and 5 numbers; both must have as many"):
        relu_gram(x, drawn(3, 5))


def test_rows_without_a_direction_are_refused():
    with pytest.raises(UsageError, match=r"P: row 1 is zero \(after centring, if asked\), so it has no direction"):
        unit_rows(torch.tensor([[1.0, 0.0], [0.0, 0.0]]), "P")
    with pytest.raises(UsageError, match="P: row 0 has a number that is not finite"):
        unit_rows(torch.tensor([[math.nan, 0.0]]), "P")
