"""Options behind the name of a network, ``NAME?KEY=VALUE&KEY=VALUE``, as the types that its constructor wants."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ..errors import ModelError, nearest

__all__ = ["Option", "split_name", "taken_by", "typed"]

Option = tuple[frozenset[type], Any]
"""The kinds of value that an option takes (of bool, int, float, str, tuple), and its default."""

_SIMPLE = (bool, int, float, str)
_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    tuple: "numbers joined by commas",
    str: "a word",
}
_TRUTH = {"true": True, "false": False}


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """Take the options off a name.

    Raises:
        ModelError: for what is no ``KEY=VALUE``, or a key given twice.

    >>> split_name("timm/vit_tiny_patch16_224?img_size=32&drop_rate=0.1")
    ('timm/vit_tiny_patch16_224', {'img_size': '32', 'drop_rate': '0.1'})
    """
    bare, mark, text = name.partition("?")
    given: dict[str, str] = {}
    for pair in text.split("&") if mark else ():
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise ModelError(f"{name}: expected options as in {bare}?KEY=VALUE&KEY=VALUE, got {pair!r}")
        if key in given:
            raise ModelError(f"{name}: option {key!r} is given twice")
        given[key] = value
    return bare, given


def taken_by(make: Callable[..., Any]) -> dict[str, Option]:
    """List the options that a function or class takes as plain values, from its signature.

    >>> def make(width: int = 8, act=None, *, drop_rate=0.0): ...
    >>> sorted(taken_by(make))
    ['act', 'drop_rate', 'width']
    """
    parameters = inspect.signature(make).parameters
    found: dict[str, Option] = {}
    if isinstance(make, type) and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for base in make.__bases__:  # which takes what the class passes on
            if base.__module__ != "builtins" and not base.__module__.startswith("torch.nn.modules"):
                found |= taken_by(base)
    function: Any = vars(make).get("__init__", make.__init__) if isinstance(make, type) else make  # type: ignore[misc]
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError, AttributeError):  # annotations that only their author's tools can read
        hints = {}
    for name, parameter in parameters.items():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            continue
        default = None if parameter.default is parameter.empty else parameter.default
        kinds = _kinds(hints[name]) if name in hints else _kinds_of(default)
        if kinds:
            found[name] = (kinds, default)
    return found


def typed(
    name: str, given: Mapping[str, str], known: Mapping[str, Option], reserved: Collection[str] = ()
) -> dict[str, Any]:
    """Turn the text of options into values.

    Args:
        name: of the network, for errors.
        given: the options as text.
        known: what exists.
        reserved: options that follow from the images, and cannot be given.

    Raises:
        ModelError: for an option that does not exist (with those that do), or a value of another kind.

    >>> typed("n", {"drop": "0.5", "size": "32,48"}, {"drop": (frozenset([float]), 0.0),
    ...                                               "size": (frozenset([int, tuple]), 8)})
    {'drop': 0.5, 'size': (32, 48)}
    """
    free = {key: option for key, option in known.items() if key not in reserved}
    values = {}
    for key, text in given.items():
        if key in reserved:
            raise ModelError(f"{name}: option {key!r} follows from the images and cannot be given")
        if key not in free:
            hint = nearest(key, free) if free else "; it has none"
            more = "" if "known" in hint or not free else f" (there are {', '.join(sorted(free))})"
            raise ModelError(f"{name}: unknown option {key!r}{hint}{more}")
        values[key] = _value(name, key, text, free[key][0])
    return values


def _value(name: str, key: str, text: str, kinds: frozenset[type]) -> Any:
    if bool in kinds and text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    for kind in (int, float):
        if kind in kinds:
            try:
                return kind(text)
            except ValueError:
                pass
    if tuple in kinds and "," in text:
        try:
            return tuple(float(part) if "." in part else int(part) for part in text.split(","))
        except ValueError:
            pass
    if str in kinds:
        return text
    wanted = " or ".join(words for kind, words in _WORDS.items() if kind in kinds)
    raise ModelError(f"{name}: option {key}={text!r} must be {wanted}")


def _kinds(hint: Any) -> frozenset[type]:
    """Return the plain kinds in a type hint."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return frozenset[type]().union(*map(_kinds, typing.get_args(hint)))
    if origin is typing.Literal:
        return frozenset(type(value) for value in typing.get_args(hint)) & frozenset(_SIMPLE)
    if hint is Any:
        return frozenset(_SIMPLE)
    plain = origin or hint
    if not isinstance(plain, type):
        return frozenset()
    if plain in _SIMPLE:
        return frozenset([plain])
    return frozenset([tuple]) if issubclass(plain, (tuple, list)) or plain.__name__ == "Sequence" else frozenset()


def _kinds_of(default: Any) -> frozenset[type]:
    """Return the kinds that an option of this default takes, where its author says no more."""
    if default is None:
        return frozenset((*_SIMPLE, tuple))
    if isinstance(default, (tuple, list)):
        return frozenset([tuple])
    return frozenset([type(default)]) & frozenset(_SIMPLE)
