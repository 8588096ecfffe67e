"""The relation that a Krylov space keeps, and how often a search overlooks something."""

import numpy as np
import pytest
import torch

from transferscope.numerics import krylov
from transferscope.numerics.krylov import Krylov, Search
from transferscope.rng import generator


def symmetric(eigenvalues):
    n = len(eigenvalues)
    q, _ = torch.linalg.qr(torch.randn(n, n, generator=generator("krylov", n), dtype=torch.float64))
    return (q * torch.as_tensor(eigenvalues, dtype=torch.float64)) @ q.T


def start(n, *path):
    return torch.randn(n, generator=generator("start", n, *path), dtype=torch.float64)


def holds(space, a):
    """AQ = QH + EᵀL, with orthonormal rows of Q and E together."""
    q = space.basis[: space.size]
    e = space.ends
    h, links = (torch.from_numpy(m) for m in (space.projected[: space.size, : space.size], space.links))
    torch.testing.assert_close(q @ a, h @ q + links[:, : space.size].T @ e, atol=1e-11, rtol=0)
    both = torch.cat([q, e])
    torch.testing.assert_close(both @ both.T, torch.eye(len(both), dtype=q.dtype), atol=1e-12, rtol=0)


def test_the_relation_holds_through_second_starts_and_restarts():
    a = symmetric([9, 9, 9, 4, 4, *np.linspace(-1, 1, 45)])
    space = Krylov(lambda v: a @ v, start(50), 12)
    for step in range(40):
        space.extend()
        holds(space, a)
        if step in (3, 7, 20):
            space.enter(space.random())
            holds(space, a)
        if space.size == 12:
            ritz, mixing = np.linalg.eigh(space.projected)
            order = np.argsort(-ritz)
            space.restart(ritz[order], mixing[:, order], 5)
            holds(space, a)
    assert len(space.ends) == 4
    np.testing.assert_allclose(np.sort(np.linalg.eigvalsh(space.projected[:3, :3])), [9, 9, 9], atol=0.05)


def test_an_end_that_is_there_does_not_enter_again():
    a = symmetric(np.linspace(-1, 1, 20))
    space = Krylov(lambda v: a @ v, start(20), 12)
    space.extend()
    space.enter(space.ends[0].clone())
    assert len(space.ends) == 1


def searched(a, values, k, edge, trial=0, most=10_000):
    """A search outside of k + 3 products of a start with no part in the first eigenvector of a diagonal."""
    v = start(len(a), trial)
    v[0] = 0.0
    space = Krylov(lambda x: a @ x, v, 40)
    for _ in range(k + 3):
        space.extend()
    space.drawn = 1000 * trial
    ritz, mixing = np.linalg.eigh(space.projected[: space.size, : space.size])
    search = Search(space, ritz, space.links[:, : space.size] @ mixing, edge, 1e-14, most)
    return search, space


@pytest.mark.parametrize("chance", [0.5, 0.2])
def test_a_search_overlooks_as_seldom_as_it_says(monkeypatch, chance):
    monkeypatch.setattr(krylov, "MISSED", chance)
    spectrum = np.concatenate([[2.0], np.linspace(-1, 1, 99)])
    a = torch.diag(torch.as_tensor(spectrum))
    trials = 150
    overlooked = 0
    for trial in range(trials):
        search, _ = searched(a, spectrum, 3, edge=1.999, trial=trial)
        excluded = search.excludes(1, both=False)
        assert excluded == (search.found is None)
        overlooked += excluded
    error = np.sqrt(trials * chance * (1 - chance))
    assert trials * chance - 4 * error <= overlooked <= trials * chance + 3 * error  # the bound is nearly sharp


def test_what_is_found_points_to_what_is_missing():
    spectrum = np.concatenate([[2.0], np.linspace(-1, 1, 99)])
    a = torch.diag(torch.as_tensor(spectrum))
    search, space = searched(a, spectrum, 3, edge=1.5)
    assert not search.excludes(1, both=True)
    assert search.found is not None
    assert float(search.found[0].abs()) > 0.8 and float((space.basis[: space.size] @ search.found).norm()) < 1e-12


@pytest.mark.parametrize("sign", [1, -1])
def test_each_side_is_searched(sign):
    spectrum = sign * np.concatenate([[2.0], np.linspace(-1, 1, 99)])
    a = torch.diag(torch.as_tensor(spectrum))
    for first in (1, -1):
        assert not searched(a, spectrum, 3, edge=1.5)[0].excludes(first, both=True)
        assert searched(a, spectrum, 3, edge=1.5)[0].excludes(first, both=False) == (first != sign)
        assert searched(a, spectrum, 3, edge=2.5)[0].excludes(first, both=True)


def test_what_the_basis_shows_already_is_not_found_again():
    # Three products from a start in all eigenvectors: one Ritz value is near 2, and not accurate yet.
    spectrum = np.concatenate([[2.0], np.linspace(-1, 1, 99)])
    a = torch.diag(torch.as_tensor(spectrum))
    space = Krylov(lambda x: a @ x, start(100), 40)
    for _ in range(6):
        space.extend()
    ritz, mixing = np.linalg.eigh(space.projected[:6, :6])
    assert 1.5 < ritz[-1] < 2
    for edge, missing in ((1.5, False), (ritz[-1] + 1e-6, True), (2.01, False)):
        search = Search(space, ritz, space.links[:, :6] @ mixing, edge, 1e-14, 1000)
        assert search.excludes(1, both=True) != missing


def test_a_search_stops_at_the_limit():
    spectrum = np.concatenate([[2.0], np.linspace(-1, 1, 99)])
    a = torch.diag(torch.as_tensor(spectrum))
    search, space = searched(a, spectrum, 3, edge=2.5, most=8)
    assert not search.excludes(1, both=True)
    assert search.found is None and space.products == 8


def test_the_bound_of_a_part_is_the_largest_mass_that_the_moments_leave():
    diagonal, beside = np.array([0.3, -0.2, 0.1, 0.4]), np.array([0.5, 0.6, 0.4, 0.7])
    part = krylov._Part(1.8)
    for alpha, last, beta in zip(diagonal, [0.0, *beside[:-1]], beside, strict=True):
        part.step(alpha, last, beta)
    # The Gauss rule of which 1.8 is a node: α₄ is chosen so that 1.8 is an eigenvalue of the Jacobi matrix.
    inner = np.diag(diagonal) + np.diag(beside[:-1], 1) + np.diag(beside[:-1], -1)
    alpha = 1.8 - beside[-1] ** 2 * np.linalg.inv(1.8 * np.eye(4) - inner)[-1, -1]
    whole = np.diag([*diagonal, alpha]) + np.diag(beside, 1) + np.diag(beside, -1)
    nodes, vectors = np.linalg.eigh(whole)
    assert nodes[-1] == pytest.approx(1.8, abs=1e-12) and not part.passed
    assert part.square == pytest.approx(vectors[0, -1] ** 2, rel=1e-10)


def test_a_bound_that_is_long_decided_does_not_overflow():
    part = krylov._Part(3.0)
    for _ in range(5000):
        part.step(0.0, 1.0, 1.0)
    assert 0 < part.square < 1e-200 and not part.passed
