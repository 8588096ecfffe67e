"""One forward pass, watched: which tensors of a network are used, in which order, and by what.

The order of registration says nothing about the order of computation, and hooks alone miss what is used without a
call (``nn.MultiheadAttention`` never calls its ``out_proj``; class tokens belong to no layer). So every torch
function of one forward pass is seen, and each tensor of the state dict is noted where it first meets data.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ..errors import ModelError

__all__ = ["Call", "Trace", "Use", "trace"]

_PRODUCTS = frozenset(
    (
        "linear", "bilinear", "embedding", "conv1d", "conv2d", "conv3d",
        "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
        "matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "addmm", "addmv", "baddbmm", "einsum", "tensordot",
        "multi_head_attention_forward", "lstm", "gru", "rnn_tanh", "rnn_relu",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Use:
    """How a tensor of the state dict is first used.

    Attributes:
        time: count of torch functions before it.
        product: whether it is the weight of a linear map (convolution, matrix product, embedding, attention).
        norm: whether it belongs to a normalisation.
    """

    time: int
    product: bool
    norm: bool


@dataclass(frozen=True)
class Call:
    """The first call of a submodule.

    Attributes:
        end: count of torch functions when it returned.
        order: rank of its return among all calls; a module returns after all of its parts.
        shape: shape of what it returned (the first tensor of a tuple), without the batch; ``()`` when not a tensor.
    """

    end: int
    order: int
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Trace:
    """What one forward pass did.

    Attributes:
        tensors: all names of the state dict, in its order.
        shapes: their shapes.
        uses: first use of each tensor that is used.
        calls: first call of each submodule that is called, by name; ``""`` is the network.
        returns: class name of what the network returns, ``"Tensor"`` as it should be.
    """

    tensors: tuple[str, ...]
    shapes: Mapping[str, tuple[int, ...]]
    uses: Mapping[str, Use]
    calls: Mapping[str, Call]
    returns: str


def trace(module: nn.Module, size: tuple[int, int], channels: int) -> Trace:
    """Watch one forward pass of an empty image, in eval mode and without gradients; the module is not touched.

    Args:
        module: any network that takes ``(b, channels, height, width)``.
        size: height and width in pixels.
        channels: of the image.

    Raises:
        ModelError: when the forward pass fails, or shows no use of any tensor.

    >>> t = trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), (8, 8), 3)
    >>> t.uses["0.weight"].product, t.uses["1.weight"].norm, "1.num_batches_tracked" in t.uses
    (True, True, False)
    """
    # A copy, because hooks and eval mode would show on the original; it shares the weights.
    copied = copy.deepcopy(module, {id(p): p for p in module.parameters()}).eval()
    try:
        watch = _run(copied, size, channels)
    except Exception as e:
        reason = next(iter(str(e).splitlines()), type(e).__name__)
        raise ModelError(
            f"{type(module).__name__}: a forward pass of a (1, {channels}, {size[0]}, {size[1]}) image fails: "
            f"{reason}; give the input size and channels that the network was made for"
        ) from e
    state = copied.state_dict(keep_vars=True)
    uses = {name: watch.uses[name] for name in state if name in watch.uses}
    if state and not uses:
        raise ModelError(
            f"{type(module).__name__}: its forward pass cannot be watched (scripted or exported?); "
            "give the Python module it was made from"
        )
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    return Trace(tuple(state), shapes, uses, watch.calls, watch.returns)


def _run(module: nn.Module, size: tuple[int, int], channels: int) -> _Watch:
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
    x = torch.zeros((1, channels, *size), dtype=like.dtype, device=like.device)
    watch = _Watch(module, x)
    hooks = [hook for name, part in module.named_modules() for hook in watch.hooks(name, part)]
    try:
        with torch.no_grad(), watch:
            watch.returns = type(module(x)).__name__
    finally:
        for hook in hooks:
            hook.remove()
    return watch


class _Watch(TorchFunctionMode):
    """Sees every torch function of a forward pass, and knows weights, data and constants apart.

    A value made of weights alone (a transposed or standardised weight) stands for these weights. A tensor of unknown
    origin (from a function torch cannot see) is taken for data.
    """

    def __init__(self, module: nn.Module, x: Tensor) -> None:
        super().__init__()
        self.time = 0
        self.returns = ""
        self.uses: dict[str, Use] = {}
        self.calls: dict[str, Call] = {}
        self._norms: list[bool] = []
        self._ranks: dict[str, int] = {}
        self._made: dict[int, frozenset[str]] = {}
        self._alive: list[Tensor] = [x]
        for name, value in module.state_dict(keep_vars=True).items():
            if isinstance(value, Tensor):
                self._made[id(value)] = self._made.get(id(value), frozenset()) | {name}
            if isinstance(value, nn.Parameter):
                self._ranks[name] = value.ndim
        for buffer in module.buffers():
            self._made.setdefault(id(buffer), frozenset())

    def hooks(self, name: str, part: nn.Module) -> Iterator[torch.utils.hooks.RemovableHandle]:
        """Note when the part is first called and what it returns."""
        is_norm = "norm" in type(part).__name__.lower()

        def before(_: nn.Module, __: Any) -> None:
            self._norms.append(is_norm)

        def after(_: nn.Module, __: Any, output: Any) -> None:
            self._norms.pop()
            if name not in self.calls:
                first = next(_tensors(output), None)
                with torch._C.DisableTorchFunction():
                    shape = () if first is None else tuple(first.shape[1:])
                self.calls[name] = Call(self.time, len(self.calls), shape)

        yield part.register_forward_pre_hook(before)
        yield part.register_forward_hook(after)

    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        outputs = [*_tensors(result)]
        name = getattr(func, "__name__", "")
        if name == "__setitem__":
            outputs = [args[0]]
        if not outputs:
            return result
        self.time += 1
        inputs = [*_tensors(args), *_tensors(tuple(kwargs.values()))]
        unknown = [t for t in inputs if id(t) not in self._made]
        weights = frozenset[str]().union(*(self._made.get(id(t), ()) for t in inputs))
        product = name in _PRODUCTS
        if weights and (unknown or product):
            norm = name.endswith("_norm") or bool(self._norms and self._norms[-1])
            rank = min(2, max(self._ranks.get(w, 0) for w in weights))  # beside a matrix, a vector is its bias
            for weight in weights:
                linear = product and rank > 0 and self._ranks.get(weight, 0) >= rank
                self.uses.setdefault(weight, Use(self.time, linear, norm))
        for output in outputs:
            self._alive.append(output)  # so that its id is not given to another tensor
            if unknown:
                self._made.pop(id(output), None)
            elif id(output) not in self._made:
                self._made[id(output)] = weights
        return result


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _tensors(part)
