"""What a public function is given, held against what it says it takes: a text where a network belongs is one line."""

from __future__ import annotations

import inspect
import os
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache, wraps
from itertools import islice
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union

from .errors import UsageError

__all__ = ["checked"]

_MADE_BY = {
    "Network": "ts.build and ts.wrap make one",
    "ImageSet": "ts.load_images(…) has them as .train, .val and .test",
    "ImageSplits": "ts.load_images reads them",
    "ModelTable": "ts.read_models reads one",
    "Solution": "ts.load_weights reads one",
}
"""Where to take what is expected from."""

_PLAIN = ("builtins", "collections", "numpy", "pandas", "pathlib", "torch")
"""Whose classes are never ours; what is of a class of the user's may well do."""

_LOOKED_AT = 100
"""Members of a sequence that are looked at."""

F = TypeVar("F", bound=Callable[..., Any])


def checked(function: F) -> F:
    """Refuse arguments that cannot be what the annotations of a function name, before it begins.

    Looked at is what kind of object is given, also inside of sequences and mappings; which number, word or array is
    right is for the function itself to judge.

    >>> @checked
    ... def mean(numbers: Sequence[float]) -> float:
    ...     return sum(numbers) / len(numbers)
    >>> mean([1, 3]), mean((2.0,))
    (2.0, 2.0)
    >>> mean(None)
    Traceback (most recent call last):
    transferscope.errors.UsageError: mean: numbers is None; expected a sequence of float
    """
    signature = inspect.signature(function)

    @cache
    def hints() -> dict[str, Any]:
        found = typing.get_type_hints(function)
        variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return {name: found[name] for name, p in signature.parameters.items() if p.kind not in variadic}

    @wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        try:
            given = signature.bind(*arguments, **options).arguments
        except TypeError:
            return function(*arguments, **options)  # says which argument is missing or too many
        for name, hint in hints().items():
            if name in given and not _may_be(given[name], hint):
                said = f"{function.__name__}: {name} is {_shown(given[name])}; expected {_words(hint)}"
                sources = [text for word, text in _MADE_BY.items() if word in _classes(hint)]
                raise UsageError("; ".join([said, *sources]))
        return function(*arguments, **options)

    return called  # type: ignore[return-value]


def _may_be(value: Any, hint: Any) -> bool:
    """Whether a value may be what an annotation names; only what surely is not is refused."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, UnionType):
        return any(_may_be(value, one) for one in inner)
    kind = origin or hint
    if kind is NoneType:
        return value is None
    if kind is Literal:
        return value is not None
    if kind in (str, bytes):
        return value is not None and not isinstance(value, (int, float, complex))
    if not isinstance(kind, type) or kind in (Any, object) or getattr(kind, "_is_protocol", False):
        return True
    if kind in (bool, int, float, complex):
        return value is not None and not isinstance(value, (str, bytes))
    if issubclass(kind, os.PathLike):
        return value is not None
    if (kind.__module__, kind.__name__) == ("collections.abc", "Callable"):
        return callable(value)
    if issubclass(kind, Iterable) and kind.__module__ in ("builtins", "collections.abc"):
        return _may_hold(value, kind, inner)
    text = isinstance(value, (str, bytes, os.PathLike)) or value is None
    if kind.__module__.split(".")[0] != __package__:
        return not text  # arrays and tensors are made of much else
    return isinstance(value, kind) or not _plain(value)


def _may_hold(value: Any, kind: type, inner: tuple[Any, ...]) -> bool:
    """The same of sequences and mappings, and of what is in them."""
    if isinstance(value, (str, bytes)):
        return inner[:1] == (str,) and not issubclass(kind, Mapping)  # one word for a list of one
    if issubclass(kind, Mapping):
        if not hasattr(value, "keys"):
            return not _plain(value)
        members = islice(value.values(), _LOOKED_AT) if isinstance(value, dict) else ()
        return len(inner) < 2 or all(_may_be(one, inner[1]) for one in members)
    if not (hasattr(value, "__iter__") or hasattr(value, "__getitem__")):
        return not _plain(value)
    if not isinstance(value, (list, tuple)) or not inner:
        return True
    if kind is tuple and inner[-1] is not Ellipsis:
        return all(_may_be(one, of) for one, of in zip(value, inner, strict=False))
    return all(_may_be(one, inner[0]) for one in value[:_LOOKED_AT])


def _plain(value: Any) -> bool:
    return any(of.__module__.split(".")[0] in _PLAIN for of in type(value).__mro__ if of is not object)


def _shown(value: Any) -> str:
    """Name a value in few words."""
    if value is None or isinstance(value, (str, bytes, bool, int, float, os.PathLike)):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:57]}…"
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {', '.join(sorted({type(one).__name__ for one in value})) or 'nothing'}"
    return f"a {type(value).__name__}"


def _words(hint: Any) -> str:
    """Name what an annotation allows.

    >>> _words(Sequence[int] | None), _words(Mapping[str, float])
    ('a sequence of int or None', 'a mapping to float')
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_words, inner)))
    if hint is NoneType:
        return "None"
    if origin is Literal:
        return " or ".join(map(repr, inner))
    kind = origin or hint
    name = getattr(kind, "__name__", str(kind))
    if not inner or not isinstance(kind, type) or kind.__module__ not in ("builtins", "collections.abc"):
        return str(name)
    if issubclass(kind, Mapping):
        return f"a mapping to {_words(inner[-1])}"
    if kind is tuple and inner[-1] is not Ellipsis:
        return f"({', '.join(map(_words, inner))})"
    if issubclass(kind, Collection) or kind in (Iterable, Sequence):
        return f"a sequence of {_words(inner[0])}"
    return str(name)


def _classes(hint: Any) -> set[str]:
    """The names of all classes in an annotation."""
    inner = [one for one in typing.get_args(hint) if one is not Ellipsis]
    return {getattr(hint, "__name__", ""), *(name for one in inner for name in _classes(one))}
