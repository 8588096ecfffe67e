"""Eigenvalues of a symmetric operator that is known by its products with vectors only.

Lanczos with full re-orthogonalisation: without it, rounding brings back directions that were found already, as ghosts
that look like multiple eigenvalues. The projected matrix is kept whole (all inner products, not three diagonals), so
that a restart is no special case: the best Ritz vectors are kept as the new basis, and the next product couples them
(thick restart, Wu and Simon 2000).
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

__all__ = ["Density", "Eigenvalues", "Product", "Which", "spectral_density", "top_eigenvalues"]

Product: TypeAlias = Callable[[Tensor], Tensor]
"""v ↦ Av, for v ``(n,)``."""

Which: TypeAlias = Literal["magnitude", "algebraic"]

_ROUNDINGS = 10
"""Differences of so many units in the last place of the largest eigenvalue are rounding."""

_EXTRA = 5
"""Ritz vectors kept at a restart beyond those asked for; they carry what has been learnt about the next ones."""


@dataclass(frozen=True, eq=False)
class Eigenvalues:
    """The top of a spectrum.

    Attributes:
        values: float64 ``(k,)``, the largest first.
        residuals: ‖Av − λv‖₂ of the unit Ritz vectors, ``(k,)``; an eigenvalue lies within it.
        errors: min(r, r²/gap), the estimate of |λ − true| that decides when to stop, ``(k,)``. Neither this nor r is
            given as less than what rounding in the operator's number format leaves open, 10·ε·max|λ|.
        vectors: ``(k, n)``, in the operator's number format.
        products: how many products it took.
        converged: whether every error is under the tolerance.
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
    distance to the other Ritz values makes that smaller (Kato and Temple; Parlett 1998, ch. 11).

    Args:
        product: v ↦ Av; deterministic, on the device and in the number format of ``start``.
        start: any vector that is not orthogonal to the eigenvectors sought; a random one.
        k: how many.
        which: ``magnitude`` for the largest |λ|, ``algebraic`` for the largest λ.
        tolerance: relative error of each eigenvalue.
        basis: vectors kept in memory before a restart, at least k + 2; ``max(4k, 40)`` by default.
        most: products after which to stop all the same; ``20·k + 100`` by default.

    Raises:
        UsageError: when there are not k eigenvalues, or the basis is too small.

    >>> diagonal = torch.tensor([3.0, -5.0, 1.0, 0.5], dtype=torch.float64)
    >>> found = top_eigenvalues(lambda v: diagonal * v, torch.ones(4, dtype=torch.float64), 2)
    >>> found.values.round(12).tolist(), found.products, found.converged
    ([-5.0, 3.0], 4, True)
    """
    n = len(start)
    if not 1 <= k <= n:
        raise UsageError(f"{k} eigenvalues of a {n}×{n} operator asked for; give k in 1…{n}")
    room = min(n, max(4 * k, 40) if basis is None else basis)
    if room < min(n, k + 2):
        raise UsageError(f"a basis of {room} vectors for {k} eigenvalues; give at least {k + 2}")
    limit = 20 * k + 100 if most is None else most
    space = _Krylov(product, start, room)
    while True:
        space.extend()
        over = space.products >= limit
        if space.size < k and not over:
            continue
        ritz, mixing = np.linalg.eigh(space.projected[: space.size, : space.size])
        order = np.argsort(-np.abs(ritz) if which == "magnitude" else -ritz, kind="stable")
        values, residuals = ritz[order], np.abs(space.beta * mixing[-1, order])
        errors = _errors(values, residuals)[:k]
        converged = len(errors) == k and bool((errors <= tolerance * np.abs(values[:k])).all())
        if converged or over or space.size == n:
            vectors = space.combine(mixing[:, order[:k]])
            rounding = _ROUNDINGS * torch.finfo(start.dtype).eps * float(np.abs(ritz).max())
            residuals, errors = np.maximum(residuals[:k], rounding), np.maximum(errors, rounding)
            return Eigenvalues(values[:k], residuals, errors, vectors, space.products, converged)
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
        space = _Krylov(product, start, steps)
        for _ in range(steps):
            space.extend()
            if space.beta == 0.0:
                break
        found = space.size
        ritz, mixing = np.linalg.eigh(space.projected[:found, :found])
        nodes[i, :found], weights[i, :found] = ritz, mixing[0] ** 2
    return Density(nodes, weights)


class _Krylov:
    """An orthonormal basis, the operator projected on it, and the direction that comes next.

    AQ = QH + β·next·eᵀ with e the last unit vector holds at all times, up to rounding.
    """

    def __init__(self, product: Product, start: Tensor, room: int) -> None:
        self.product, self.products, self.size, self.beta = product, 0, 0, 0.0
        self.basis = torch.empty((room, len(start)), dtype=start.dtype, device=start.device)
        self.projected = np.zeros((room, room))
        norm = float(start.norm())
        if not norm > 0 or not np.isfinite(norm):
            raise UsageError(f"a starting vector of norm {norm}; give one that is not zero")
        self.next = start / norm

    def extend(self) -> None:
        """Take the next direction into the basis and multiply it once."""
        j = self.size
        self.basis[j] = self.next
        held = self.basis[: j + 1]
        w = self.product(self.next)
        self.products += 1
        if not bool(w.isfinite().all()):
            raise UsageError(f"product {self.products} with the operator is not finite; so are no eigenvalues of it")
        scale = float(w.norm())
        column = held @ w
        w = w - column @ held
        again = held @ w  # twice is enough (Parlett)
        w = w - again @ held
        self.projected[: j + 1, j] = (column + again).double().cpu().numpy()
        self.projected[j, : j + 1] = self.projected[: j + 1, j]
        self.size = j + 1
        self.beta = float(w.norm())
        tiny = (
            _ROUNDINGS * torch.finfo(w.dtype).eps * max(scale, float(np.abs(self.projected[: j + 1, : j + 1]).max()))
        )
        if self.beta <= tiny:
            self.beta = 0.0
            w = self._fresh(held)
        self.next = w / w.norm() if self.size < len(w) else w

    def restart(self, values: np.ndarray, mixing: np.ndarray, keep: int) -> None:
        """Go on with the first ``keep`` Ritz vectors as the basis."""
        self.basis[:keep] = self.combine(mixing[:, :keep])
        self.projected[:] = 0.0
        self.projected[range(keep), range(keep)] = values[:keep]
        self.size = keep

    def combine(self, mixing: np.ndarray) -> Tensor:
        """Return the vectors Qs for the columns s, ``(columns, n)``."""
        weights = torch.from_numpy(np.ascontiguousarray(mixing.T)).to(self.basis)
        return weights @ self.basis[: self.size]

    def _fresh(self, held: Tensor) -> Tensor:
        """A direction outside an invariant subspace: the unit vector that the basis knows least."""
        w = torch.zeros_like(held[0])
        w[held.square().sum(0).argmin()] = 1.0
        for _ in range(2):
            w = w - (held @ w) @ held
        return w


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
