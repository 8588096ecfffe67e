"""Linear centred kernel alignment (CKA) with the unbiased HSIC₁ estimator, over minibatches.

U-centring a Gram matrix (zero its diagonal, then project its row sums away) makes two of the three terms of HSIC₁
vanish, so that HSIC₁(K, L) is a plain inner product over the pairs of examples. A set of features is therefore kept
as one vector over the n(n−1)/2 pairs, and a single product V·Vᵀ gives HSIC₁ for all pairs of feature sets::

    accumulator = CKAAccumulator()
    for part in batch_slices(len(images), 100):
        accumulator.update([pair_vector(f(images[part])) for f in modules])
    accumulator.cka()
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from ..errors import UsageError
from .intervals import t_quantile

__all__ = ["CKAAccumulator", "batch_slices", "hsic1", "linear_cka", "pair_vector"]

_SMALLEST_BATCH = 4
"""HSIC₁ divides by n(n − 3)."""

_CPU_BLOCK, _BLOCK = 2**22, 2**28
"""Bytes of features centred at a time: the copy fits the cache of a CPU, and stays small on any device."""

_CPU_STRIP = 64
"""Rows of the Gram matrix computed at a time on CPU, from the diagonal rightwards: nearly half the work is saved."""


def hsic1(K: Float[Tensor, "n n"], L: Float[Tensor, "n n"]) -> Float64[Tensor, ""]:
    """Estimate the Hilbert–Schmidt independence criterion without bias, in float64.

    With K̄, L̄ the Gram matrices with their diagonals set to zero,
    HSIC₁ = [tr(K̄L̄) + (1ᵀK̄1)(1ᵀL̄1)/((n−1)(n−2)) − 2/(n−2)·1ᵀK̄L̄1] / (n(n−3)).

    Source: Song et al. 2012; Nguyen et al. 2021, equation 3. It may be negative. Computed as the inner product of the
    U-centred matrices (see :func:`pair_vector`), because the three terms cancel badly when features have a mean.

    Args:
        K: Gram matrix of the first features, symmetric.
        L: Gram matrix of the second features on the same examples, symmetric.

    Returns:
        The estimate, in units of K times units of L.

    Raises:
        UsageError: for fewer than 4 examples.

    >>> x = torch.tensor([1.0, 1.0, -1.0, -1.0])
    >>> round(hsic1(torch.outer(x, x), torch.outer(x, x)).item(), 12)  # (12 + 16/6 − 4) / 4
    2.666666666667
    """
    n = _checked_count(len(K))
    K, L = (_u_centre(M.to(torch.float64, copy=True)) for M in (K, L))
    return (K * L).sum() / (n * (n - 3))


def linear_cka(X: Float[Tensor, "n ..."], Y: Float[Tensor, "n ..."], *, unbiased: bool = True) -> float:
    """Compare two sets of features of the same examples at once, in float64.

    CKA = HSIC(K, L) / √(HSIC(K, K)·HSIC(L, L)) with K = XXᵀ, L = YYᵀ; 1 for features equal up to rotation, isotropic
    scale and shift. The unbiased estimate is 0 on average for independent features and may be negative; the biased
    one tends to 1 when there are more features than examples. Whichever of the n × n and the p × q products is
    cheaper is computed.

    Source: Kornblith et al. 2019, equation 4; Song et al. 2012 for HSIC₁.

    Args:
        X: features of n examples; what is not the first dimension is flattened.
        Y: features of the same n examples.
        unbiased: HSIC₁ instead of the usual biased HSIC₀.

    Returns:
        The similarity; nan when either set of features is the same for all examples.

    Raises:
        UsageError: for fewer than 4 examples, or different numbers of them.

    >>> X = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 1.0], [1.0, 3.0], [0.0, 0.0]])
    >>> rotated_and_shifted = 3 * X @ torch.tensor([[0.0, 1.0], [-1.0, 0.0]]) + 7
    >>> round(linear_cka(X, rotated_and_shifted), 12)
    1.0
    """
    n = _checked_count(len(X))
    if len(Y) != n:
        raise UsageError(f"CKA of {n} and {len(Y)} examples; give features of the same examples, in the same order")
    X, Y = (_centred(_columns(F).to(torch.float64)) for F in (X, Y))
    p, q = X.shape[1], Y.shape[1]
    if p * q + p * p + q * q < n * (p + q):
        product, own_x, own_y = (_feature_space(a, b, unbiased) for a, b in ((X, Y), (X, X), (Y, Y)))
    else:
        v, w = (pair_vector(X), pair_vector(Y)) if unbiased else ((X @ X.T).ravel(), (Y @ Y.T).ravel())
        product, own_x, own_y = v @ w, v @ v, w @ w
    return float(product / (own_x * own_y).sqrt())


def pair_vector(features: Float[Tensor, "n ..."]) -> Float64[Tensor, " pairs"]:
    """Turn features into a vector v over pairs of examples such that HSIC₁(XXᵀ, YYᵀ) = v(X)·v(Y).

    v_ij = √(2/(n(n−3)))·K̃_ij for i < j, with the U-centred Gram matrix
    K̃_ij = K_ij − Σ_l K_il/(n−2) − Σ_k K_kj/(n−2) + Σ_kl K_kl/((n−1)(n−2)), all sums without the diagonal.

    Source: Székely & Rizzo 2014 (U-centring and its inner product), which is HSIC₁ of Song et al. 2012 rearranged.

    Meant for use inside a forward hook: the result shares no memory with the features, so what later overwrites them
    in place does no harm. Products are computed in float32 for float32 and shorter features (autocast and reduced
    matmul precision are kept out), sums and centring in float64. Columns are centred before the product, which
    changes nothing in exact arithmetic and keeps a large common mean from swallowing the differences. Similarities
    are then within 1e-6 of float64 ones, unless one example is tens of times larger than all others.

    Args:
        features: of n examples; what is not the first dimension is flattened, in whatever order is cheapest.

    Returns:
        n(n−1)/2 numbers on the device of the features; exactly zero when all examples have the same features.

    Raises:
        UsageError: for fewer than 4 examples, or features that are not floating point.

    >>> X = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    >>> v = pair_vector(X)
    >>> round((v @ v).item(), 12), round(hsic1(X @ X.T, X @ X.T).item(), 12)
    (2.666666666667, 2.666666666667)
    """
    n = _checked_count(len(features))
    if not features.is_floating_point():
        raise UsageError(f"CKA of {features.dtype} features; expected floating point")
    X = _columns(features.detach())
    with torch.no_grad(), torch.autocast(X.device.type, enabled=False):
        packed = _u_centre(_gram(X)).view(-1).index_select(0, _upper_triangle(n, X.device))
        return packed.mul_(math.sqrt(2.0 / (n * (n - 3))))


class CKAAccumulator:
    """Unbiased linear CKA between all pairs of m feature sets, over minibatches.

    CKA_ij = Σ_b HSIC₁(K_i^b, K_j^b) / √(Σ_b HSIC₁(K_i^b, K_i^b) · Σ_b HSIC₁(K_j^b, K_j^b)): the estimates are summed
    over the batches b and divided once, in float64, and nothing is clamped. Source: Nguyen et al. 2021, equation 2.

    Every batch counts the same, as in the source, so batches should be of nearly equal size; those of
    :func:`batch_slices` differ by one example at most. Batches must be random samples: in a set that is sorted by
    class, shuffle first, or the similarity is that within classes.

    >>> accumulator = CKAAccumulator()
    >>> X = torch.tensor([[1.0], [2.0], [4.0], [0.0]])
    >>> accumulator.update([pair_vector(X), pair_vector(5 - 2 * X)])
    >>> accumulator.cka().round(decimals=12).tolist(), accumulator.batches
    ([[1.0, 1.0], [1.0, 1.0]], 1)
    """

    def __init__(self) -> None:
        self._hsic: list[Tensor] = []

    @property
    def batches(self) -> int:
        """How many batches have been added."""
        return len(self._hsic)

    def update(self, vectors: Sequence[Float64[Tensor, " pairs"]]) -> None:
        """Add one batch.

        Args:
            vectors: :func:`pair_vector` of each of the m feature sets on this batch, in the same order every time;
                those of several networks side by side give all their cross similarities.

        Raises:
            UsageError: when the sets are of different numbers of examples, or not as many as in the batches before.
        """
        sizes = sorted({len(v) for v in vectors})
        if len(sizes) != 1:
            counts = ", ".join(str((1 + math.isqrt(1 + 8 * s)) // 2) for s in sizes) or "no"
            raise UsageError(f"one batch holds features of {counts} examples; all must see the same examples")
        if self._hsic and len(vectors) != len(self._hsic[0]):
            raise UsageError(f"a batch of {len(vectors)} feature sets after one of {len(self._hsic[0])}")
        V = torch.stack(list(vectors))
        hsic = V @ V.T
        self._hsic.append((hsic + hsic.T) / 2)

    def cka(self) -> Float64[Tensor, "m m"]:
        """Return the similarities so far: symmetric, nan where features are the same for all examples."""
        return _normalised(self._stacked().sum(0))

    def standard_error(self) -> Float64[Tensor, "m m"]:
        """Estimate the standard error of :meth:`cka` by the jackknife over batches.

        s² = (B−1)/B · Σ_b (CKA_(b) − mean)², CKA_(b) computed without batch b (Efron & Stein 1981).

        Returns:
            The errors; nan throughout when there is only one batch.
        """
        parts = self._stacked()
        count = len(parts)
        if count < 2:
            return torch.full_like(parts[0], math.nan)
        left_out = _normalised(parts.sum(0) - parts)
        return (left_out.var(0, correction=0) * (count - 1)).sqrt()

    def left_out(self, rows: Sequence[int], columns: Sequence[int]) -> Float64[Tensor, "batches pairs"]:
        """Return some of the similarities without each batch in turn, to jackknife anything made of them.

        Args:
            rows: row of each wanted entry of :meth:`cka`.
            columns: its column.

        Returns:
            One row a batch; nan throughout when there is only one.
        """
        parts = self._stacked()
        rest = parts.sum(0) - parts
        own = rest.diagonal(dim1=1, dim2=2)
        i, j = torch.as_tensor(rows, dtype=torch.int64), torch.as_tensor(columns, dtype=torch.int64)
        return rest[:, i, j] / (own[:, i] * own[:, j]).sqrt()

    def interval(self, level: float = 0.95) -> tuple[Float64[Tensor, "m m"], Float64[Tensor, "m m"]]:
        """Return lower and upper ends of the intervals CKA ± t_{B−1}·s around :meth:`cka`; nan for one batch."""
        centre, error = self.cka(), self.standard_error()
        half = error * t_quantile(level, max(self.batches - 1, 1))
        return centre - half, centre + half

    def _stacked(self) -> Float64[Tensor, "batches m m"]:
        if not self._hsic:
            raise UsageError("CKA of no batches; call update first")
        return torch.stack(self._hsic)


def batch_slices(n: int, batch: int) -> list[slice]:
    """Cut n examples into consecutive batches whose sizes differ by at most one, none of fewer than 4 examples.

    The work of a Gram matrix grows with the batch: about 100 costs a small network least beside its forward pass.

    Args:
        n: number of examples, at least 4.
        batch: largest size, at least 4; a batch is larger only where 4 to 7 examples cannot be split.

    Returns:
        Slices that cover 0 … n.

    Raises:
        UsageError: when n or batch is under 4.

    >>> [s.stop - s.start for s in batch_slices(1001, 250)]
    [201, 200, 200, 200, 200]
    >>> batch_slices(7, 4)
    [slice(0, 7, None)]
    """
    _checked_count(n)
    if batch < _SMALLEST_BATCH:
        raise UsageError(f"CKA in batches of {batch}; a batch needs at least {_SMALLEST_BATCH} examples")
    count = min(math.ceil(n / batch), n // _SMALLEST_BATCH)
    size, larger = divmod(n, count)
    ends = [i * size + min(i, larger) for i in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends)]


def _checked_count(n: int) -> int:
    if n < _SMALLEST_BATCH:
        raise UsageError(f"unbiased CKA of {n} examples; it needs at least {_SMALLEST_BATCH}")
    return n


def _columns(features: Tensor) -> Tensor:
    """Flatten to (n, p) in the order in which the features lie in memory: channels-last is not copied."""
    order = sorted(range(1, features.ndim), key=features.stride, reverse=True)
    return features.permute(0, *order).reshape(len(features), -1)


def _gram(X: Tensor) -> Tensor:
    """Products of column-centred features, off the diagonal, summed in float64."""
    n = len(X)
    dtype = _product_dtype(X)
    block_bytes, strip = (_CPU_BLOCK, _CPU_STRIP) if X.device.type == "cpu" else (_BLOCK, n)
    upper = torch.zeros(n, n, dtype=torch.float64, device=X.device)
    for block in torch.split(X, max(1, block_bytes // (4 * n)), dim=1):
        C = _centred(block.to(dtype))
        for i in range(0, n, strip):
            upper[i : i + strip, i:] += C[i : i + strip] @ C[i:].T
    upper.triu_(1)
    return upper + upper.T


def _product_dtype(X: Tensor) -> torch.dtype:
    """Float32, unless the features are float64 or this process lets float32 products be rounded to fewer bits."""
    backend = torch.backends.cuda if X.device.type == "cuda" else torch.backends.mkldnn
    reduced = backend.matmul.fp32_precision in ("tf32", "bf16")
    return torch.float64 if X.dtype == torch.float64 or reduced else torch.float32


def _centred(X: Tensor) -> Tensor:
    """Subtract column means; through the first row, so that constant columns become exactly zero."""
    X = X - X[:1]
    return X.sub_(X.mean(0))


def _u_centre(K: Tensor) -> Tensor:
    """U-centre a symmetric matrix in place."""
    n = len(K)
    K.fill_diagonal_(0.0)
    row = K.sum(1) / (n - 2)
    row -= row.sum() / (2 * (n - 1))
    K -= row
    K -= row[:, None]
    return K.fill_diagonal_(0.0)


def _feature_space(X: Tensor, Y: Tensor, unbiased: bool) -> Tensor:
    """HSIC of column-centred features from the p × q product; up to a factor of n when biased.

    Centred rows of K sum to zero, so those of K̄ sum to −diag(K), and HSIC₁ needs no n × n matrix.
    """
    total = (X.T @ Y).square().sum()
    if not unbiased:
        return total
    n = len(X)
    diagonal_x, diagonal_y = X.square().sum(1), Y.square().sum(1)
    total += diagonal_x.sum() * diagonal_y.sum() / ((n - 1) * (n - 2)) - n / (n - 2) * (diagonal_x @ diagonal_y)
    return total / (n * (n - 3))


def _normalised(hsic: Tensor) -> Tensor:
    own = hsic.diagonal(dim1=-2, dim2=-1)
    return hsic / (own[..., :, None] * own[..., None, :]).sqrt()


@lru_cache(maxsize=8)
def _upper_triangle(n: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        pairs: Tensor = torch.triu_indices(n, n, offset=1, device=device)
        return pairs[0] * n + pairs[1]
