"""What wide two-layer networks do when they are trained on one task, then on another (Liu et al. 2019, §6).

A network so wide that its weights hardly move ("lazy") is linear in them, so all of training follows from the kernel
H of :mod:`.relu_gram`: its inverse where training ends, its eigenvalues after finitely many steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError
from .relu_gram import relu_gram, unit_rows

__all__ = ["Labelled", "LazyTransfer", "Spectrum", "labelled", "lazy_transfer", "spectrum"]

_SAME = 1e-7
"""Unit rows that are no farther apart than this are one input."""

_SINGULAR = 1e-13
"""An eigenvalue below this share of the largest one is rounding."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Inputs of length 1 with their labels, none of them twice.

    Attributes:
        x: ``(n, d)`` in float64.
        y: ``(n, k)`` in float64, a column an output.
        merged: how many rows were left out because the same input had come before, with the same labels.
    """

    x: Tensor
    y: Tensor
    merged: int

    def __len__(self) -> int:
        return len(self.x)


def labelled(x: Float[Tensor, "n d"], y: Float[Tensor, "n k"], what: str = "inputs") -> Labelled:
    """Make inputs of length 1, and merge those that are the same.

    Two equal inputs make H singular. With equal labels the second says nothing new and is merged into the first; with
    other labels no network can fit both.

    Args:
        x: an input a row.
        y: its labels.
        what: how to call them in an error.

    Raises:
        UsageError: for no inputs, other numbers of inputs and labels, a number that is not finite, an input of zeros,
            or the same input with other labels.

    >>> both = labelled(torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0], [1.0], [-1.0]]))
    >>> len(both), both.merged  # the second is the first, twice as long
    (2, 1)
    """
    if not len(x) or len(x) != len(y):
        raise UsageError(f"{what}: {len(x)} inputs and {len(y)} labels; need one each, and at least one")
    rows, labels = unit_rows(x, what), y.detach().to(torch.float64)
    if not bool(labels.isfinite().all()):
        raise UsageError(f"{what}: label {int((~labels.isfinite()).any(1).nonzero()[0, 0])} is not finite")
    first = torch.arange(len(rows))
    for later, earlier in _alike(rows):
        first[later] = min(int(first[later]), int(first[earlier]))
    for row in (first != torch.arange(len(rows))).nonzero()[:, 0].tolist():
        if not torch.allclose(labels[row], labels[first[row]], rtol=0, atol=1e-12):
            raise UsageError(
                f"{what}: rows {int(first[row])} and {row} are the same input with other labels; leave one of them "
                "out"
            )
    kept = first == torch.arange(len(rows))
    return Labelled(rows[kept], labels[kept], int((~kept).sum()))


def _alike(rows: Tensor) -> list[tuple[int, int]]:
    """Pairs (later, earlier) of equal rows."""
    found: list[tuple[int, int]] = []
    for low in range(0, len(rows), 1024):
        cosine = rows[low : low + 1024] @ rows.T
        for i, j in (cosine > 1 - 1e-12).nonzero().tolist():
            if j < low + i and float(torch.linalg.vector_norm(rows[low + i] - rows[j])) <= _SAME:
                found.append((low + i, j))
    return found


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A kernel of one set, by its eigenvalues.

    Attributes:
        values: λ_i, ascending; the ridge is in them.
        vectors: v_i, a column each.
        ridge: what was added to the diagonal.
    """

    values: Tensor
    vectors: Tensor
    ridge: float

    @property
    def least(self) -> float:
        """λ_min, which the theorems want to be over 0."""
        return float(self.values[0])

    @property
    def condition(self) -> float:
        """λ_max/λ_min."""
        return float(self.values[-1] / self.values[0])

    @property
    def rate(self) -> float:
        """η = 1/λ_max: the learning rate at which no direction overshoots; any under twice that converges."""
        return 1.0 / float(self.values[-1])

    def steps_to(self, rest: float) -> int:
        """Return after how many steps at :attr:`rate` the slowest direction has so small a share left."""
        slowest = 1.0 - float(self.values[0] / self.values[-1])
        return 1 if slowest <= rest else math.ceil(math.log(rest) / math.log(slowest))

    def learned(self, y: Float[Tensor, "n k"], steps: int | None = None) -> Float[Tensor, "n k"]:
        """Return H⁻¹(I − (I − ηH)^K)y: what K steps have put into the weights; H⁻¹y without a number of steps."""
        return self.vectors @ ((self._done(steps) / self.values)[:, None] * (self.vectors.T @ y))

    def left(self, y: Float[Tensor, "n k"], steps: int) -> Float[Tensor, "n k"]:
        """Return (I − ηH)^K y: what is not fitted after K steps."""
        return self.vectors @ ((1 - self._done(steps))[:, None] * (self.vectors.T @ y))

    def moved(self, y: Float[Tensor, "n k"], steps: int | None = None) -> float:
        """Return how far weights go to fit y, squared: Σ_i (v_iᵀy)²(1 − (1 − ηλ_i)^K)²/λ_i; yᵀH⁻¹y without steps.

        Columns are summed.
        """
        parts = (self.vectors.T @ y).square().sum(1) * self._done(steps).square() / self.values
        return float(parts.sum())

    def complexity(self, y: Float[Tensor, "n k"]) -> float:
        """Return √(2·yᵀH⁻¹y/n), which bounds the test error of labels y of one column (Arora et al. 2019, eq. 3)."""
        return math.sqrt(2 * self.moved(y) / len(y))

    def _done(self, steps: int | None) -> Tensor:
        """1 − (1 − ηλ_i)^K."""
        return torch.ones_like(self.values) if steps is None else 1 - (1 - self.rate * self.values).pow(steps)


def spectrum(h: Float[Tensor, "n n"], *, ridge: float = 0.0, what: str = "H") -> Spectrum:
    """Decompose a kernel.

    Args:
        h: symmetric, in float64.
        ridge: to add to the diagonal, as a share of its mean, tr(H)/n.
        what: how to call the kernel in an error.

    Raises:
        UsageError: for a ridge under 0, or a kernel that is singular.

    >>> found = spectrum(torch.tensor([[0.5, 0.1], [0.1, 0.5]], dtype=torch.float64))
    >>> round(found.least, 6), round(found.condition, 6), found.steps_to(1e-3)
    (0.4, 1.5, 7)
    >>> y = torch.tensor([[1.0], [-1.0]], dtype=torch.float64)  # an eigenvector of 0.4
    >>> round(found.moved(y), 6), round(found.moved(y, 1), 6), round(found.complexity(y), 4)
    (5.0, 2.222222, 2.2361)
    """
    if not ridge >= 0:
        raise UsageError(f"ridge {ridge}; expected a share of the mean of the diagonal, 0 or more, such as 1e-3")
    added = ridge * float(h.diagonal().mean())
    values, vectors = torch.linalg.eigh(h + added * torch.eye(len(h), dtype=h.dtype))
    if float(values[0]) <= _SINGULAR * float(values[-1]):
        raise UsageError(
            f"{what} of {len(h)} inputs is singular (smallest eigenvalue {float(values[0]):.1e}); give a ridge, such "
            "as 1e-6, or fewer inputs"
        )
    return Spectrum(values, vectors, added)


@dataclass(frozen=True, eq=False)
class LazyTransfer:
    """A source P and a target Q, as a wide network sees them.

    Attributes:
        p: H_P.
        q: H_Q.
        pq: H_PQ, ``(n_P, n_Q)``.
    """

    p: Spectrum
    q: Spectrum
    pq: Tensor

    def transferred(self, y: Float[Tensor, "p k"], steps: int | None = None) -> Float[Tensor, "q k"]:
        """Return y_{P→Q} = H_PQᵀH_P⁻¹y_P: what a network that fits P says of Q (§6.1).

        Args:
            y: labels of P, less what the network says at its start where that is not 0.
            steps: K, for a network trained that long: H_PQᵀH_P⁻¹(I − (I − ηH_P)^K)y_P.
        """
        return self.pq.T @ self.p.learned(y, steps)

    def residual(
        self, y_p: Float[Tensor, "p k"], y_q: Float[Tensor, "q k"], steps: int | None = None
    ) -> Float[Tensor, "q k"]:
        """Return r = y_Q − y_{P→Q}: what is left to learn of the target."""
        return y_q - self.transferred(y_p, steps)


def lazy_transfer(p: Labelled, q: Labelled, *, ridge: float = 0.0) -> LazyTransfer:
    """Compute the three kernels of a source and a target.

    Args:
        p: the source.
        q: the target, inputs as long as the source's.
        ridge: added to H_P and H_Q, as a share of the mean of their diagonals.

    Raises:
        UsageError: for inputs of other lengths, or a kernel that is singular.

    >>> p = labelled(torch.eye(2), torch.tensor([[1.0], [-1.0]]), "P")
    >>> same = lazy_transfer(p, p)
    >>> same.residual(p.y, p.y).abs().max().item() < 1e-12  # what fits P fits it as the target
    True
    >>> same.residual(p.y, -p.y).T.round(decimals=6).tolist()  # flipped labels: twice as far as from 0
    [[-2.0, 2.0]]
    """
    if p.x.shape[1] != q.x.shape[1]:
        raise UsageError(
            f"source inputs have {p.x.shape[1]} numbers and target inputs {q.x.shape[1]}; both must have as many"
        )
    return LazyTransfer(
        spectrum(relu_gram(p.x), ridge=ridge, what="H_P"),
        spectrum(relu_gram(q.x), ridge=ridge, what="H_Q"),
        relu_gram(p.x, q.x),
    )
