"""The largest singular value of a convolution with the padding it really has, by Lanczos on the layer itself."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from ..errors import UsageError
from ..rng import generator
from .lanczos import top_eigenvalues

__all__ = ["padded_conv_norm"]


def padded_conv_norm(
    weight: Float[Tensor, "c_out c_in kh kw"],
    size: tuple[int, int],
    *,
    stride: int | tuple[int, int] = 1,
    padding: int | tuple[int, int] | str = 0,
    dilation: int | tuple[int, int] = 1,
    groups: int = 1,
    tolerance: float = 1e-9,
    seed: int = 0,
) -> tuple[float, float]:
    """Return ‖W‖₂ of the zero-padded convolution on an input of ``size``, and a bound of its error.

    The largest eigenvalue of AᵀA by Lanczos, A being ``conv2d`` and Aᵀ its transposed convolution, in float64.

    Args:
        weight: kernel ``(c_out, c_in / groups, kh, kw)``.
        size: height and width of the input in pixels, of any stride.
        stride: step between outputs, in pixels.
        padding: zeros around the input in pixels, ``"same"`` or ``"valid"``.
        dilation: step between taps, in pixels.
        groups: number of groups of channels.
        tolerance: relative error at which to stop.
        seed: of the starting vector.

    Raises:
        UsageError: when the kernel does not fit into the padded input.

    >>> w = torch.tensor([[[[1.0, 1.0]]]])  # y = x₁ + x₂ on a row of two pixels, one output
    >>> round(padded_conv_norm(w, (1, 2))[0] ** 2, 9)
    2.0
    """
    kernel = weight.detach().to(device="cpu", dtype=torch.float64)
    shape = (1, kernel.shape[1] * groups, *size)

    def forward(x: Tensor) -> Tensor:
        return functional.conv2d(x, kernel, None, stride, padding, dilation, groups)

    start = torch.randn(math.prod(shape), generator=generator("padded_conv_norm", seed), dtype=torch.float64)
    try:
        forward(torch.zeros(shape, dtype=torch.float64))
    except RuntimeError as e:
        raise UsageError(
            f"a {kernel.shape[2]}×{kernel.shape[3]} kernel with padding {padding} does not fit an input of "
            f"{size[0]}×{size[1]}: {next(iter(str(e).splitlines()), 'conv2d fails')}"
        ) from e

    def product(x: Tensor) -> Tensor:
        image = x.reshape(shape).requires_grad_()
        with torch.enable_grad():
            y = forward(image)
            (z,) = torch.autograd.grad(y, image, y)
        return z.detach().flatten()

    if not kernel.any():
        return 0.0, 0.0
    found = top_eigenvalues(product, start, 1, tolerance=2 * tolerance, most=1000)
    value = math.sqrt(max(0.0, float(found.values[0])))
    return value, float(found.errors[0]) / (2 * value) if value else 0.0
