"""Blocks and stages: the repeated parts of a network, what is before, between and behind them, and what they form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby

from torch import nn

from .tree import Group, Tree, ancestors, is_box, parent, within

__all__ = ["find_blocks", "join_blocks", "join_layers"]

_CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)


def find_blocks(tree: Tree) -> list[Group] | None:
    """Find the stem, each repeated block, what lies between blocks, and the head, in forward order.

    A block is a submodule of at least two linear maps, reached through plain containers and through modules that
    hold a chain: several blocks of one class in one container, or numbered. What is before the first block is the
    stem; what follows the last is split by where it lies. A final norm joins the head, a class token the stem.

    Returns:
        ``None`` when the network has no chain, as VGG and LeNet.
    """
    holders = _holders(tree)
    if type(tree.parts[tree.root]) not in holders:
        return None
    found = list(_descend(tree, tree.root, holders))
    block_of = {t: path for path in found for t in tree.under[path]}
    pieces = [(min(tree.time[t] for t in tree.under[path]), path, tuple(tree.under[path])) for path in found]
    last = max(start for start, _, _ in pieces)
    pieces += [(tree.time[t], "", (t,)) for t in tree.tensors if t not in block_of]
    pieces.sort(key=lambda piece: piece[0])

    def run(piece: tuple[int, str, tuple[str, ...]]) -> tuple[str, str]:
        start, path, tensors = piece
        rest = tensors[0].removeprefix(f"{tree.root}." if tree.root else "")
        return path, rest.partition(".")[0] if start > last else ""

    groups = [
        Group(path, tree.ordered(t for _, _, tensors in members for t in tensors), block=bool(path))
        for (path, _), members in groupby(pieces, key=run)
    ]
    joined = _join_orphans(tree, groups)
    return [g if g.block else replace(g, name=_name(tree, g.tensors)) for g in joined]


def _holders(tree: Tree) -> set[type]:
    """Classes that hold a chain somewhere, at any depth: stages, encoders, and the network itself.

    A class counts as a whole, so that a stage of one block is taken apart as its sisters of several are.
    """
    chains = [path for path in tree.parts if tree.under[path] and _is_chain(tree, path)]
    around = (path for chain in chains for path in (chain, *ancestors(chain)))
    return {type(tree.parts[path]) for path in around if not is_box(tree.parts[path]) or path == tree.root}


def _is_chain(tree: Tree, path: str) -> bool:
    """Whether blocks of one class stand here in one container, or are numbered; the root counts as a container."""
    in_container = path == tree.root or isinstance(tree.parts[path], _CONTAINERS)
    boxed: Counter[type] = Counter()
    numbered: Counter[tuple[type, str]] = Counter()
    waiting = [(child, in_container) for child in tree.children(path)]
    while waiting:
        child, inside = waiting.pop()
        if is_box(tree.parts[child]):
            waiting += [(inner, True) for inner in tree.children(child)]
        elif _maps(tree, child) > 1:
            kind = type(tree.parts[child])
            boxed[kind] += inside
            numbered[kind, child.rstrip("0123456789")] += child[-1].isdigit()
    # Two numbered parts may be halves of one block (mlp1, mlp2); three are a chain.
    return max(boxed.values(), default=0) > 1 or max(numbered.values(), default=0) > 2


def _descend(tree: Tree, path: str, holders: set[type]) -> Iterator[str]:
    for child in tree.children(path):
        if is_box(tree.parts[child]) or (_maps(tree, child) and type(tree.parts[child]) in holders):
            yield from _descend(tree, child, holders)
        elif _maps(tree, child) > 1:
            yield child


def _maps(tree: Tree, path: str) -> int:
    return len(tree.units(tree.under[path]))


def _join_orphans(tree: Tree, groups: list[Group]) -> list[Group]:
    """Join what holds no linear map to a neighbour, rather stem or head than a block."""
    groups = list(groups)
    i = 0
    while i < len(groups):
        if groups[i].block or tree.units(groups[i].tensors):
            i += 1
            continue
        neighbours = [j for j in (i - 1, i + 1) if 0 <= j < len(groups)]
        j = next((j for j in neighbours if not groups[j].block), neighbours[0])
        groups[j] = replace(groups[j], tensors=tree.ordered(groups[j].tensors + groups[i].tensors))
        del groups[i]
    return groups


def _name(tree: Tree, tensors: Iterable[str]) -> str:
    """The outermost submodule around the first linear map that holds nothing else."""
    held = set(tensors)
    first = tree.units(held)[0]
    own = [path for path in ancestors(first) if path and tree.under[path] <= held]
    return own[-1] if own else first


def join_blocks(tree: Tree, blocks: list[Group]) -> list[Group]:
    """Join neighbouring blocks of one container and one resolution into stages.

    What lies between blocks is a stage of its own, unless it lies in a container of blocks with which it belongs.
    """
    first = next(i for i, g in enumerate(blocks) if g.block)
    last = max(i for i, g in enumerate(blocks) if g.block)
    ends = {t for g in (*blocks[:first], *blocks[last + 1 :]) for t in g.tensors}
    homes = {i: _container(tree, g, blocks, ends) for i, g in enumerate(blocks) if g.block}
    keys: list[object] = [None] * len(blocks)
    for i in reversed(range(len(blocks))):
        group = blocks[i]
        if group.block:
            keys[i] = (homes[i], _resolution(tree, group.name))
            continue
        around = homes.get(i + 1, tree.root)
        joins = first < i < last and around != tree.root and set(group.tensors) <= tree.under[around]
        keys[i] = keys[i + 1] if joins else i
    return _join(tree, blocks, keys)


def join_layers(tree: Tree, layers: list[Group]) -> list[Group]:
    """Join neighbouring layers of one container and one resolution; layers directly in the network stay alone."""
    keys: list[object] = []
    for i, layer in enumerate(layers):
        box = parent(layer.name)
        keys.append(i if box == tree.root else (box, _resolution(tree, layer.name)))
    return _join(tree, layers, keys)


def _join(tree: Tree, groups: list[Group], keys: list[object]) -> list[Group]:
    joined: list[Group] = []
    for key, members in groupby(zip(keys, groups, strict=True), key=lambda pair: pair[0]):
        run = [group for _, group in members]
        tensors = tree.ordered(t for group in run for t in group.tensors)
        box = str(key[0]) if isinstance(key, tuple) else ""
        name = box if box and box != tree.root and tree.under[box] <= set(tensors) else run[0].name
        joined.append(Group(name, tensors))
    return joined


def _container(tree: Tree, block: Group, blocks: list[Group], ends: set[str]) -> str:
    """The outermost submodule around a block that holds the same blocks as its parent, and no stem or head."""

    def held(path: str) -> set[str]:
        return {g.name for g in blocks if g.block and within(g.name, path)}

    path = parent(block.name)
    while path != tree.root:
        outer = parent(path)
        if outer == tree.root or held(outer) != held(path) or tree.under[outer] & ends:
            break
        path = outer
    return path


def _resolution(tree: Tree, path: str) -> tuple[int, ...]:
    """Height and width of a submodule's output, or its number of tokens."""
    call = tree.seen.calls.get(path)
    shape = call.shape if call else ()
    return shape[1:] if len(shape) == 3 else shape[:1] if len(shape) == 2 else ()
