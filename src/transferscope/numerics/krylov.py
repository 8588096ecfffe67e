"""The space in which Lanczos looks for eigenvalues, and a search for eigenvalues that this space does not show.

Products of one starting vector show one eigenvector of each eigenvalue, however many it has, and none that the start
has no part in. More products of it never show the others: only another start does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError
from ..rng import generator

__all__ = ["MISSED", "ROUNDINGS", "Krylov", "Search"]

ROUNDINGS = 10
"""Differences of so many units in the last place of the largest eigenvalue are rounding."""

MISSED = 0.01
"""The search for missing eigenvalues stops when the probability that it has not seen one is at most this."""

_LOWER = (0.5, 0.75, 0.9, 0.97, 0.99)
"""Parts of the edge under which a search on one side tries to show that the other side stays, the lowest first."""


class Krylov:
    """An orthonormal basis, the operator projected on it, and the directions in which the operator leaves it.

    AQ = QH + EᵀL holds at all times, up to rounding. The rows of E are the ``ends``: unit vectors, orthogonal to Q
    and to each other, at most one for each starting vector. L are the ``links``.
    """

    def __init__(self, product: Callable[[Tensor], Tensor], start: Tensor, room: int) -> None:
        self.product, self.products, self.size, self.drawn = product, 0, 0, 0
        self.basis = torch.empty((room, len(start)), dtype=start.dtype, device=start.device)
        self.projected, self.links = np.zeros((room, room)), np.zeros((1, room))
        norm = float(start.norm())
        if not norm > 0 or not np.isfinite(norm):
            raise UsageError(f"a starting vector of norm {norm}; give one that is not zero")
        self.ends = (start / norm)[None]

    def extend(self) -> None:
        """Take the first end into the basis and multiply it once; what leaves the basis is the last end."""
        j, v = self.size, self.ends[0]
        self.ends, self.links = self.ends[1:], self.links[1:]
        self.basis[j] = v
        w = self.multiply(v)
        scale = float(w.norm())
        w, inner = _without(w, self.basis[: j + 1], self.ends)
        self.projected[: j + 1, j] = self.projected[j, : j + 1] = inner[: j + 1]
        self.links[:, j] = inner[j + 1 :]
        self.size = j + 1
        beta = float(w.norm())
        if self.size < len(w) and beta > self.rounding(scale):
            self.ends = torch.cat((self.ends, (w / beta)[None]))
            self.links = np.vstack((self.links, np.zeros(len(self.projected))))
            self.links[-1, j] = beta

    def multiply(self, v: Tensor) -> Tensor:
        """Return Av."""
        w = self.product(v)
        self.products += 1
        if not bool(w.isfinite().all()):
            raise UsageError(f"product {self.products} with the operator is not finite; so are no eigenvalues of it")
        return w

    def rounding(self, scale: float) -> float:
        """Return how long a remainder of a product of length ``scale`` may be and still be nothing but rounding."""
        largest = float(np.abs(self.projected[: self.size, : self.size]).max())
        return ROUNDINGS * float(torch.finfo(self.basis.dtype).eps) * max(scale, largest)

    def random(self) -> Tensor:
        """Draw a random unit vector orthogonal to the basis."""
        self.drawn += 1
        w = torch.randn(self.basis.shape[1], generator=generator("lanczos", self.drawn), dtype=torch.float64)
        w, _ = _without(w.to(self.basis), self.basis[: self.size])
        unit: Tensor = w / w.norm()
        return unit

    def enter(self, v: Tensor) -> None:
        """Make a unit vector orthogonal to the basis the first end, as far as the other ends do not hold it."""
        v, _ = _without(v, self.basis[: self.size], self.ends)
        norm = float(v.norm())
        if norm > 0.01:  # less is mostly rounding; the ends that hold the rest are multiplied next
            self.ends = torch.cat(((v / norm)[None], self.ends))
            self.links = np.vstack((np.zeros(len(self.projected)), self.links))

    def restart(self, values: np.ndarray, mixing: np.ndarray, keep: int) -> None:
        """Go on with the first ``keep`` Ritz vectors as the basis."""
        self.basis[:keep] = self.combine(mixing[:, :keep])
        self.projected[:] = 0.0
        self.projected[range(keep), range(keep)] = values[:keep]
        self.links[:, :keep] = self.links[:, : self.size] @ mixing[:, :keep]
        self.links[:, keep:] = 0.0
        self.size = keep

    def combine(self, mixing: np.ndarray) -> Tensor:
        """Return the vectors Qs for the columns s, ``(columns, n)``."""
        weights = torch.from_numpy(np.ascontiguousarray(mixing.T)).to(self.basis)
        return weights @ self.basis[: self.size]


class Search:
    """A search for eigenvalues of ±A beyond an edge τ that the basis does not show.

    Let H = QᵀAQ have the eigenvalues θ and eigenvectors s. A has more eigenvalues above τ than H has if and only if
    S = P(A − EᵀME)P has one above τ, where M = Σ Ls(Ls)ᵀ/(θ − τ) and P projects to outside of the basis (additivity
    of inertia, Haynsworth 1968). Lanczos on S from a random unit vector decides whether it has:

    - when a Ritz value of S is above τ, something is missing (a sign of p_j(τ) shows it, Sturm);
    - the part c of an eigenvector above τ in the start has c² ≤ 1/Σ p_j(τ)², where p_j are the orthonormal
      polynomials of the sequence (Christoffel's function; Akhiezer 1965, ch. 2). A random unit vector in N dimensions
      has so small a part with a probability of at most √(2N/π)·c.

    The S of −A is X + EᵀRE, where X is minus the S of A. The same sequence shows that X has nothing above a τ' < τ.
    Then an eigenvector x of X + EᵀRE above τ has |Ex|² ≥ (τ − τ')/‖R‖, because xᵀXx ≤ τ'. So if E is one vector, a
    few products of this vector decide, and no chance is in it.

    Args:
        space: the basis; its products are counted on.
        values: θ.
        links: Ls, one column for each θ.
        edge: τ.
        rounding: differences of eigenvalues that mean nothing.
        most: products of the space after which to stop.

    Attributes:
        found: a direction with a large part of what is missing; ``None`` when nothing was found.
    """

    def __init__(
        self, space: Krylov, values: np.ndarray, links: np.ndarray, edge: float, rounding: float, most: int
    ) -> None:
        self.space, self.values, self.links, self.edge, self.rounding = space, values, links, edge, rounding
        self.most = most
        self.found: Tensor | None = None
        self._rare = np.pi * MISSED**2 / (2 * (space.basis.shape[1] - space.size))

    def excludes(self, sign: int, *, both: bool) -> bool:
        """Whether A (for the sign 1) or −A (for −1), or both, have no eigenvalue above the edge that is missing.

        Of both, the sign should be the one with more eigenvalues near the edge.
        """
        part = _Part(self.edge)
        lower = [_Part(share * self.edge) for share in _LOWER] if both else []

        def decided() -> bool:
            others = all(other.passed for other in lower) or any(other.square <= self._rare for other in lower)
            return part.square <= self._rare and others

        if not self._follow(self.space.random(), sign, part, lower, decided):
            return False
        return not both or self._excludes_other(-sign, [x.edge for x in lower if x.square <= self._rare])

    def _excludes_other(self, sign: int, shown: list[float]) -> bool:
        """Whether ±A has no eigenvalue above the edge that is missing, where X has none above each of ``shown``."""
        start, enough, part = self.space.random, self._rare, _Part(self.edge)
        if shown:
            size = -float(np.linalg.eigvalsh(self._bend(1) + self._bend(-1)).min(initial=0.0))
            if size <= self.edge - shown[0]:
                return True
            if len(self.space.ends) == 1:
                start, enough = lambda: self.space.ends[0], (self.edge - shown[0]) / size
        return self._follow(start(), sign, part, [], lambda: part.square <= enough)

    def _follow(self, v: Tensor, sign: int, part: _Part, others: list[_Part], decided: Callable[[], bool]) -> bool:
        """Multiply until ``decided`` or something is found, and return which; ``others`` are parts for minus S."""
        space = self.space
        held = space.basis[: space.size]
        bend = torch.from_numpy(self._bend(sign)).to(held)
        before, direction, beta = torch.zeros_like(v), torch.zeros_like(v), 0.0
        while space.products < self.most:
            w = sign * space.multiply(v)
            scale = float(w.norm())
            w = w - (bend @ (space.ends @ v)) @ space.ends
            alpha = float(v @ w)
            w, _ = _without(w - alpha * v - beta * before, held, v[None])
            last, beta = beta, float(w.norm())
            if beta <= space.rounding(scale):
                beta = 0.0
            direction += part.polynomial * v
            part.step(alpha, last, beta)
            for other in others:
                other.step(-alpha, last, beta)
            if part.passed:
                self.found = direction / direction.norm()
                return False
            if decided():
                return True
            before, v = v, w / beta
        return False

    def _bend(self, sign: int) -> np.ndarray:
        """Return M of ±A."""
        apart = sign * self.values - self.edge
        apart = np.where(np.abs(apart) < self.rounding, -self.rounding, apart)
        out: np.ndarray = (self.links / apart) @ self.links.T
        return out


class _Part:
    """The largest part that an eigenvector beyond the edge can have in the start, step by step.

    p₀ = 1, β_j p_{j+1} = (τ − α_j) p_j − β_{j−1} p_{j−1}.

    Attributes:
        polynomial: p_j(τ).
        square: bound of c².
        passed: whether a Ritz value is above the edge.
    """

    def __init__(self, edge: float) -> None:
        self.edge, self.polynomial, self.square, self.passed = edge, 1.0, 1.0, False
        self._before, self._sum = 0.0, 1.0

    def step(self, alpha: float, last: float, beta: float) -> None:
        """Take α_j, β_{j−1} and β_j, which is 0 at the end of the Krylov space; ``square`` is c² then."""
        if self.passed or self.square < 1e-200:  # decided; the polynomials would overflow
            return
        rest = (self.edge - alpha) * self.polynomial - last * self._before
        self.passed = rest <= 0
        self._before, self.polynomial = self.polynomial, rest / beta if beta else np.inf
        self._sum += self.polynomial**2
        self.square = 1.0 if self.passed else 1 / self._sum


def _without(w: Tensor, *blocks: Tensor) -> tuple[Tensor, np.ndarray]:
    """Return w less its projection on orthonormal rows, and the inner products with them."""
    twice = []  # is enough (Parlett)
    for _ in range(2):
        inner = []
        for rows in blocks:
            inner.append(rows @ w)
            w = w - inner[-1] @ rows
        twice.append(torch.cat(inner))
    both: np.ndarray = (twice[0] + twice[1]).double().cpu().numpy()
    return w, both
