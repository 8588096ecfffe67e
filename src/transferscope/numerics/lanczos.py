"""Eigenvalues of a symmetric operator that is known by its products with vectors only.

Lanczos with full re-orthogonalisation: without it, rounding brings back directions that were found already, as ghosts
that look like multiple eigenvalues. The projected matrix is kept whole (all inner products, not three diagonals), so
that a restart is no special case: the best Ritz vectors are kept as the new basis, and the next product couples them
(thick restart, Wu and Simon 2000).

Products of one starting vector show one eigenvector of each eigenvalue, however many it has. So when the eigenvalues
asked for are accurate, random vectors outside of the basis are multiplied until nothing larger can be missing, or
until something is found. What is found joins the basis as a second start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError
from .krylov import ROUNDINGS, Krylov, Search

__all__ = ["Density", "Eigenvalues", "Product", "Which", "spectral_density", "top_eigenvalues"]

Product: TypeAlias = Callable[[Tensor], Tensor]
"""v ↦ Av, for v ``(n,)``."""

Which: TypeAlias = Literal["magnitude", "algebraic"]

_EXTRA = 5
"""Ritz vectors kept at a restart beyond those asked for; they carry what has been learnt about the next ones."""

_TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """The top of a spectrum.

    Attributes:
        values: float64 ``(k,)``, the largest first.
        residuals: ‖Av − λv‖₂ of the unit Ritz vectors, ``(k,)``; an eigenvalue lies within it.
        errors: min(r, r²/gap), the estimate of |λ − true| that decides when to stop, ``(k,)``. Neither this nor r is
            given as less than what rounding in the operator's number format leaves open, 10·ε·max|λ|.
        vectors: ``(k, n)``, in the operator's number format.
        products: how many products it took, those of the search for missing eigenvalues included.
        converged: whether every error is under the tolerance, and no larger eigenvalue is missing. "Missing" means
            larger than the last of ``values`` by more than the tolerance, further copies of multiple eigenvalues
            included. The search is random: it overlooks a missing one with a probability of at most 1 %.
    """

    values: np.ndarray
    residuals: np.ndarray
    errors: np.ndarray
    vectors: Tensor
    products: int
    converged: bool


@dataclass(frozen=True, eq=False)
class Density:
    """A spectrum's density by stochastic Lanczos quadrature: weighted points, for each probe.

    Attributes:
        nodes: Ritz values, float64 ``(probes, steps)``; nan beyond the end of a Krylov space.
        weights: non-negative, each row sums to 1.
    """

    nodes: np.ndarray
    weights: np.ndarray

    def at(self, x: np.ndarray, width: float) -> np.ndarray:
        """Return the density at ``x``, averaged over probes, each node a Gaussian of this standard deviation.

        >>> d = Density(np.array([[0.0]]), np.array([[1.0]]))
        >>> d.at(np.array([0.0]), 1.0).round(4).tolist()
        [0.3989]
        """
        real = np.isfinite(self.nodes)
        z = (np.asarray(x)[:, None] - self.nodes[real]) / width
        kernel = np.exp(-0.5 * z**2) / (width * np.sqrt(2 * np.pi))
        out: np.ndarray = kernel @ self.weights[real] / len(self.nodes)
        return out


def top_eigenvalues(
    product: Product,
    start: Float[Tensor, " n"],
    k: int,
    *,
    which: Which = "magnitude",
    tolerance: float = 1e-3,
    basis: int | None = None,
    most: int | None = None,
) -> Eigenvalues:
    """Return the k largest eigenvalues of a symmetric operator, in magnitude or algebraically, with residuals.

    Stops when every |λ − true| is estimated under ``tolerance``·|λ|: by the residual r, or by r²/gap where the
    distance to the other Ritz values makes that smaller (Kato and Temple; Parlett 1998, ch. 11). Then it searches for
    larger eigenvalues that are missing, with 3 to 6 products where the next eigenvalue is clearly smaller than the
    last one asked for, with 10 to 40 where it is not. Values are the same as without a search where none is found.

    Args:
        product: v ↦ Av; deterministic, on the device and in the number format of ``start``.
        start: a random vector, or any vector that is not zero.
        k: how many.
        which: ``magnitude`` for the largest |λ|, ``algebraic`` for the largest λ.
        tolerance: relative error of each eigenvalue.
        basis: vectors kept in memory before a restart, at least k + 2; ``max(4k, 40)`` by default.
        most: products after which to stop all the same; ``20·k + 100`` by default. What was not excluded by then is
            not called converged.

    Returns:
        Eigenvalues in order with residuals and vectors, each as often as it occurs.

    Raises:
        UsageError: when there are not k eigenvalues, or the basis is too small.

    >>> diagonal = torch.tensor([3.0, -5.0, 1.0, 0.5], dtype=torch.float64)
    >>> found = top_eigenvalues(lambda v: diagonal * v, torch.ones(4, dtype=torch.float64), 2)
    >>> found.values.round(12).tolist(), found.products, found.converged
    ([-5.0, 3.0], 4, True)
    >>> twice = torch.tensor([5.0, 5.0, 1.0, 0.5], dtype=torch.float64)
    >>> found = top_eigenvalues(lambda v: twice * v, torch.ones(4, dtype=torch.float64), 2)
    >>> found.values.round(12).tolist(), found.converged
    ([5.0, 5.0], True)
    """
    n = len(start)
    if not 1 <= k <= n:
        raise UsageError(f"{k} eigenvalues of a {n}×{n} operator asked for; give k in 1…{n}")
    room = min(n, max(4 * k, 40) if basis is None else basis)
    if room < min(n, k + 2):
        raise UsageError(f"a basis of {room} vectors for {k} eigenvalues; give at least {k + 2}")
    limit = 20 * k + 100 if most is None else most
    space = Krylov(product, start, room)
    while True:
        space.extend()
        over = space.products >= limit
        if space.size < k and not over:
            if not len(space.ends):
                space.enter(space.random())
            continue
        ritz, mixing = np.linalg.eigh(space.projected[: space.size, : space.size])
        order = np.argsort(-np.abs(ritz) if which == "magnitude" else -ritz, kind="stable")
        values, links = ritz[order], space.links[:, : space.size] @ mixing[:, order]
        residuals = np.linalg.norm(links, axis=0)
        errors = _errors(values, residuals)[:k]
        rounding = ROUNDINGS * torch.finfo(start.dtype).eps * float(np.abs(ritz).max())
        accurate = len(errors) == k and bool((errors <= tolerance * np.abs(values[:k])).all())
        complete = space.size == n
        if accurate and not complete and not over:
            magnitude = which == "magnitude"
            last = float(abs(values[k - 1]) if magnitude else values[k - 1])
            edge = last + max(tolerance * abs(last), rounding, _TINY)
            search = Search(space, values, links, edge, rounding, limit)
            complete = search.excludes(-1 if magnitude and values[k - 1] < 0 else 1, both=magnitude)
            over = space.products >= limit
            if search.found is not None:
                space.enter(search.found)
        if (accurate and complete) or over or space.size == n:
            vectors = space.combine(mixing[:, order[:k]])
            residuals, errors = np.maximum(residuals[:k], rounding), np.maximum(errors, rounding)
            return Eigenvalues(values[:k], residuals, errors, vectors, space.products, accurate and complete)
        if space.size == room:
            space.restart(values, mixing[:, order], min(k + _EXTRA, (k + room) // 2))


def spectral_density(product: Product, starts: Float[Tensor, "probes n"], steps: int) -> Density:
    """Return the density of eigenvalues by stochastic Lanczos quadrature (Ghorbani, Krishnan, Xiao 2019, §2).

    The density Σᵢ δ(t − λᵢ)/n is the mean over random unit v of Σ_l w_l δ(t − θ_l), θ the Ritz values of ``steps`` of
    Lanczos from v, w the squared first components of the eigenvectors of the tridiagonal matrix.

    Args:
        product: v ↦ Av.
        starts: random vectors (Gaussian, say), one a probe.
        steps: of Lanczos; moments up to 2·steps − 1 of each probe are exact.

    >>> diagonal = torch.tensor([1.0, 3.0], dtype=torch.float64)
    >>> d = spectral_density(lambda v: diagonal * v, torch.ones(1, 2, dtype=torch.float64), 2)
    >>> d.nodes.round(9).tolist(), d.weights.round(9).tolist()
    ([[1.0, 3.0]], [[0.5, 0.5]])
    """
    probes, n = starts.shape
    steps = min(steps, n)
    nodes, weights = np.full((probes, steps), np.nan), np.zeros((probes, steps))
    for i, start in enumerate(starts):
        space = Krylov(product, start, steps)
        for _ in range(steps):
            space.extend()
            if not len(space.ends):
                break
        found = space.size
        ritz, mixing = np.linalg.eigh(space.projected[:found, :found])
        nodes[i, :found], weights[i, :found] = ritz, mixing[0] ** 2
    return Density(nodes, weights)


def _errors(values: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """min(r, r²/gap), the gap being the distance to the nearest other Ritz value less what that may still move."""
    if len(values) == 1:
        return residuals
    apart = np.abs(values[:, None] - values[None, :]) - residuals[None, :]
    np.fill_diagonal(apart, np.inf)
    gap = apart.min(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        bounded = np.where(gap > residuals, residuals**2 / gap, residuals)
    out: np.ndarray = np.minimum(residuals, bounded)
    return out
