"""Where in a file the weights lie: files hold them at the top, in a dict of a dict, or several times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, nearest
from .inert import WholeModule

__all__ = ["Place", "find_weights", "holds_no_weights"]

_USUAL = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "ema",
    "model_ema",
    "state_dict_ema",
    "ema_state_dict",
)
"""Names of what holds weights; where several sets have such names, the first of these is taken."""

_NOT_WEIGHTS = re.compile(
    r"optim|sched|scaler|loss|criterion|callback|loop|rng|_extra_state|config|hyper_?param", re.IGNORECASE
)
_DEPTH, _LISTED = 4, 64


@dataclass(frozen=True, eq=False)
class Place:
    """A set of weights in a file.

    Attributes:
        name: where it lies, e.g. ``"state_dict"`` or ``"ema.module"``; ``""`` at the top.
        content: everything there, by name.
        within: prefix of the names that were asked for; ``""`` for all.
        beside: everything beside it, by its place.
        others: other sets of weights in the file.
    """

    name: str
    content: Mapping[str, Any]
    within: str
    beside: Mapping[str, Any]
    others: tuple[str, ...]


def holds_no_weights(name: str) -> bool:
    """Say whether something of this name is the state of an optimiser and the like.

    >>> holds_no_weights("optimizer_states"), holds_no_weights("model")
    (True, False)
    """
    return bool(_NOT_WEIGHTS.search(name))


def find_weights(path: Path, content: Any, at: str | None) -> Place:
    """Find the weights in the content of a file.

    Args:
        path: of the file, for errors.
        content: what is in it.
        at: which, where there are several: a place, or the beginning of the names there (``"encoder_q"``), or both
            joined by a dot.

    Raises:
        CheckpointError: when there are none, none of that name, or several without a usual name.
    """
    if isinstance(content, WholeModule):
        raise CheckpointError(f"{path}: {_module(content)}")
    if isinstance(content, Tensor):
        raise CheckpointError(f"{path}: holds one tensor without a name, expected a dict of tensors by name")
    known = isinstance(content, (Mapping, list))  # a tuple such as (weights, epoch) is read as a list
    places = {name: (way, found) for name, way, found in _weights_in(content, ())} if known else {}
    if not places and not isinstance(content, Mapping):
        kind = "list" if isinstance(content, list) else type(content).__name__
        raise CheckpointError(f"{path}: holds a {kind}, expected a dict of tensors by name")
    if not places:
        raise CheckpointError(f"{path}: {_nothing(content)}")
    name, within = _chosen(path, places, at)
    way, found = places[name]
    beside: dict[str, Any] = {}
    inner: Any = content
    for depth, part in enumerate(way):
        before = "".join(f"{p}." for p in way[:depth])
        items = inner if isinstance(inner, Mapping) else dict(zip(map(str, range(len(inner))), inner, strict=True))
        beside |= {f"{before}{k}": v for k, v in items.items() if str(k) != part}
        inner = items[part]
    others = tuple(other for other in places if other != name)
    return Place(name, {str(k): v for k, v in found.items()}, within, beside, others)


def _weights_in(content: Any, way: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], Mapping[Any, Any]]]:
    """Yield every dict of tensors by name that is not an optimiser's, with its place."""
    if isinstance(content, list):
        items: Mapping[Any, Any] = {str(i): v for i, v in enumerate(content[:_LISTED])}
        own = 0
    else:
        items = content
        own = sum(isinstance(v, Tensor) and isinstance(k, str) and (v.ndim > 0 or "." in k) for k, v in items.items())
    inner = [
        found
        for key, value in items.items()
        if len(way) < _DEPTH and isinstance(value, (Mapping, list)) and isinstance(key, str)
        if not holds_no_weights(key)
        for found in _weights_in(value, (*way, key))
    ]
    # A file that keeps a few arrays beside its weights (a curve, a state of random numbers) keeps them without dots.
    if own and (not inner or any("." in str(k) for k, v in items.items() if isinstance(v, Tensor))):
        yield ".".join(way), way, items
    yield from inner


def _chosen(path: Path, places: Mapping[str, Any], at: str | None) -> tuple[str, str]:
    """Return the place, and the beginning of the names there that was asked for."""
    if at is not None and at in places:
        return at, ""
    if at is not None:
        for name in sorted(places, key=len, reverse=True):
            within = f"{at.removeprefix(f'{name}.' if name else '').rstrip('.')}."
            inside = not name or at.startswith(f"{name}.")
            if inside and any(str(k).startswith(within) for k in places[name][1]):
                return name, within
        if len(below := [name for name in places if name.startswith(f"{at}.")]) == 1:
            return below[0], ""
        usual = _usual(places)
        within = f"{at.rstrip('.')}."
        if usual is not None and any(str(k).startswith(within) for k in places[usual][1]):
            return usual, within
        if len(meant := [name for name in places if at.lower() in re.split(r"[._]", name.lower())]) == 1:
            return meant[0], ""  # ema for state_dict_ema
        choices = _choices(places)
        raise CheckpointError(
            f"{path}: no weights at {at!r}; there are some at {', '.join(choices)}{_near(at, choices)}"
        )
    usual = _usual(places)
    if usual is None:
        named = _choices({name: places[name] for name in places}, deep=False)
        raise CheckpointError(
            f"{path}: holds several sets of weights, at {', '.join(named)}; choose one with --at NAME "
            "(in Python and in study files at=…)"
        )
    return usual, ""


def _usual(places: Mapping[str, Any]) -> str | None:
    if len(places) == 1:
        return next(iter(places))
    usual = [p for p in places if all(part in _USUAL for part in p.split(".") if p)]
    return min(usual, key=lambda p: [_USUAL.index(part) for part in p.split(".") if p], default=None)


def _choices(places: Mapping[str, Any], deep: bool = True) -> list[str]:
    """List places, and the beginnings of the names in each where these are several."""
    told = []
    for name, (_, found) in places.items():
        told.append(repr(name) if name else "the top")
        parts = {str(k).partition(".")[0] for k in found if str(k).count(".") > 1}
        if deep and 0 < len(parts) <= 4:
            told += [repr(f"{name}.{part}".lstrip(".")) for part in sorted(parts)]
    return told


def _near(at: str, choices: list[str]) -> str:
    said = nearest(at, [c.strip("'") for c in choices])
    return said if said.startswith("; did you mean") else ""


def _nothing(content: Mapping[Any, Any]) -> str:
    modules = [(k, v) for k, v in content.items() if isinstance(v, WholeModule)]
    if modules:
        return _module(modules[0][1])
    return f"holds no tensors by name (keys: {', '.join(map(str, [*content][:8])) or 'none'})"


def _module(module: WholeModule) -> str:
    return (
        f"refused: it holds a whole module ({module.name}), which only its own code can load; save only the weights, "
        "torch.save(model.state_dict(), …), where it was made"
    )
