"""The tree of submodules and one watched forward pass, laid over each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from torch import nn

from .tracing import Trace

__all__ = ["Group", "Tree", "ancestors", "is_box", "owner_of", "parent", "within"]


@dataclass(frozen=True)
class Group:
    """Tensors that go together.

    Attributes:
        name: what to call them.
        tensors: their names, in the order of the state dict.
        block: whether they are one repeated block of the module tree, which is then called ``name``.
    """

    name: str
    tensors: tuple[str, ...]
    block: bool = False


class Tree:
    """What both say together: which linear map a tensor belongs to, and when it is used.

    Args:
        module: the network.
        seen: one forward pass of it.

    Attributes:
        seen: as given.
        parts: submodules by name.
        under: tensors that run, by the submodule that holds them at any depth.
        root: innermost submodule that still holds everything (wrappers of one child are passed through).
        unit: the linear map that a tensor belongs to, for tensors inside one.
        unit_time: when each linear map is first used.
        time: when each tensor is first used; one that is not used itself (a counter) goes with its kin.
        tensors: what runs, in the order of the state dict.
    """

    def __init__(self, module: nn.Module, seen: Trace) -> None:
        self.seen = seen
        self.parts = dict(module.named_modules(remove_duplicate=False))
        self.unit = _units(seen)
        self.time = _times(seen, self.unit)
        self.tensors = tuple(name for name in seen.tensors if name in self.time)
        self.unit_time: dict[str, int] = {}
        for name in sorted(self.unit.keys() & self.time.keys(), key=lambda t: self.time[t]):
            self.unit_time.setdefault(self.unit[name], self.time[name])
        self.under: dict[str, set[str]] = {path: set() for path in self.parts}
        for name in self.tensors:
            for path in ancestors(name):
                self.under.setdefault(path, set()).add(name)
        self.root = self._root()

    def _root(self) -> str:
        path = ""
        while True:
            holding = [child for child in self.children(path) if self.under[child]]
            if len(holding) != 1 or self.under[holding[0]] != self.under[path] or not self.children(holding[0]):
                return path
            path = holding[0]

    def children(self, path: str) -> list[str]:
        """Names of the submodules directly in this one."""
        below = [f"{path}.{name}" if path else name for name in self.parts[path]._modules]
        return [name for name in below if name in self.parts]

    def units(self, tensors: Iterable[str]) -> list[str]:
        """The linear maps among these tensors, in forward order."""
        found = {self.unit[t] for t in tensors if t in self.unit}
        return sorted(found, key=lambda u: (self.unit_time[u], u))

    def ordered(self, tensors: Iterable[str]) -> tuple[str, ...]:
        """The same tensors in the order of the state dict."""
        chosen = set(tensors)
        return tuple(t for t in self.tensors if t in chosen)

    def is_norm(self, tensor: str) -> bool:
        """Whether the tensor, or another of the same owner, normalises."""
        kin = [t for t in self.under[parent(tensor)] if parent(t) == parent(tensor)]
        return any(t in self.seen.uses and self.seen.uses[t].norm for t in kin)


def _units(seen: Trace) -> dict[str, str]:
    """Name the linear map of each tensor that is part of one.

    It is the module that owns the weight when that is called; when it is not (a projection that attention uses
    without calling it), the caller, unless the caller calls other linear maps too.
    """
    weights = [name for name, use in seen.uses.items() if use.product]
    called = {owner_of(w) for w in weights} & seen.calls.keys()
    crowded = {path for name in called for path in ancestors(name)}
    units: dict[str, str] = {}
    for weight in weights:
        owner = owner_of(weight)
        caller = next(path for path in (owner, *ancestors(owner)) if path in seen.calls)
        if caller and caller not in crowded:
            units[weight] = caller
        else:
            units[weight] = weight if caller == owner else owner
    names = set(units.values())
    for name in seen.tensors:
        inside = next((path for path in ancestors(name) if path in names), None)
        if inside is not None:
            units.setdefault(name, inside)
    return units


def _times(seen: Trace, unit: dict[str, str]) -> dict[str, int]:
    times = {name: use.time for name, use in seen.uses.items()}
    first: dict[str, int] = {}
    for name, at in times.items():
        for key in {owner_of(name), unit.get(name, "")} - {""}:
            first[key] = min(at, first.get(key, at))
    for name in seen.tensors:
        kin = next((key for key in (unit.get(name, ""), owner_of(name)) if key in first), None)
        if name not in times and kin is not None:
            times[name] = first[kin]
    return times


def is_box(part: nn.Module) -> bool:
    """Whether a module only holds others: a plain sequence, list or dict, not a block that is written as one."""
    if isinstance(part, nn.Sequential):
        return type(part).forward is nn.Sequential.forward
    return isinstance(part, (nn.ModuleList, nn.ModuleDict)) and type(part).forward is nn.Module.forward


def owner_of(tensor: str) -> str:
    """Name of the submodule that a tensor belongs to; that of a parametrised weight is the layer itself.

    >>> owner_of("conv1.weight"), owner_of("conv1.parametrizations.weight.original0"), owner_of("cls_token")
    ('conv1', 'conv1', '')
    """
    layer, found, _ = tensor.partition(".parametrizations.")
    return layer if found else parent(tensor)


def parent(name: str) -> str:
    """Name of what holds a tensor or submodule; ``""`` is the network."""
    return name.rpartition(".")[0]


def ancestors(name: str) -> Iterator[str]:
    """Yield all that hold a tensor or submodule, innermost first, the network last.

    >>> list(ancestors("layer1.0.conv1"))
    ['layer1.0', 'layer1', '']
    """
    while name:
        name = parent(name)
        yield name


def within(name: str, path: str) -> bool:
    """Whether a tensor or submodule is this submodule or lies in it."""
    return not path or name == path or name.startswith(f"{path}.")
