"""Frozen dataclasses to JSON and arrays and back, exactly, driven by their annotations.

A record is a dataclass whose fields are numbers, strings, booleans, ``None``, literals, tuples, string-keyed
dicts, NumPy arrays or other records. Numbers survive exactly: JSON floats are written in shortest round-trip form,
those that are not finite as ``"nan"``, ``"inf"``, ``"-inf"``; arrays go to one ``arrays.npz`` beside the JSON, where
any NumPy can read them. A field keeps its name in the JSON, so files are readable without this package.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from .errors import StoreError

__all__ = ["from_tree", "load_record", "save_record", "to_tree"]

T = TypeVar("T")
_ARRAY = "array"


def to_tree(record: object) -> tuple[Any, dict[str, np.ndarray]]:
    """Take a record apart into what JSON can hold and a dict of arrays.

    Returns:
        The tree, in which an array is ``{"array": key}``, and the arrays by key (their dotted place).
    """
    arrays: dict[str, np.ndarray] = {}
    return _encode(record, "", arrays), arrays


def from_tree(kind: type[T], tree: Any, arrays: dict[str, np.ndarray]) -> T:
    """Put a record of type ``kind`` together again.

    Raises:
        StoreError: when the tree does not describe a ``kind``.
    """
    return typing.cast(T, _decode(kind, tree, arrays, kind.__name__))


def save_record(record: object, folder: Path) -> None:
    """Write ``result.json`` (and ``arrays.npz`` when there are arrays) into an existing folder."""
    tree, arrays = to_tree(record)
    document = {"type": type(record).__name__, "value": tree}
    text = json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    (folder / "result.json").write_text(text, encoding="utf-8")
    if arrays:
        with (folder / "arrays.npz").open("wb") as f:
            np.savez_compressed(f, allow_pickle=False, **arrays)


def load_record(kind: type[T], folder: Path) -> T:
    """Read what :func:`save_record` wrote.

    Raises:
        StoreError: when the file is absent, damaged, or holds another type.
    """
    path = folder / "result.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        arrays: dict[str, np.ndarray] = {}
        if (folder / "arrays.npz").exists():
            with np.load(folder / "arrays.npz", allow_pickle=False) as z:
                arrays = {k: z[k] for k in z.files}
    except (OSError, ValueError) as e:
        raise StoreError(
            f"{path}: cannot be read as a result ({e}); delete the step's folder to compute it again"
        ) from e
    if document.get("type") != kind.__name__:
        raise StoreError(f"{path}: holds a {document.get('type')}, expected a {kind.__name__}")
    return from_tree(kind, document["value"], arrays)


def _encode(value: Any, place: str, arrays: dict[str, np.ndarray]) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: _encode(getattr(value, f.name), f"{place}.{f.name}".lstrip("."), arrays)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise StoreError(f"{place}: an array of Python objects cannot be stored; use strings or numbers")
        arrays[place] = value
        return {_ARRAY: place}
    if isinstance(value, (tuple, list)):
        return [_encode(v, f"{place}.{i}", arrays) for i, v in enumerate(value)]
    if isinstance(value, dict):
        return {str(k): _encode(v, f"{place}.{k}", arrays) for k, v in value.items()}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise StoreError(f"{place}: a {type(value).__name__} cannot be stored in a record")


def _decode(kind: Any, tree: Any, arrays: dict[str, np.ndarray], place: str) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if isinstance(kind, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return _decode(kind.__value__, tree, arrays, place)
    if origin in (typing.Union, types.UnionType):
        if tree is None:
            return None
        options = [a for a in arguments if a is not type(None)]
        for option in options:
            if len(options) == 1 or _fits(option, tree):
                return _decode(option, tree, arrays, place)
        raise StoreError(f"{place}: {tree!r} fits none of {kind}")
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(tree, dict):
            raise StoreError(f"{place}: expected an object, found {type(tree).__name__}")
        hints = typing.get_type_hints(kind)
        fields = [f for f in dataclasses.fields(kind) if f.name in tree]
        try:
            return kind(**{f.name: _decode(hints[f.name], tree[f.name], arrays, f"{place}.{f.name}") for f in fields})
        except TypeError as e:
            raise StoreError(f"{place}: {e}") from e
    if isinstance(tree, dict) and set(tree) == {_ARRAY} and origin is not dict:
        if tree[_ARRAY] not in arrays:
            raise StoreError(f"{place}: the array {tree[_ARRAY]!r} is missing from arrays.npz")
        return arrays[tree[_ARRAY]]
    if origin is tuple:
        variadic = len(arguments) == 2 and arguments[1] is Ellipsis
        inner = [arguments[0]] * len(tree) if variadic else list(arguments)
        return tuple(_decode(k, v, arrays, f"{place}.{i}") for i, (k, v) in enumerate(zip(inner, tree, strict=True)))
    if origin is dict:
        return {k: _decode(arguments[1], v, arrays, f"{place}.{k}") for k, v in tree.items()}
    if kind is float:
        return float(tree)
    return tree


def _fits(kind: Any, tree: Any) -> bool:
    origin = typing.get_origin(kind) or kind
    if dataclasses.is_dataclass(origin) and isinstance(origin, type):
        required = {
            f.name
            for f in dataclasses.fields(origin)
            if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        }
        return isinstance(tree, dict) and required <= tree.keys()
    if isinstance(tree, dict) and set(tree) == {_ARRAY}:
        return origin is np.ndarray
    if origin is float:
        return isinstance(tree, (int, float)) or tree in ("nan", "inf", "-inf")
    if origin is tuple:
        return isinstance(tree, list)
    if origin is typing.Literal:
        return tree in typing.get_args(kind)
    return isinstance(tree, origin) if isinstance(origin, type) else True
