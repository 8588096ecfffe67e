"""What a file of weights may hold beside tensors: plain data, built here by stand-ins that can do nothing.

A pickle names the classes and functions it wants. Those of plain data (namespaces, numpy numbers, paths, dates) are
answered with what is written here, by name, so that neither the file nor the library it was made with runs. An object
of any other class is kept as its attributes, without the class. A call of any other function is an error: that is
code.
"""

from __future__ import annotations

import datetime
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor

__all__ = ["DATA", "CalledCodeError", "WholeModule", "plain", "stand_in"]


class CalledCodeError(Exception):
    """A pickle asks to call something; its full name is the message."""


class WholeModule:
    """Where a file holds a module with its code instead of weights.

    Attributes:
        name: full name of its class.
    """

    def __init__(self, name: str) -> None:
        self.name = name


class _Fields:
    """An object that is nothing but its attributes."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


class _Text(str):
    """Text of a class of its own, as ``torch.__version__`` is."""

    def __new__(cls, text: object = "", *_: object) -> _Text:
        return super().__new__(cls, text)


class _Dtype:
    """A NumPy dtype, of which only the code and the byte order are kept."""

    def __init__(self, code: str | bytes, *_: object) -> None:
        self.code = code.decode("latin1") if isinstance(code, bytes) else str(code)
        self.order = "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        order = state[1].decode("latin1") if isinstance(state[1], bytes) else state[1]
        self.order = order if order in ("<", ">", "=") else ""
        if len(state) > 3 and state[3] is not None:  # a table of named fields
            self.code = "O"

    def numpy(self) -> np.dtype[Any] | None:
        """Return the dtype when it is one of numbers or text."""
        if not re.fullmatch(r"\?|[biufcSUV]\d+|[mM]8", self.code):
            return None
        return np.dtype(self.code if self.code == "?" else f"{self.order}{self.code}")


class _Array:
    """A NumPy array; what is no number or text is kept as a list."""

    def __init__(self, *_: object) -> None:
        self.value: np.ndarray | list[Any] = []

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, content = state
        kind = dtype.numpy()
        if kind is None or not isinstance(content, (bytes, bytearray)):
            self.value = list(content)
            return
        flat = np.frombuffer(bytes(content), dtype=kind) if content else np.empty(0, kind)
        self.value = flat.reshape(shape, order="F" if fortran else "C")


def _scalar(dtype: _Dtype, content: Any = b"") -> Any:
    kind = dtype.numpy()
    return content if kind is None or not isinstance(content, bytes) else np.frombuffer(content, kind)[0].item()


def _path(*parts: object) -> str:
    return re.sub("^//", "/", "/".join(map(str, parts)))


def _empty_dict(*_: object) -> dict[Any, Any]:
    return {}


def _empty_list(*_: object) -> list[Any]:
    return []


def _no_bytes(*_: object) -> bytes:
    return b""  # as pickles of PyTorch's protocol write it, and nothing else


def _without_shape(*_: object) -> Tensor:
    return torch.empty(0, device="meta")


_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath", "Path", "PurePath")

DATA: Mapping[str, Callable[..., Any]] = {
    "argparse.Namespace": _Fields,
    "types.SimpleNamespace": _Fields,
    "collections.defaultdict": _empty_dict,
    "collections.deque": _empty_list,
    "builtins.frozenset": frozenset,
    "builtins.bytes": _no_bytes,
    "builtins.range": range,
    "builtins.slice": slice,
    **{f"{module}.{name}": _path for module in ("pathlib", "pathlib._local") for name in _PATHS},
    **{f"datetime.{k.__name__}": k for k in (datetime.datetime, datetime.date, datetime.time, datetime.timedelta)},
    "datetime.timezone": datetime.timezone,
    "decimal.Decimal": _Text,
    "fractions.Fraction": _Text,  # the real one would compute 10 ** 999999999 when asked to
    "uuid.UUID": _Fields,
    "torch.torch_version.TorchVersion": _Text,
    "torch.nn.parameter.UninitializedParameter": _without_shape,
    "torch.nn.parameter.UninitializedBuffer": _without_shape,
    "numpy.dtype": _Dtype,
    "numpy.ndarray": _Array,
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray._reconstruct": _Array for core in ("core", "_core")},
}
"""Full name in a file → what is put in its place."""


class _Refusing(type):
    """A class that can be named, and whose objects have attributes, but that cannot be called."""

    full_name: str

    def __call__(cls, *_: object, **__: object) -> NoReturn:
        raise CalledCodeError(cls.full_name)


def stand_in(name: str) -> Callable[..., Any]:
    """Return what is put in the place of a name that a file asks for.

    >>> stand_in("argparse.Namespace")(lr=0.1).lr
    0.1
    >>> stand_in("os.system")("harm")
    Traceback (most recent call last):
    transferscope.models.inert.CalledCodeError: os.system
    """
    if name in DATA:
        return DATA[name]

    def new(_: type, *args: object) -> OrderedDict[Any, Any]:
        made: OrderedDict[Any, Any] = OrderedDict()  # what torch lets a file fill, be it with items or attributes
        made.__dict__.update({_CLASS: name} | ({"args": args} if args else {}))
        return made

    called = re.sub(r"\W", "_", name.rpartition(".")[2])  # a damaged file asks for what cannot be a name
    return _Refusing(called, (), {"__new__": new, "full_name": name})


_CLASS = "<class>"


def plain(value: Any) -> Any:
    """Turn what was read into dicts, lists, tensors, numbers and strings; a module becomes a :class:`WholeModule`.

    >>> plain({"args": stand_in("argparse.Namespace")(lr=0.1), "at": (1, 2)})
    {'args': {'lr': 0.1}, 'at': [1, 2]}
    """
    return _plain(value, {})


def _plain(value: Any, seen: dict[int, Any]) -> Any:
    if isinstance(value, _Array):
        value = value.value
    if isinstance(value, np.ndarray):
        return _tensor(value)
    if isinstance(value, _Refusing):
        return value.full_name
    if not isinstance(value, (Mapping, list, tuple, set, frozenset, _Fields)):
        return value
    if id(value) in seen:
        return seen[id(value)]
    if isinstance(value, (Mapping, _Fields)):
        attributes = value.__dict__ if isinstance(value, (OrderedDict, _Fields)) else {}
        if "_modules" in attributes and "_parameters" in attributes:
            return WholeModule(str(attributes.get(_CLASS, "torch.nn.Module")))
        own = _CLASS in attributes or isinstance(value, _Fields)
        items = dict(value) if isinstance(value, Mapping) else {}
        made: dict[Any, Any] = {}
        seen[id(value)] = made
        made |= {k: _plain(v, seen) for k, v in items.items()}
        if own and not items:  # an object of a class: its attributes
            made |= {k: _plain(v, seen) for k, v in attributes.items() if k != _CLASS}
        return made
    listed: list[Any] = []
    seen[id(value)] = listed
    listed += [_plain(v, seen) for v in value]
    return listed


def _tensor(value: np.ndarray) -> Any:
    if value.dtype.kind not in "biufc":
        return value.tolist()
    native = value.astype(value.dtype.newbyteorder("="))
    try:
        return torch.from_numpy(np.ascontiguousarray(native).reshape(value.shape))
    except TypeError:  # numbers that torch has not, such as float128
        return value.tolist()
