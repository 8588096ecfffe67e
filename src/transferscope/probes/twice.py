"""A forward pass that can be differentiated twice: the same values, by operations that have a second derivative.

* Fused attention has none: it is computed by its formula (softmax(QKᵀ/√d)·V), as torch's "math" backend does.
* ``hardsigmoid`` has none in torch, though it is piecewise linear: x/6 + 1/2 between −3 and 3, else 0 or 1. It is
  computed so; at the two corners the derivative is 0, as torch has it. (Torch takes 1/6 as float32, ours is exact.)

For what is left (an operation of somebody's own, deformable convolutions) there is no Hessian, which is found out by
one image before anything is computed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode

from ..errors import ModelError
from ..models.network import Network

__all__ = ["as_error", "check_graph", "no_second_derivative", "refused_twice", "twice_differentiable"]

_REFUSALS = re.compile(
    r"derivative for (?P<op>\S+) is not implemented|double backwards? (?:on|through|for)?\s*(?P<double>\S+)"
    r"|differentiate twice|once_differentiable|does not support double backward|not (?:yet )?support.*double"
)


@contextmanager
def twice_differentiable() -> Iterator[None]:
    """Compute forward passes inside with operations that have a second derivative, of the same values.

    >>> x = torch.tensor([-4.0, 0.0, 1.5, 4.0], requires_grad=True)
    >>> with twice_differentiable():
    ...     y = torch.nn.functional.hardsigmoid(x)
    ...     slope = torch.autograd.grad((y**2).sum(), x, create_graph=True)[0]
    >>> y.tolist(), torch.autograd.grad(slope.sum(), x)[0].mul(18).tolist()  # (y²)'' = 2·(1/6)² inside
    ([0.0, 0.5, 0.75, 1.0], [0.0, 1.0, 1.0, 0.0])
    """
    with sdpa_kernel(SDPBackend.MATH), _Replacing():
        yield


def refused_twice(e: RuntimeError) -> str | None:
    """Return which operation an error says has no second derivative; ``None`` when it says something else.

    >>> refused_twice(RuntimeError("derivative for aten::mine_backward is not implemented"))
    'mine'
    >>> refused_twice(RuntimeError("out of memory")) is None
    True
    """
    found = _REFUSALS.search(str(e))
    if found is None:
        return None
    named = found["op"] or found["double"]
    return named.removeprefix("aten::").removesuffix("_backward") if named else "an operation of its own"


@lru_cache(maxsize=4)
def no_second_derivative(net: Network) -> str:
    """Say why a network has no Hessian, tried on one empty image; ``""`` when it has one.

    >>> from ..models.build import build
    >>> no_second_derivative(build("lenet", 10))
    ''
    """
    module = net.fresh().requires_grad_(True)
    weights = [p for p in module.parameters() if p.is_floating_point()]
    x = torch.zeros((1, net.input.channels, *net.input.size))
    try:
        with torch.enable_grad(), twice_differentiable():
            loss = module(x).square().sum()
            if not loss.requires_grad:
                return ""
            slopes = torch.autograd.grad(loss, weights, create_graph=True, allow_unused=True, materialize_grads=True)
            moving = [slope for slope in slopes if slope.requires_grad]
            check_graph(net, moving)
            if moving:
                torch.autograd.grad([s.sum() for s in moving], weights, allow_unused=True)
    except ModelError as e:
        return str(e)
    except RuntimeError as e:
        refusal = as_error(net, e)
        return "" if refusal is None else str(refusal)  # what is about something else is said where it matters
    return ""


def check_graph(net: Network, slopes: Iterable[Tensor]) -> None:
    """Refuse gradients through a function that its author marked as differentiable once.

    Asked for second derivatives by certain weights, torch would leave out those through it without a word.

    Raises:
        ModelError: when there is one.
    """
    waiting, seen = [slope.grad_fn for slope in slopes], set[Any]()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if node.name().endswith(("::Error", "::DelayedError")):
            raise ModelError(_said(net, "a function that is differentiable once"))
        seen.add(node)
        waiting += [following for following, _ in node.next_functions]


def as_error(net: Network, e: RuntimeError) -> ModelError | None:
    """Return what to raise instead of torch's error, ``None`` when it is about something else."""
    operation = refused_twice(e)
    if operation is None:
        return None
    return ModelError(_said(net, operation))


def _said(net: Network, operation: str) -> str:
    return f"{net.name} has no Hessian: {operation} has no second derivative in PyTorch"


def _hardsigmoid(x: Tensor, inplace: bool = False) -> Tensor:
    inside = (x > -3) & (x < 3)
    y = torch.where(inside, x / 6 + 0.5, (x >= 3).to(x.dtype))
    return x.copy_(y) if inplace else y


_EQUAL: dict[str, Callable[..., Tensor]] = {
    "hardsigmoid": _hardsigmoid,
    "hardsigmoid_": lambda x: _hardsigmoid(x, inplace=True),
}


class _Replacing(TorchFunctionMode):
    """Replaces functions by their equals."""

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        equal = _EQUAL.get(getattr(func, "__name__", ""))
        return (equal or func)(*args, **(kwargs or {}))
