"""Layers: each linear map with the norms, scales, scalar biases and tokens that belong to it."""

from __future__ import annotations

from collections.abc import Sequence

from .tree import Group, Tree, ancestors, owner_of, parent, within

__all__ = ["split_layers"]


def split_layers(tree: Tree, group: Group) -> list[Group]:
    """Split a group of tensors into its layers, in forward order.

    A tensor inside a linear map goes with it. A norm goes with the linear map before it, or, where the enclosing
    block begins with a norm (pre-activation nets, transformers), with the one after it. Anything else (a scale, a
    scalar bias, a token) goes with the linear map that is fewest operations away, the one before when there are two.
    """
    units = tree.units(group.tensors)
    if not units:
        return [group]
    home = {t: tree.unit.get(t) or _nearest_unit(tree, t, units, group.tensors) for t in group.tensors}
    return [Group(unit, tuple(t for t in group.tensors if home[t] == unit)) for unit in units]


def _nearest_unit(tree: Tree, tensor: str, units: Sequence[str], tensors: Sequence[str]) -> str:
    at = tree.time[tensor]
    if not tree.is_norm(tensor):
        return min(units, key=lambda u: (abs(tree.unit_time[u] - at), tree.unit_time[u] > at))
    owner = owner_of(tensor)
    for scope in ancestors(owner):
        inside = [u for u in units if within(u, scope)]
        if not inside:
            continue
        before = [u for u in inside if tree.unit_time[u] <= at]
        after = [u for u in inside if tree.unit_time[u] > at]
        if before and not (after and _begins_with_norm(tree, scope, inside[0], tensors)):
            return before[-1]
        # A shortcut that also takes the normed input may run first; the norm is the main path's, its sibling.
        return next((u for u in after if parent(u) == parent(owner)), after[0])
    return units[0]


def _begins_with_norm(tree: Tree, scope: str, first: str, tensors: Sequence[str]) -> bool:
    start = tree.unit_time[first]
    outside = (t for t in tensors if t not in tree.unit and within(t, scope))
    return any(tree.time[t] < start and tree.is_norm(t) for t in outside)
