"""A GPU that is made up: tensors that say they are on ``cuda:0`` and are computed on the CPU.

What a GPU would refuse, tensors of two devices in one operation or an array of one that is not on the CPU, is
refused; where a program would have to wait for it is noted. So code for a GPU is tested, up to its kernels, without
one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

__all__ = ["GPU", "pretended_gpu"]

GPU = torch.device("cuda", 0)

_aten = torch.ops.aten
_WAITS = {_aten._local_scalar_dense.default, _aten.nonzero.default, _aten.masked_select.default, _aten.equal.default}
_MOVES = {_aten._to_copy.default, _aten.copy_.default, _aten.to.device, _aten.to.dtype_layout}


class _OnGpu(Tensor):
    """A tensor of the made-up GPU around one of the CPU."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> _OnGpu:
        made = Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(), dtype=inner.dtype
        )
        made.inner = inner.detach()
        return made

    def untyped_storage(self) -> Any:
        return self.inner.untyped_storage()

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (Tensor.device.__get__, Tensor.is_cuda.__get__, Tensor.is_cpu.__get__):
            here = isinstance(args[0], cls)
            return {Tensor.device.__get__: GPU if here else torch.device("cpu"), Tensor.is_cuda.__get__: here}.get(
                func, not here
            )
        if func is Tensor.numpy:
            raise TypeError("can't convert cuda:0 device type tensor to numpy; use Tensor.cpu() first")
        if func is Tensor.cpu:
            return _down(args[0])
        if func is Tensor.to and not isinstance(args[0], cls):
            return args[0].to(args[1].device, args[1].dtype)  # after a tensor's own
        if func is Tensor.to:
            wanted = _device_of(args[1:], kwargs)
            if wanted is not None and wanted.type == "cpu":
                rest = [a for a in args[1:] if isinstance(a, torch.dtype)]
                return _down(args[0]).to(*rest)
            if wanted is not None:
                args = tuple(a for a in args if not isinstance(a, (str, torch.device)))
                kwargs = {k: v for k, v in kwargs.items() if k != "device"}
                if len(args) == 1 and not kwargs:
                    return args[0]
        if func == Tensor.data.__set__:
            with torch._C.DisableTorchFunctionSubclass():
                func(*args)
            args[0].inner = args[1].inner
            return None
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **kwargs)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})

    def __repr__(self) -> str:
        return f"_OnGpu({self.inner!r})"


class _Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.waits: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Factories(TorchFunctionMode):
    """Tensors made of Python's numbers, which no dispatcher sees."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.tensor, torch.as_tensor) and kwargs.get("device") is not None:
            device = torch.device(kwargs.pop("device"))
            return func(*args, **kwargs).to(device)
        return func(*args, **kwargs)


_watches: list[_Watch] = []


def _note(what: str) -> None:
    for watch in _watches:
        watch.waits.append(f"{what}: {' < '.join(_places())}")


def _places() -> Iterator[str]:
    """The innermost three lines of the package that is tested; ``traceback`` reads all files up to the first test."""
    frame, left = sys._getframe(), 3
    while frame is not None and left:
        path = frame.f_code.co_filename
        if "transferscope" in path and "tests" not in path:
            left -= 1
            yield f"{path.rpartition('/')[2]}:{frame.f_lineno} {frame.f_code.co_name}"
        frame = frame.f_back


def _down(x: Tensor) -> Tensor:
    _note("to the CPU")
    if x.requires_grad and torch.is_grad_enabled():
        return _Down.apply(x)
    return x.inner.clone()


class _Down(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.inner.clone()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return _OnGpu(gradient)


def _device_of(args: Any, kwargs: Any) -> torch.device | None:
    for value in (*args, kwargs.get("device")):
        if isinstance(value, (str, torch.device)):
            return torch.device(value)
        if isinstance(value, Tensor):
            return value.device
    return None


def _inner(value: Any) -> Any:
    return value.inner if isinstance(value, _OnGpu) else value


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    given = [a for a in tree_leaves((args, kwargs)) if isinstance(a, Tensor)]
    here = [a for a in given if isinstance(a, _OnGpu)]
    others = [a for a in given if not isinstance(a, _OnGpu) and a.ndim]
    wanted = kwargs.get("device")
    backward = torch._C._current_graph_task_id() != -1  # where zeros are made without asking the dispatcher
    if here and others and func not in _MOVES and func is not _aten.index.Tensor and not backward:
        shapes = [tuple(o.shape) for o in others]
        raise RuntimeError(f"{func}: expected all tensors to be on the same device, but {shapes} are on the CPU")
    if here and func in _WAITS:
        _note(str(func))
    if func in (_aten.index.Tensor, _aten.index_put_.default) and here:
        for i in args[1]:
            if isinstance(i, Tensor) and i.dtype in (torch.bool, torch.uint8):
                _note("index by a mask")
            elif isinstance(i, Tensor) and not isinstance(i, _OnGpu) and i.ndim:
                _note("index from the CPU")
    if wanted is not None:
        kwargs = {**kwargs, "device": torch.device("cpu")}
    kwargs.pop("pin_memory", None)
    found = func(*tree_map(_inner, tuple(args)), **tree_map(_inner, kwargs))
    there = bool(here)
    if wanted is not None:
        there = torch.device(wanted).type == "cuda" or (torch.device(wanted).type == "cpu" and bool(here))
    if func is _aten.copy_.default:
        there = isinstance(args[0], _OnGpu)
        if there != isinstance(args[1], _OnGpu) and not (kwargs.get("non_blocking") or (len(args) > 2 and args[2])):
            _note("copy")
    elif func in _MOVES and there and not here:
        _note("to the GPU")
    same = {id(_inner(t)): t for t in given}

    def wrapped(value: Any) -> Any:
        if not isinstance(value, Tensor) or isinstance(value, _OnGpu):
            return value
        return same.get(id(value)) if id(value) in same else _OnGpu(value) if there else value

    return tree_map(wrapped, found)


def _enter(self: Any) -> None:
    self.without = torch.no_grad()
    self.without.__enter__()


def _leave(self: Any, *error: Any) -> None:
    self.without.__exit__(*error)


@contextmanager
def pretended_gpu() -> Iterator[list[str]]:
    """Pretend that there is a GPU, and yield the list of where the program waited for it."""
    watch = _Watch()
    answers = {
        "_lazy_init": None, "is_available": True, "empty_cache": None, "synchronize": None,
        "mem_get_info": (8 * 2**30, 16 * 2**30), "get_device_name": "made up", "get_device_capability": (9, 0),
        "memory_reserved": 0, "memory_allocated": 0, "current_device": 0, "device_count": 1,
        "get_rng_state": torch.zeros(16, dtype=torch.uint8), "set_rng_state": None,
        "get_device_properties": SimpleNamespace(name="made up", major=9, minor=0, multi_processor_count=4),
    }  # fmt: skip
    with ExitStack() as stack:
        for name, answer in answers.items():
            stack.enter_context(mock.patch(f"torch.cuda.{name}", lambda *_, _answer=answer, **__: _answer))
        # Views of wrapped tensors are no inference tensors: without gradients will do.
        stack.enter_context(mock.patch.object(torch.inference_mode, "__enter__", _enter))
        stack.enter_context(mock.patch.object(torch.inference_mode, "__exit__", _leave))
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, False)
        stack.enter_context(mock.patch("torch.cuda.default_generators", (torch.Generator(),)))
        _watches.append(watch)
        stack.callback(_watches.remove, watch)
        stack.enter_context(watch)
        stack.enter_context(_Factories())
        yield watch.waits
