"""Against dense eigendecompositions and scipy's ARPACK on the same operator."""

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from transferscope.errors import UsageError
from transferscope.numerics.krylov import Search
from transferscope.numerics.lanczos import spectral_density, top_eigenvalues
from transferscope.rng import generator, numpy_generator


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
    assert identity.converged and nothing.converged and single.converged


BULK = np.linspace(-0.5, 0.5, 90)


@pytest.mark.parametrize(
    ("spectrum", "k"),
    [
        ([5, 5, 1, 0.5], 2),
        ([5, 5 - 1e-9, 1, 0.5], 2),
        ([5, 5, 5, 1, 0.5], 2),  # one copy more than is asked for
        ([5, 5, 5, 1, 0.5], 3),
        ([-7, -7, 7, 3, 3, 3, 0.1], 6),
        ([2.0] * 9, 4),
        ([2.0] * 9, 9),
        ([5, 5, 0, 0, 0, 0, 0], 4),  # rank 2
        ([5, 3, 3, *np.zeros(60)], 3),
        ([9, 9, 4, 4, 4, 4, 2, *BULK], 7),
        ([9, 9, 4, 4, 4, 4, 2, *BULK], 4),
        ([9, 9 - 1e-6, 4, 4 - 1e-9, *BULK], 4),
        (np.repeat(50 * 0.8 ** np.arange(60), 2), 10),
        (np.repeat(50 * 0.8 ** np.arange(60), 2), 9),
    ],
)
@pytest.mark.parametrize("which", ["magnitude", "algebraic"])
@pytest.mark.parametrize("rotated", [False, True])
@pytest.mark.parametrize("tolerance", [1e-3, 1e-9])
def test_multiple_eigenvalues_are_found_as_often_as_they_occur(spectrum, k, which, rotated, tolerance):
    matrix = symmetric(spectrum) if rotated else torch.diag(torch.as_tensor(spectrum, dtype=torch.float64))
    found = top_eigenvalues(
        lambda v: matrix @ v, start(len(spectrum)), k, which=which, tolerance=tolerance, most=2000
    )
    assert found.converged
    agrees(found, matrix, k, which, tolerance)


def agrees(found, matrix, k, which, tolerance):
    """Values, errors and vectors against the dense ones; ±λ come in any order."""
    dense = np.linalg.eigvalsh(matrix.double().numpy())
    rounding = 100 * torch.finfo(matrix.dtype).eps * np.abs(dense).max()
    near = np.abs(found.values[:, None] - dense[None]).min(1)
    assert (near <= found.residuals + rounding).all()
    if which == "magnitude":
        expected, got = np.sort(np.abs(dense))[::-1][:k], np.abs(found.values)
    else:
        expected, got = np.sort(dense)[::-1][:k], found.values
    np.testing.assert_allclose(got, expected, rtol=2 * tolerance, atol=rounding)
    vectors = found.vectors.double().numpy()
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(k), atol=1000 * torch.finfo(matrix.dtype).eps)
    off = np.linalg.norm(vectors @ matrix.double().numpy() - found.values[:, None] * vectors, axis=1)
    assert (off <= found.residuals + rounding).all()


@pytest.mark.parametrize("seed", range(60))
def test_random_operators_with_planted_multiplicities(seed):
    rng = numpy_generator("planted", seed)
    copies = rng.integers(1, 5, size=rng.integers(1, 15))
    spectrum = np.repeat(rng.normal(0, 10.0 ** rng.integers(-3, 4), len(copies)), copies)
    spectrum = np.concatenate([spectrum, np.zeros(rng.choice([0, 0, 7]))])
    n, dtype, which = (
        len(spectrum),
        (torch.float64, torch.float32)[seed % 2],
        ("magnitude", "algebraic")[seed // 2 % 2],
    )
    k = int(rng.integers(1, min(n, 20) + 1))
    matrix = symmetric(spectrum).to(dtype)
    found = top_eigenvalues(lambda v: matrix @ v, start(n, dtype), k, which=which, most=1000)
    assert found.converged
    agrees(found, matrix, k, which, 1e-3)


def test_what_the_start_has_no_part_in_is_found():
    matrix = torch.diag(torch.tensor([9.0, 7.0, 5.0, *BULK], dtype=torch.float64))
    v = start(len(matrix))
    v[[0, 2]] = 0.0
    found = top_eigenvalues(lambda x: matrix @ x, v, 1, tolerance=1e-8)
    assert found.converged and found.values[0] == pytest.approx(9, rel=1e-8)
    found = top_eigenvalues(lambda x: matrix @ x, v, 3, tolerance=1e-8)
    assert found.converged and found.values == pytest.approx([9, 7, 5], rel=1e-8)


def test_two_close_eigenvalues_are_not_taken_for_one(monkeypatch):
    # A start with a small part in the larger one: the first chain stops between them or at the smaller.
    matrix = torch.diag(torch.tensor([1 + 4e-6, 1.0, *np.linspace(0, 0.9, 60)], dtype=torch.float64))
    v = start(len(matrix))
    v[0] = 1e-3
    found = top_eigenvalues(lambda x: matrix @ x, v, 1, tolerance=1e-9, most=1000)
    assert found.converged and abs(found.values[0] - (1 + 4e-6)) <= max(found.errors[0], 1e-9)
    monkeypatch.setattr(Search, "excludes", lambda self, sign, both: True)
    unsearched = top_eigenvalues(lambda x: matrix @ x, v, 1, tolerance=1e-9, most=1000)
    assert abs(unsearched.values[0] - (1 + 4e-6)) > 1e-6, "nothing to find"


# Each k has a clear gap behind it.
@pytest.mark.parametrize(
    ("which", "k"), [*(("magnitude", k) for k in (1, 3, 5, 7, 10)), *(("algebraic", k) for k in (1, 3, 7))]
)
def test_a_search_that_finds_nothing_changes_nothing_and_is_short(hessian_like, which, k, monkeypatch):
    a = hessian_like
    found = top_eigenvalues(lambda v: a @ v, start(200), k, which=which)
    monkeypatch.setattr(Search, "excludes", lambda self, sign, both: True)
    unsearched = top_eigenvalues(lambda v: a @ v, start(200), k, which=which)
    assert found.converged and unsearched.converged
    assert np.array_equal(found.values, unsearched.values) and np.array_equal(found.errors, unsearched.errors)
    assert torch.equal(found.vectors, unsearched.vectors)
    assert 1 <= found.products - unsearched.products <= 8


def test_what_could_not_be_excluded_is_not_called_converged(hessian_like):
    a = hessian_like
    needed = top_eigenvalues(lambda v: a @ v, start(200), 7).products
    enough = top_eigenvalues(lambda v: a @ v, start(200), 7, most=needed)
    few = top_eigenvalues(lambda v: a @ v, start(200), 7, most=needed - 1)
    assert (enough.products, enough.converged) == (needed, True)
    assert (few.products, few.converged) == (needed - 1, False)
    assert np.array_equal(few.values, enough.values)
    twice = torch.tensor([5.0, 5.0, 1.0, 0.5], dtype=torch.float64)
    cut = top_eigenvalues(lambda v: twice * v, start(4), 2, most=3)  # it has seen 5, 1 and 0.5
    assert not cut.converged


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
