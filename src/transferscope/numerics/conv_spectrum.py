"""All singular values of a convolution as the linear map it is, exactly, stride and groups included.

A convolution with circular padding commutes with shifts, so the Fourier transform takes it apart into one small
matrix a frequency (Sedghi, Gupta, Long 2019). With stride s the input is first split into its s² phases (every s-th
row and column), which makes it a stride-1 convolution with s² times the input channels on a grid s times smaller:
frequencies that alias onto one another meet in one matrix, and the result is exact where ignoring the stride
overstates the norm.

The Gram matrix of each small matrix is a trigonometric polynomial in the frequency, so it is evaluated for many
frequencies by one real matrix product, and its eigenvalues are the squared singular values. Where those lose digits
(small singular values), that frequency's matrix itself is decomposed. Half the frequencies are enough: −ω gives the
conjugate of ω. A kernel with one tap has the same matrix at all of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError
from ..runtime import cores
from .blas import one_blas_thread

__all__ = ["conv_singular_values", "conv_spectrum"]

_TRUSTED = 2e-4
"""σ/σ_max down to which √eigenvalue stands: its error is δ·σ_max/(2·2e-4) for an error δ·σ_max² of the eigenvalue,
and δ is about 1e-16 in trained networks (3e-13·σ_max measured), a tenth of what the worst case would be."""

_CHUNK_BYTES = 2**24
"""Gram matrices a thread holds at a time."""

_PRODUCTS_A_GRAM = 4
"""A complex product costs as much as four real ones."""


def conv_singular_values(
    weight: Float[Tensor, "c_out c_in kh kw"],
    size: tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    workers: int | None = None,
) -> np.ndarray:
    """Return every singular value of the circular convolution on an input of ``size``.

    See :func:`conv_spectrum`, which has them without repetitions.

    Args:
        weight: kernel ``(c_out, c_in / groups, kh, kw)``; computed on in float64.
        size: height and width of the input in pixels, a multiple of the stride in each direction.
        stride: step between outputs, in pixels.
        dilation: step between taps, in pixels.
        groups: number of groups of channels.
        workers: threads for the small decompositions; all cores by default.

    Returns:
        float64, descending, ``min(c_out, c_in·s²)·(h/s)·(w/s)`` of them (summed over groups): what lies in the null
        space because the input is larger than the output is left out.

    Raises:
        UsageError: when the size is no multiple of the stride, or the groups do not divide the channels.

    >>> import torch
    >>> w = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]]])  # twice the identity
    >>> conv_singular_values(w, (4, 4)).round(12).tolist() == [2.0] * 16
    True
    >>> conv_singular_values(torch.ones(1, 1, 2, 2), (4, 4), stride=2).round(12).tolist()  # disjoint sums of four
    [2.0, 2.0, 2.0, 2.0]
    """
    values, counts = conv_spectrum(weight, size, stride=stride, dilation=dilation, groups=groups, workers=workers)
    return np.repeat(values, counts)


def conv_spectrum(
    weight: Float[Tensor, "c_out c_in kh kw"],
    size: tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    workers: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the singular values of the circular convolution on an input of ``size``, and how often each occurs.

    They are those of A(ω)[o, (r, i)] = Σ_t W[o, i, t] e^{2πi ω·q(t)} over all output frequencies ω, where tap t of
    the kernel meets phase r(t) = d·t mod s at shift q(t) = ⌊d·t / s⌋ (Sedghi et al. 2019, Theorem 6, for s = 1).
    Padding shifts the input only, and so changes no singular value of the circular map.

    Args:
        weight: kernel ``(c_out, c_in / groups, kh, kw)``; computed on in float64.
        size: height and width of the input in pixels, a multiple of the stride in each direction.
        stride: step between outputs, in pixels.
        dilation: step between taps, in pixels.
        groups: number of groups of channels.
        workers: threads for the small decompositions; all cores by default.

    Returns:
        Values, float64 and descending, and int64 counts: those at ω and −ω are listed once, those of a kernel with
        one tap once for all frequencies.

    Raises:
        UsageError: when the size is no multiple of the stride, or the groups do not divide the channels.

    >>> import torch
    >>> [x.tolist() for x in conv_spectrum(torch.full((1, 1, 1, 1), 3.0), (4, 4))]
    [[3.0], [16]]
    """
    step, spread = _pair(stride), _pair(dilation)
    for side, s in zip(size, step, strict=True):
        if side < 1 or side % s:
            raise UsageError(
                f"input of {size[0]}×{size[1]} with stride {step}: the circular map needs sides that the stride "
                f"divides; use {math.ceil(size[0] / step[0]) * step[0]}×{math.ceil(size[1] / step[1]) * step[1]}"
            )
    if weight.shape[0] % groups:
        raise UsageError(f"{groups} groups do not divide {weight.shape[0]} output channels")
    kernels = weight.detach().double().cpu().numpy().reshape(groups, -1, *weight.shape[1:])
    grid = (size[0] // step[0], size[1] // step[1])
    positions = grid[0] * grid[1]
    taps = _polyphase(kernels, grid, step, spread)
    with one_blas_thread():
        if len(taps.shifts) == 1:
            values = np.linalg.svd(taps.matrices[0], compute_uv=False).ravel()
            counts = np.full(len(values), positions)
        else:
            frequencies, multiplicity = _half(grid)
            each = _decompose(taps, frequencies, grid, workers or cores())
            values, counts = each.ravel(), np.repeat(multiplicity, each[0].size)
    # Phases that no tap meets were left out; what they add to the smaller side are zeros.
    full = groups * min(kernels.shape[1], step[0] * step[1] * kernels.shape[2]) * positions
    if missing := full - int(counts.sum()):
        values, counts = np.append(values, 0.0), np.append(counts, missing)
    order = np.argsort(-values, kind="stable")
    return values[order], counts[order].astype(np.int64)


@dataclass(frozen=True, eq=False)
class _Taps:
    """The stride-1 convolution over phases: one matrix a shift and group, its smaller side first."""

    shifts: tuple[tuple[int, int], ...]
    matrices: np.ndarray  # (shifts, groups, small, large)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _polyphase(kernels: np.ndarray, grid: tuple[int, int], step: tuple[int, int], spread: tuple[int, int]) -> _Taps:
    """Sort the taps of kernels ``(groups, c_out, c_in, kh, kw)`` by shift and phase."""
    groups, c_out, c_in, kh, kw = kernels.shape
    met: list[tuple[tuple[int, int], tuple[int, int], np.ndarray]] = []
    for i in range(kh):
        for j in range(kw):
            (qi, ri), (qj, rj) = divmod(spread[0] * i, step[0]), divmod(spread[1] * j, step[1])
            met.append(((qi % grid[0], qj % grid[1]), (ri, rj), kernels[..., i, j]))
    shifts = tuple(sorted({q for q, _, _ in met}))
    phases = sorted({r for _, r, _ in met})
    matrices = np.zeros((len(shifts), groups, c_out, len(phases), c_in))
    for q, r, kernel in met:
        matrices[shifts.index(q), :, :, phases.index(r)] += kernel
    flat = matrices.reshape(len(shifts), groups, c_out, -1)
    return _Taps(shifts, flat if flat.shape[2] <= flat.shape[3] else np.ascontiguousarray(flat.swapaxes(2, 3)))


def _half(grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, one of each pair ±ω, and how many each stands for."""
    u, v = np.meshgrid(np.arange(grid[0]), np.arange(grid[1]), indexing="ij")
    here = u * grid[1] + v
    there = (-u % grid[0]) * grid[1] + (-v % grid[1])
    keep = here <= there
    return np.stack([u[keep], v[keep]], axis=1), np.where(here[keep] == there[keep], 1, 2)


def _decompose(taps: _Taps, frequencies: np.ndarray, grid: tuple[int, int], workers: int) -> np.ndarray:
    """Return the singular values at each frequency, ``(frequencies, groups, small)``."""
    _, groups, small, large = taps.matrices.shape
    with ThreadPoolExecutor(workers) as pool:
        values: Callable[[slice], np.ndarray]
        if small == 1:
            values, held = _Norms(taps, frequencies, grid), groups * large
        else:
            gram = _gram_of(taps, len(frequencies), grid, pool)
            values, held = _Roots(taps, frequencies, grid, gram), groups * small * max(small, 16)
        chunk = max(1, min(512, _CHUNK_BYTES // (16 * held)))
        parts = [slice(i, i + chunk) for i in range(0, len(frequencies), chunk)]
        return np.concatenate(list(pool.map(values, parts)))


class _Norms:
    """Singular values of matrices of one row: their norms."""

    def __init__(self, taps: _Taps, frequencies: np.ndarray, grid: tuple[int, int]) -> None:
        self.taps, self.frequencies, self.grid = taps, frequencies, grid

    def __call__(self, part: slice) -> np.ndarray:
        norms: np.ndarray = np.linalg.norm(_transfer(self.taps, self.frequencies[part], self.grid), axis=-1)
        return norms


class _Roots:
    """Singular values as roots of the eigenvalues of Gram matrices, where that is exact enough."""

    def __init__(
        self, taps: _Taps, frequencies: np.ndarray, grid: tuple[int, int], gram: Callable[[np.ndarray], np.ndarray]
    ) -> None:
        self.taps, self.frequencies, self.grid, self.gram = taps, frequencies, grid, gram
        some = frequencies[:: max(1, len(frequencies) // 8)]
        eigenvalues = np.concatenate([np.linalg.eigvalsh(gram(some[i : i + 1])) for i in range(len(some))])
        # The largest over a coarse set of frequencies is close enough to σ_max² for what it is needed.
        self.trusted = _TRUSTED**2 * max(0.0, float(eigenvalues.max()))
        self.hopeless = (eigenvalues[..., 0] < self.trusted).mean(0) > 0.5  # by group: its SVDs come all the same

    def __call__(self, part: slice) -> np.ndarray:
        frequencies = self.frequencies[part]
        inexact = np.tile(self.hopeless, (len(frequencies), 1))
        singular = np.empty((*inexact.shape, self.taps.matrices.shape[2]))
        if not self.hopeless.all():
            eigenvalues = np.linalg.eigvalsh(self.gram(frequencies))[..., ::-1]
            inexact |= eigenvalues[..., -1] < self.trusted
            singular[:] = np.sqrt(np.maximum(eigenvalues, 0.0))
        for group in np.flatnonzero(inexact.any(0)):
            one = _Taps(self.taps.shifts, self.taps.matrices[:, group : group + 1])
            for f in np.flatnonzero(inexact[:, group]):
                matrix = _transfer(one, frequencies[f : f + 1], self.grid)[0, 0]
                singular[f, group] = np.linalg.svd(matrix, compute_uv=False)
        return singular


def _phase(frequencies: np.ndarray, shift: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    # The angle is reduced in integers first, so that large products lose no digits.
    turns = (frequencies[:, 0] * shift[0] % grid[0]) / grid[0] + (frequencies[:, 1] * shift[1] % grid[1]) / grid[1]
    return 2 * np.pi * turns


def _transfer(taps: _Taps, frequencies: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return A(ω) ``(frequencies, groups, small, large)``."""
    angles = np.stack([_phase(frequencies, q, grid) for q in taps.shifts], axis=1)
    flat = taps.matrices.reshape(len(taps.shifts), -1)
    out = np.empty((len(frequencies), *taps.matrices.shape[1:]), dtype=np.complex128)
    out.real = (np.cos(angles) @ flat).reshape(out.shape)
    out.imag = (np.sin(angles) @ flat).reshape(out.shape)
    return out


def _gram_of(
    taps: _Taps, frequencies: int, grid: tuple[int, int], pool: ThreadPoolExecutor
) -> Callable[[np.ndarray], np.ndarray]:
    """Return ω → A(ω)A(ω)ᴴ ``(frequencies, groups, small, small)``, by the way that costs fewer products."""
    n = len(taps.shifts)
    pairs = [(p, q) for p in range(n) for q in range(p + 1)]
    if len(pairs) > _PRODUCTS_A_GRAM * frequencies:

        def direct(chosen: np.ndarray) -> np.ndarray:
            matrix = _transfer(taps, chosen, grid)
            out: np.ndarray = matrix @ matrix.conj().swapaxes(-1, -2)
            return out

        return direct

    def product(pair: tuple[int, int]) -> np.ndarray:
        out: np.ndarray = taps.matrices[pair[0]] @ taps.matrices[pair[1]].swapaxes(-1, -2)
        return out

    coefficients: dict[tuple[int, int], np.ndarray] = {}
    for (p, q), term in zip(pairs, pool.map(product, pairs), strict=True):
        (a, b), (c, d) = taps.shifts[p], taps.shifts[q]
        shift = (a - c, b - d)  # not negative, for shifts are sorted
        coefficients[shift] = coefficients[shift] + term if shift in coefficients else term
    # Coefficients of δ and −δ are each other's transposes: cosines carry the symmetric, sines the antisymmetric part.
    centre = coefficients.pop((0, 0))
    shifts = list(coefficients)
    even = np.stack([c + c.swapaxes(-1, -2) for c in coefficients.values()]).reshape(len(shifts), -1)
    odd = np.stack([c - c.swapaxes(-1, -2) for c in coefficients.values()]).reshape(len(shifts), -1)

    def polynomial(chosen: np.ndarray) -> np.ndarray:
        angles = np.stack([_phase(chosen, d, grid) for d in shifts], axis=1)
        out = np.empty((len(chosen), *centre.shape), dtype=np.complex128)
        out.real = (np.cos(angles) @ even).reshape(out.shape) + centre
        out.imag = (np.sin(angles) @ odd).reshape(out.shape)
        return out

    return polynomial
