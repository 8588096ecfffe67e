"""All singular values of a convolution as the linear map it is, exactly, stride and groups included.

A convolution with circular padding commutes with shifts, so the Fourier transform takes it apart into one small
matrix a frequency (Sedghi, Gupta, Long 2019). With stride s the input is first split into its s² phases (every s-th
row and column), which makes it a stride-1 convolution with s² times the input channels on a grid s times smaller:
frequencies that alias onto one another meet in one matrix, and the result is exact where ignoring the stride
overstates the norm.

The Gram matrix of each small matrix is a trigonometric polynomial in the frequency, so it is evaluated for all
frequencies by one real matrix product, and its eigenvalues are the squared singular values. Where those lose digits
(small singular values), that frequency's matrix itself is decomposed. Half the frequencies are enough: −ω gives the
conjugate of ω.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import UsageError

__all__ = ["conv_singular_values"]

_TRUSTED = 1e-3
"""σ/σ_max down to which √eigenvalue has an error under 1e-12·σ_max: ε·c/(2·1e-3) with ε = 2.2e-16."""

_CHUNK = 64
"""Frequencies a thread takes at a time."""


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
        float64, descending, ``min(c_out, c_in·s²)·(h/s)·(w/s)`` of them (summed over groups): what lies in the null
        space because the input is larger than the output is left out.

    Raises:
        UsageError: when the size is no multiple of the stride, or the groups do not divide the channels.

    >>> w = torch.tensor([[[[0.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 0.0]]]])  # twice the identity
    >>> conv_singular_values(w, (4, 4)).round(12).tolist() == [2.0] * 16
    True
    >>> conv_singular_values(torch.ones(1, 1, 2, 2), (4, 4), stride=2).round(12).tolist()  # disjoint sums of four
    [2.0, 2.0, 2.0, 2.0]
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
    kernels = weight.detach().to(torch.float64).cpu().numpy().reshape(groups, -1, *weight.shape[1:])
    grid = (size[0] // step[0], size[1] // step[1])
    values = [_of_one_group(kernel, grid, step, spread, workers) for kernel in kernels]
    return np.sort(np.concatenate(values))[::-1]


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _of_one_group(
    kernel: np.ndarray, grid: tuple[int, int], step: tuple[int, int], spread: tuple[int, int], workers: int | None
) -> np.ndarray:
    taps = _polyphase(kernel, grid, step, spread)
    if len(taps) == 1:  # one shift only: the same matrix at every frequency, up to a phase
        return np.repeat(np.linalg.svd(next(iter(taps.values())), compute_uv=False), grid[0] * grid[1])
    frequencies, multiplicity = _half(grid)
    gram, small = _gram_polynomial(taps, grid)

    def decompose(part: slice) -> np.ndarray:
        chosen = frequencies[part]
        values = np.linalg.eigvalsh(gram(chosen))[:, ::-1]
        singular: np.ndarray = np.sqrt(np.maximum(values, 0.0))
        inexact = np.flatnonzero(singular[:, -1] < _TRUSTED * bound)
        if len(inexact):
            singular[inexact] = np.linalg.svd(_transfer(taps, chosen[inexact], grid), compute_uv=False)[:, :small]
        return singular

    # An upper bound of σ_max would trust too little; the largest over a coarse set of frequencies is close enough.
    probe = frequencies[:: max(1, len(frequencies) // 16)]
    bound = math.sqrt(max(0.0, float(np.linalg.eigvalsh(gram(probe)).max())))
    parts = [slice(i, i + _CHUNK) for i in range(0, len(frequencies), _CHUNK)]
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        singular = np.concatenate(list(pool.map(decompose, parts)))
    return np.repeat(singular, multiplicity, axis=0).ravel()


def _polyphase(
    kernel: np.ndarray, grid: tuple[int, int], step: tuple[int, int], spread: tuple[int, int]
) -> dict[tuple[int, int], np.ndarray]:
    """Return the matrix ``(c_out, s²·c_in)`` of each shift q of the stride-1 convolution over phases."""
    c_out, c_in, kh, kw = kernel.shape
    phases = step[0] * step[1]
    taps: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros((c_out, phases, c_in)))
    for i in range(kh):
        for j in range(kw):
            (qi, ri), (qj, rj) = divmod(spread[0] * i, step[0]), divmod(spread[1] * j, step[1])
            taps[qi % grid[0], qj % grid[1]][:, ri * step[1] + rj] += kernel[:, :, i, j]
    return {q: m.reshape(c_out, phases * c_in) for q, m in taps.items()}


def _half(grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return frequencies, one of each pair ±ω, and how many each stands for."""
    u, v = np.meshgrid(np.arange(grid[0]), np.arange(grid[1]), indexing="ij")
    here = u * grid[1] + v
    there = (-u % grid[0]) * grid[1] + (-v % grid[1])
    keep = here <= there
    return np.stack([u[keep], v[keep]], axis=1), np.where(here[keep] == there[keep], 1, 2)


def _phase(frequencies: np.ndarray, shift: tuple[int, int], grid: tuple[int, int]) -> np.ndarray:
    # The angle is reduced in integers first, so that large products lose no digits.
    turns = (frequencies[:, 0] * shift[0] % grid[0]) / grid[0] + (frequencies[:, 1] * shift[1] % grid[1]) / grid[1]
    return 2 * np.pi * turns


def _transfer(taps: dict[tuple[int, int], np.ndarray], frequencies: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    stacked = np.stack(list(taps.values()))
    waves = np.exp(1j * np.stack([_phase(frequencies, q, grid) for q in taps], axis=1))
    matrices: np.ndarray = (waves @ stacked.reshape(len(taps), -1)).reshape(len(frequencies), *stacked.shape[1:])
    return matrices


def _gram_polynomial(
    taps: dict[tuple[int, int], np.ndarray], grid: tuple[int, int]
) -> tuple[Callable[[np.ndarray], np.ndarray], int]:
    """Return ω → Gram matrix of the smaller side, and that side."""
    wide = next(iter(taps.values())).shape
    small = min(wide)
    coefficients: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros((small, small)))
    for p, a in taps.items():
        for q, b in taps.items():
            product = a @ b.T if wide[0] <= wide[1] else a.T @ b
            shift = (p[0] - q[0], p[1] - q[1]) if wide[0] <= wide[1] else (q[0] - p[0], q[1] - p[1])
            coefficients[shift] += product
    # Coefficients of δ and −δ are each other's transposes: cosines carry the symmetric, sines the antisymmetric part.
    shifts = [d for d in coefficients if d > (0, 0)]
    centre = coefficients[0, 0]
    even = np.stack([coefficients[d] + coefficients[d].T for d in shifts]).reshape(len(shifts), -1)
    odd = np.stack([coefficients[d] - coefficients[d].T for d in shifts]).reshape(len(shifts), -1)

    def gram(frequencies: np.ndarray) -> np.ndarray:
        angles = np.stack([_phase(frequencies, d, grid) for d in shifts], axis=1)
        out = np.empty((len(frequencies), small, small), dtype=np.complex128)
        out.real = (np.cos(angles) @ even).reshape(out.shape) + centre
        out.imag = (np.sin(angles) @ odd).reshape(out.shape)
        return out

    return gram, small
