"""Against dense eigendecompositions and scipy's ARPACK on the same operator."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from transferscope.errors import UsageError
from transferscope.numerics.lanczos import spectral_density, top_eigenvalues
from transferscope.rng import generator


def symmetric(eigenvalues):
    n = len(eigenvalues)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator("lanczos", n), dtype=torch.float64))
    return (q * torch.as_tensor(eigenvalues, dtype=torch.float64)) @ q.T


def start(n, dtype=torch.float64):
    return torch.randn(n, generator=generator("start", n), dtype=dtype)


@pytest.fixture(scope="module")
def hessian_like():
    """A few large eigenvalues, some negative, and a bulk about zero."""
    bulk = np.linspace(-0.5, 0.5, 190)
    return symmetric([90.0, 40.0, 39.5, -30.0, 12.0, 9.0, -8.5, 5.0, 3.0, -2.0, *bulk])


@pytest.mark.parametrize("which", ["magnitude", "algebraic"])
@pytest.mark.parametrize("basis", [None, 14])
def test_top_eigenvalues_equal_the_dense_ones_and_arpack(hessian_like, which, basis):
    a = hessian_like
    found = top_eigenvalues(lambda v: a @ v, start(200), 7, which=which, tolerance=1e-9, basis=basis, most=2000)
    dense = torch.linalg.eigvalsh(a).numpy()
    expected = dense[np.argsort(-np.abs(dense) if which == "magnitude" else -dense)][:7]
    assert found.converged
    np.testing.assert_allclose(found.values, expected, rtol=1e-8)
    peer = eigsh(LinearOperator((200, 200), matvec=lambda v: a.numpy() @ v, dtype=float), 7, tol=1e-12,
                 which={"magnitude": "LM", "algebraic": "LA"}[which], return_eigenvectors=False)  # fmt: skip
    np.testing.assert_allclose(np.sort(found.values), np.sort(peer), rtol=1e-8)


@pytest.mark.parametrize("basis", [None, 10])
def test_residuals_are_those_of_the_vectors(hessian_like, basis):
    a = hessian_like
    found = top_eigenvalues(lambda v: a @ v, start(200), 6, tolerance=1e-4, basis=basis)
    truth = (found.vectors @ a - torch.from_numpy(found.values)[:, None] * found.vectors).norm(dim=1)
    np.testing.assert_allclose(found.residuals, truth.numpy(), atol=1e-11 * 90)
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(6), atol=1e-12)
    dense = torch.linalg.eigvalsh(a).numpy()
    distance = np.abs(found.values[:, None] - dense[None]).min(1)
    assert (distance <= found.residuals + 1e-12).all()
    assert (distance <= 3 * found.errors + 1e-12).all()


def test_a_loose_tolerance_needs_fewer_products_and_is_still_kept(hessian_like):
    a = hessian_like
    loose = top_eigenvalues(lambda v: a @ v, start(200), 5, tolerance=1e-2)
    tight = top_eigenvalues(lambda v: a @ v, start(200), 5, tolerance=1e-8)
    assert loose.products < tight.products
    np.testing.assert_allclose(loose.values, tight.values, rtol=1e-2)


def test_the_limit_of_products_is_kept(hessian_like):
    a, asked = hessian_like, []
    found = top_eigenvalues(lambda v: asked.append(1) or a @ v, start(200), 10, tolerance=1e-12, most=15)
    assert (found.products, len(asked), found.converged) == (15, 15, False)


def test_small_and_degenerate_operators_end():
    identity = top_eigenvalues(lambda v: 2 * v, start(5), 3)
    np.testing.assert_allclose(identity.values, [2, 2, 2])
    nothing = top_eigenvalues(lambda v: 0 * v, start(4), 2)
    np.testing.assert_allclose(nothing.values, [0, 0])
    single = top_eigenvalues(lambda v: -3 * v, start(1), 1)
    np.testing.assert_allclose(single.values, [-3])
    whole = symmetric([4.0, -3.0, 2.0, 1.0])
    np.testing.assert_allclose(top_eigenvalues(lambda v: whole @ v, start(4), 4).values, [4, -3, 2, 1])


def test_float32_operators(hessian_like):
    a = hessian_like.float()
    found = top_eigenvalues(lambda v: a @ v, start(200, torch.float32), 8, tolerance=1e-3)
    assert found.vectors.dtype == torch.float32
    np.testing.assert_allclose(found.values[:5], [90, 40, 39.5, -30, 12], rtol=1e-4)


def test_density_has_the_moments_of_the_spectrum():
    eigenvalues = np.linspace(-1, 2, 60) ** 3
    a = symmetric(eigenvalues)
    starts = torch.randn(200, 60, generator=generator("probes"), dtype=torch.float64)
    density = spectral_density(lambda v: a @ v, starts, 6)
    np.testing.assert_allclose(density.weights.sum(1), 1)
    for moment in (1, 2, 3):
        each = (density.weights * density.nodes**moment).sum(1)
        error = each.std() / np.sqrt(len(each))
        assert abs(each.mean() - (eigenvalues**moment).mean()) < 4 * error
    grid = np.linspace(-4, 12, 4001)
    assert np.isclose(density.at(grid, 0.1).sum() * (grid[1] - grid[0]), 1, atol=1e-6)


def test_each_probe_has_exact_moments_of_its_own():
    a = symmetric(np.linspace(-2, 5, 40))
    v = start(40)
    density = spectral_density(lambda x: a @ x, v[None], 5)
    u = v / v.norm()
    power = u.clone()
    for moment in range(1, 10):  # Gauss quadrature of five points: exact to degree 9
        power = a @ power
        assert np.isclose((density.weights * density.nodes**moment).sum(), float(u @ power), rtol=1e-9)


def test_a_probe_in_an_invariant_space_ends_early():
    diagonal = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    density = spectral_density(lambda v: diagonal * v, torch.tensor([[1.0, 1.0, 0.0, 0.0]], dtype=torch.float64), 4)
    np.testing.assert_allclose(density.nodes[0, :2], [1, 2])
    assert np.isnan(density.nodes[0, 2:]).all()
    assert density.at(np.array([1.0]), 0.1)[0] == pytest.approx(0.5 * 3.98942, rel=1e-4)


def test_bad_input():
    v = start(4)
    with pytest.raises(UsageError, match="5 eigenvalues of a 4×4 operator asked for; give k in 1…4"):
        top_eigenvalues(lambda x: x, v, 5)
    with pytest.raises(UsageError, match="a basis of 3 vectors for 2 eigenvalues; give at least 4"):
        top_eigenvalues(lambda x: x, start(9), 2, basis=3)
    with pytest.raises(UsageError, match="starting vector of norm 0"):
        top_eigenvalues(lambda x: x, 0 * v, 1)
    with pytest.raises(UsageError, match="product 1 with the operator is not finite"):
        top_eigenvalues(lambda x: x / 0, v, 1)


def test_no_error_is_given_as_less_than_rounding():
    wanted = [24.0, 5.0, *np.linspace(0, 1, 58)]
    matrix = symmetric(wanted).to(torch.float32)
    found = top_eigenvalues(lambda v: matrix @ v, start(60, torch.float32), 2, tolerance=1e-12, most=60)
    assert (found.residuals >= 24 * np.finfo(np.float32).eps).all()
    assert (found.errors >= 24 * np.finfo(np.float32).eps).all()
    assert (np.abs(found.values - wanted[:2]) <= found.errors).all()
