"""The linear maps of a network as they are applied: convolutions on the input size they really see, and matrices."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..models.fixup import FixupConv2d
from ..models.network import Network
from ..models.tracing import trace
from ..numerics.blas import one_blas_thread
from ..numerics.conv_norm import padded_conv_norm
from ..numerics.conv_spectrum import conv_spectrum

__all__ = ["LinearMap", "linear_maps"]


@dataclass(frozen=True)
class LinearMap:
    """One weight tensor as the linear map it is in the forward pass.

    Attributes:
        name: the layer, e.g. ``"layer1.0.conv1"``; the tensor's own name where it belongs to no layer of its own.
        tensor: name of the weight in ``Params``.
        kind: ``conv`` or ``linear``.
        shape: of the weight.
        seen: height and width in pixels of the layer's input in the forward pass; ``(1, 1)`` for a matrix.
        size: the same as the circular map takes it, rounded up to a multiple of the stride.
        stride: of the convolution, in pixels, as all that follows.
        padding: zeros on each side, or ``"same"``, ``"valid"``.
        dilation: between taps.
        groups: of channels.
        remark: what is not as usual, in words; ``""`` as a rule.
    """

    name: str
    tensor: str
    kind: Literal["conv", "linear"]
    shape: tuple[int, ...]
    seen: tuple[int, int] = (1, 1)
    size: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] | str = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    remark: str = ""

    def spectrum(self, weight: Tensor, workers: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the singular values, float64 and descending, and how often each occurs.

        A convolution is taken with circular padding (:func:`~transferscope.numerics.conv_spectrum.conv_spectrum`).

        >>> LinearMap("fc", "fc.weight", "linear", (1, 2)).spectrum(torch.tensor([[3.0, 4.0]]))
        (array([5.]), array([1]))
        """
        if self.kind == "conv":
            return conv_spectrum(
                weight, self.size, stride=self.stride, dilation=self.dilation, groups=self.groups, workers=workers
            )
        with one_blas_thread():
            values = np.linalg.svd(weight.detach().double().cpu().numpy(), compute_uv=False)
        return values, np.ones(len(values), dtype=np.int64)

    def padded_norm(self, weight: Tensor) -> tuple[float, float]:
        """Return ‖W‖₂ of a convolution with its own zero padding on the input it sees, and a bound of the error."""
        return padded_conv_norm(
            weight, self.seen, stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups
        )

    def cost(self) -> float:
        """How long its spectrum takes, up to a factor: frequencies times the cube of the smaller side."""
        if self.kind == "linear":
            return float(min(self.shape) ** 2 * max(self.shape))
        inputs = self.shape[1] * self.stride[0] * self.stride[1]
        small = min(self.shape[0] // self.groups, inputs)
        positions = (
            1 if self.shape[2:] == (1, 1) else self.size[0] * self.size[1] // (self.stride[0] * self.stride[1])
        )
        return float(positions * self.groups * small**3)


def linear_maps(net: Network) -> tuple[tuple[LinearMap, ...], tuple[tuple[str, str], ...]]:
    """Find the linear maps of a network by one forward pass of an empty image of its input size.

    Returns:
        The maps that run, in forward order; and weights of linear maps that have no spectrum here, each with the
        reason: 1-D and transposed convolutions, say, and layers that never run.

    >>> from transferscope.models.build import build
    >>> maps, others = linear_maps(build("fixup_resnet20", 10))
    >>> [(m.name, m.seen, m.stride) for m in maps][:1], maps[-1].name, others
    ([('conv1', (32, 32), (1, 1))], 'fc', ())
    """
    # A copy, because hooks would show on the original; it shares the weights.
    module = copy.deepcopy(net.module, {id(p): p for p in net.module.parameters()}).eval()
    convolutions = {f"{name}.weight": part for name, part in module.named_modules() if isinstance(part, nn.Conv2d)}
    sizes: dict[str, tuple[int, int]] = {}

    def note(tensor: str) -> Any:
        def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            sizes.setdefault(tensor, (int(inputs[0].shape[-2]), int(inputs[0].shape[-1])))

        return hook

    for tensor, part in convolutions.items():
        part.register_forward_pre_hook(note(tensor))
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    with torch.no_grad():
        module(torch.zeros((1, net.input.channels, *net.input.size), dtype=like.dtype, device=like.device))
    seen = trace(net.module, net.input.size, net.input.channels)
    linear = [name for name in seen.uses if seen.uses[name].product and len(seen.shapes[name]) > 1]
    maps, others = [], []
    for tensor in sorted(linear, key=lambda name: seen.uses[name].time):
        if tensor in sizes:
            maps.append(_convolution(tensor, convolutions[tensor], sizes[tensor]))
        elif len(seen.shapes[tensor]) == 2:
            maps.append(LinearMap(tensor.removesuffix(".weight"), tensor, "linear", seen.shapes[tensor]))
        else:
            others.append((tensor, "no 2-D convolution and no matrix"))
    layers = {f"{name}.weight" for name, part in module.named_modules() if isinstance(part, (nn.Conv2d, nn.Linear))}
    others += [(tensor, "never runs") for tensor in seen.tensors if tensor in layers - seen.uses.keys()]
    return tuple(maps), tuple(others)


def _convolution(tensor: str, part: nn.Conv2d, seen: tuple[int, int]) -> LinearMap:
    stride, dilation = (part.stride[0], part.stride[1]), (part.dilation[0], part.dilation[1])
    size = (-(-seen[0] // stride[0]) * stride[0], -(-seen[1] // stride[1]) * stride[1])
    remarks = []
    if size != seen:
        remarks.append(
            f"its {seen[0]}×{seen[1]} input is no multiple of the stride {stride[0]}×{stride[1]}; "
            f"the circular map is on {size[0]}×{size[1]}"
        )
    # The scalars around a Fixup convolution are no part of its kernel, as those of a batch norm are none.
    if type(part).forward is not nn.Conv2d.forward and not isinstance(part, FixupConv2d):
        remarks.append(
            f"a {type(part).__name__} may change its weight or input on the way; the stored weight is taken"
        )
    if part.padding_mode != "zeros":
        remarks.append(f"its own padding is {part.padding_mode}")
    return LinearMap(
        name=tensor.removesuffix(".weight"),
        tensor=tensor,
        kind="conv",
        shape=tuple(part.weight.shape),
        seen=seen,
        size=size,
        stride=stride,
        padding=part.padding if isinstance(part.padding, str) else (part.padding[0], part.padding[1]),
        dilation=dilation,
        groups=part.groups,
        remark="; ".join(remarks),
    )
