"""Random fields with the spectrum of natural images, amplitude ∝ 1/fᵅ (Field 1987)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from transferscope.data.synthetic._sdf import Array

Index = npt.NDArray[np.int64]


@lru_cache(maxsize=16)
def _frequencies(size: int) -> tuple[list[tuple[int, Index, Index]], Index, Index]:
    """Per octave (length, kept, flat place in the spectrum), and the frequencies kx, ky of every place kept.

    An octave holds the integer frequencies with 2ᵒ ≤ max(|kx|, |ky|) < 2ᵒ⁺¹, in an order that does not
    depend on `size`: larger pictures of one scene add octaves and leave the coarse ones as they are.
    """
    limit = (size - 1) // 2
    octaves = []
    all_x, all_y = [], []
    low = 1
    while low <= limit:
        axis = np.arange(1 - 2 * low, 2 * low)
        kx, ky = (a.ravel() for a in np.meshgrid(axis, axis))
        reach = np.maximum(np.abs(kx), np.abs(ky))
        shell = np.flatnonzero(reach >= low)
        kept = np.flatnonzero(reach[shell] <= limit)
        kx, ky = kx[shell][kept], ky[shell][kept]
        octaves.append((len(shell), kept, (ky % size) * size + kx % size))
        all_x.append(kx)
        all_y.append(ky)
        low *= 2
    return octaves, np.concatenate(all_x), np.concatenate(all_y)


class Spectrum:
    """Gaussian coefficients of the noise of a chunk of images, drawn once and turned into fields by blocks."""

    def __init__(self, rng: np.random.Generator, n: int, size: int) -> None:
        self._size = size
        octaves, _, _ = _frequencies(size)
        # Each octave has its own stream, so that it is the same at every size.
        streams = rng.spawn(len(octaves))
        waves = [
            stream.standard_normal((n, 2 * length), dtype=np.float32).view(np.complex64)[:, kept]
            for stream, (length, kept, _) in zip(streams, octaves, strict=True)
        ]
        self._waves = np.concatenate(waves, axis=1)

    def fields(self, which: slice | Index, alpha: Array, grain: Array, angle: Array) -> tuple[Array, Array]:
        """Two independent fields (n, size, size) of about unit variance for the chosen images.

        Args:
            which: The images of the chunk.
            alpha: Exponent of the amplitude spectrum, (n,); about 1 in photographs.
            grain: Stretch along one direction, (n,), 1 for none.
            angle: The direction, in radians, (n,).
        """
        size = self._size
        octaves, kx, ky = _frequencies(size)
        c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
        fx, fy = kx.astype(np.float32), ky.astype(np.float32)
        square = ((fx * c + fy * s) * grain[:, None]) ** 2 + ((fy * c - fx * s) / grain[:, None]) ** 2
        amplitude = square ** (-0.5 * alpha[:, None])
        # Octaves up to 7 cycles a picture hold nearly all variance; normalising by them alone keeps the
        # scale the same at every size.
        coarse = np.maximum(np.abs(kx), np.abs(ky)) <= 7
        amplitude /= np.sqrt((amplitude[:, coarse] ** 2).sum(1, keepdims=True))
        spectrum = np.zeros((len(alpha), size * size), np.complex64)
        spectrum[:, np.concatenate([place for _, _, place in octaves])] = self._waves[which] * amplitude
        # The real and the imaginary part of the transform of independent coefficients are independent.
        field = np.fft.ifft2(spectrum.reshape(-1, size, size), norm="forward")
        return np.ascontiguousarray(field.real, np.float32), np.ascontiguousarray(field.imag, np.float32)
