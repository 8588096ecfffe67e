"""A network's weights with a name, and what to call a pair of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from torch import Tensor, nn

from ..errors import UsageError
from ..params import Params
from .network import Network
from .prepared import is_extra, unwrapped

__all__ = ["PROBED_HEAD", "ROLES", "Given", "Solution", "Solutions", "Weights", "as_solution", "letter", "pair_kind"]

ROLES: tuple[str, ...] = ("P", "RI", "P-T", "RI-T")
"""Pre-trained, randomly initialised, and these two trained on the target, in the order they are written.

Source: Neyshabur et al. 2020, §2.
"""

PROBED_HEAD = ", probed head"
"""How the group of a start ends whose final layer was fitted to the pre-trained features (Kumar et al. 2022)."""


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Mapping[str, Tensor]):
    """The weights of a network with a name; everything that takes weights by name takes them so, too.

    Attributes:
        label: what tables and legends say: ``"P-T 0"``, ``"RI-T 1 (best)"``, or the user's file name.
        params: all tensors of the network.
        role: one of :data:`ROLES`, or ``""`` when unknown.
        group: solutions trained from one and the same start share it (``"P"``, ``"RI 0"``); ``""`` when unknown.
        unfit: why it is no witness for claims about networks that learned, as it follows its name (``diverged at step
            3``); ``""`` for nothing known against it.
    """

    label: str
    params: Params
    role: str = ""
    group: str = ""
    unfit: str = ""

    def __repr__(self) -> str:
        """Say what it is, not all the numbers.

        >>> Solution("P-T 0", {"w": Tensor(2, 3)}, "P-T")
        Solution('P-T 0', role 'P-T': 6 numbers)
        """
        numbers = sum(value.numel() for value in self.params.values())
        role = f", role {self.role!r}" * bool(self.role)
        return f"Solution({self.label!r}{role}: {numbers:,} numbers)"

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __getitem__(self, name: str) -> Tensor:
        return self.params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.params)

    def __len__(self) -> int:
        return len(self.params)

    def __post_init__(self) -> None:
        if self.role and self.role not in ROLES:
            raise UsageError(f"role {self.role!r} of {self.label!r}: expected {', '.join(ROLES)} or nothing")


Given: TypeAlias = Mapping[str, Tensor] | nn.Module | str | os.PathLike[str]
"""Weights of a network as people have them: a solution, a state dict, a module, or the path of a file."""

Solutions: TypeAlias = Given | Sequence[Given] | Mapping[str, Given]
"""Networks to look at: a list of weights, with or without names, weights by name, or the weights of one network."""

Weights: TypeAlias = Sequence[Given] | Mapping[str, Given]
"""Weights of one network in order of time, by name or without."""


def as_solution(x: Given, label: str, net: Network | None = None) -> Solution:
    """Return a solution as it is, and other weights as a solution of this label and unknown role.

    Weights are taken as the network counts them (:meth:`~transferscope.models.network.Network.weights`): tied ones
    once, without extra state. Of a module in a wrapper (``DataParallel``, ``torch.compile``) those inside count. A
    state dict that has not one name of the network is read as one of a file is.

    Args:
        x: a solution, weights by name, a module (its weights as they are now), or the path of a file.
        label: what to call weights without a name; those of a file are called by its name.
        net: the network they are of; needed for a file, whose names and shapes become the network's.

    Raises:
        CheckpointError: when a file cannot be read, or it, or a state dict, does not fit the network.
        UsageError: for a file without a network, or what is none of these.

    >>> as_solution({}, "a").label, as_solution(Solution("b", {}), "a").label
    ('a', 'b')
    """
    if isinstance(x, Solution):
        return _counted(net, x)
    if isinstance(x, nn.Module):
        x = unwrapped(x)
        state = {k: v for k, v in x.state_dict().items() if isinstance(v, Tensor)}
        return _counted(net, Solution(label, {k: v.detach().cpu().clone() for k, v in state.items()}))
    if isinstance(x, (str, os.PathLike)):
        if net is None:
            raise UsageError(f"{os.fspath(x)}: a file is read into a network; give load_weights(net, PATH) here")
        from .load import load_weights  # which returns solutions, and so imports this

        return load_weights(net, Path(x))
    if isinstance(x, Mapping):
        return _counted(net, Solution(label, dict(x)))
    raise UsageError(
        f"{label}: {type(x).__name__} given; expected weights: what load_weights returns, a state dict, a module, or "
        "a path"
    )


def _counted(net: Network | None, solution: Solution) -> Solution:
    if net is not None and solution.params and not solution.params.keys() & net.named().keys():
        from .checkpoint import CheckpointFile
        from .heads import fit_to

        tensors = {k: v for k, v in solution.params.items() if isinstance(v, Tensor)}
        return replace(solution, params=fit_to(net, CheckpointFile(solution.label, "pytorch", tensors)).params)
    if net is None or not (net.aliases.keys() & solution.params.keys() or any(map(is_extra, solution.params))):
        return solution
    return replace(solution, params=net.weights(solution.params, solution.label))


def letter(place: int) -> str:
    """Return the name of weights that were given without one.

    >>> letter(0), letter(1), letter(26)
    ('A', 'B', 'A1')
    """
    return chr(ord("A") + place) if place < 26 else f"{chr(ord('A') + place % 26)}{place // 26}"


def pair_kind(a: Solution, b: Solution) -> str:
    """Say what kind of pair two solutions are; the same for either order when both roles are known.

    Two weights of one run (labels that differ only in what is in brackets at the end) are named by what differs; no
    brackets are the final weights. Two RI-T with the same random start say so, two P-T from different weights, and a
    trained network beside pre-trained weights whose final layer was fitted to the task.

    >>> x, y = Solution("P-T 0", {}, "P-T", "P"), Solution("RI-T 0", {}, "RI-T", "RI 0")
    >>> pair_kind(x, y), pair_kind(y, x), pair_kind(y, Solution("RI-T 1", {}, "RI-T", "RI 0"))
    ('P-T & RI-T', 'P-T & RI-T', 'RI-T & RI-T (same start)')
    >>> pair_kind(x, Solution("P-T 1", {}, "P-T", "P digits"))
    'P-T & P-T (different starts)'
    >>> pair_kind(x, Solution("P with the probed head", {}, "P", "P, probed head"))
    'P & P-T (probed head)'
    >>> pair_kind(Solution("RI-T 0 (final)", {}, "RI-T"), Solution("RI-T 0 (best)", {}, "RI-T"))
    'RI-T best & final'
    >>> pair_kind(Solution("mine.pt", {}), Solution("theirs.pt", {}))
    'mine.pt & theirs.pt'
    """
    if not a.role or not b.role:
        return f"{a.label} & {b.label}"
    (run_a, tag_a), (run_b, tag_b) = _split(a.label), _split(b.label)
    if a.role == b.role and run_a == run_b and tag_a != tag_b:
        return f"{a.role} {' & '.join(sorted((tag_a or 'final', tag_b or 'final')))}"
    first, second = sorted((a.role, b.role), key=ROLES.index)
    if first == second and a.group and b.group:
        if first == "RI-T" and a.group == b.group:
            return f"{first} & {second} (same start)"
        if first == "P-T" and a.group != b.group:
            return f"{first} & {second} (different starts)"
    given = a if a.role == first else b
    if first == "P" and second in ("P-T", "RI-T") and given.group.endswith(PROBED_HEAD):
        return f"{first} & {second} (probed head)"
    return f"{first} & {second}"


def _split(label: str) -> tuple[str, str]:
    """``"RI-T 1 (best)"`` → ``("RI-T 1", "best")``."""
    run, opened, tag = label.removesuffix(")").rpartition(" (")
    return (run, tag) if opened and label.endswith(")") else (label, "")
