"""How far did the weights move, and how far apart did two runs end?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from torch import Tensor

from ...errors import UsageError
from ...evidence.guard import Witness
from ...evidence.left_out import LeftOut
from ...models.network import Granularity, Module, Network
from ...models.solution import Solution, Solutions
from ...params import Params
from ...progress import Progress, silent
from ...train.run import Run
from .._members import Member, Pair, as_members, as_solutions, pairs_of
from .._pair_sample import found_unfit
from .._sides import unlearned
from ..result import Result

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Distance", "Trajectory", "distance"]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """How far one run was from its start, snapshot by snapshot.

    Attributes:
        label: the run.
        role: ``P-T``, ``RI-T`` or empty.
        group: the same for runs from one and the same start.
        epochs: when the snapshots were taken, ``(s,)``, rising.
        distance: ``(s, modules)``.
        layer_sum: Σ_l ‖W_l − W⁰_l‖_F over the weight matrices and kernels, ``(s,)``.
        unfit: why the run is no witness for claims about networks that learned; empty for nothing known against it.
    """

    label: str
    role: str
    group: str
    epochs: np.ndarray
    distance: np.ndarray
    layer_sum: np.ndarray
    unfit: str = ""

    def whole(self) -> np.ndarray:
        """Return the distance of all weights to the start, ``(s,)``."""
        total: np.ndarray = np.sqrt(np.nansum(self.distance**2, 1))
        return total


@dataclass(frozen=True, eq=False)
class Distance(Result):
    """Euclidean distances between the parameters of networks, by module.

    Parameters only: the running statistics of batch norm are not weights and do not count.

    Attributes:
        members: the networks; among them, where given, their starts (roles ``P`` and ``RI``).
        pairs: all pairs of them.
        modules: names in forward order.
        heads: whether a module is the final classifier, ``(modules,)``.
        numel: parameters in each module, ``(modules,)``.
        distance: ``(pairs, modules)``; nan where tensors were left out.
        norm: ``(members, modules)``; nan where a network has other tensors.
        layer_sum: Σ_l ‖W_l − W⁰_l‖_F over the weight matrices and kernels of each pair, ``(pairs,)``.
        missing: for each pair, the tensors that are not compared: of another shape (heads for other classes), or not
            there.
        examples: training examples of the target, the n of Liu et al.'s deviation; ``None`` when not given.
        trajectories: runs followed along training.
        left_out: networks that learned nothing and are not compared where others did, and tensors.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
    """

    question: ClassVar[str] = "distance"
    cites: ClassVar[tuple[str, ...]] = (
        "Neyshabur et al. 2020, §3.2",
        "Neyshabur et al. 2020, Tables 2 and 8",
        "Neyshabur et al. 2020, Fig. 10 and 11",
        "Liu et al. 2019, §3, Fig. 2",
    )

    members: tuple[Member, ...]
    pairs: tuple[Pair, ...]
    modules: tuple[str, ...]
    heads: np.ndarray
    numel: np.ndarray
    distance: np.ndarray
    norm: np.ndarray
    layer_sum: np.ndarray
    missing: tuple[tuple[str, ...], ...]
    examples: int | None
    trajectories: tuple[Trajectory, ...]
    left_out: tuple[LeftOut, ...] = ()
    witnesses: tuple[Witness, ...] = ()

    def whole(self) -> np.ndarray:
        """Return the distance of each pair over all modules that could be compared, ``(pairs,)``."""
        return _total(self.distance)

    def body(self) -> np.ndarray:
        """Return the distance of each pair without the final classifier, ``(pairs,)``."""
        return _total(self.distance[:, ~self.heads])

    def comparable(self) -> np.ndarray:
        """Return distances that may be held against each other: whole, or without heads where any was left out."""
        return self.body() if any(self.missing) else self.whole()

    def deviation(self) -> np.ndarray:
        """Return Liu et al.'s deviation (1/√n)·Σ_l ‖W_l − W⁰_l‖_F of each pair; nan when n is not known."""
        return self.layer_sum / math.sqrt(self.examples) if self.examples else np.full(len(self.pairs), math.nan)

    def starts(self) -> tuple[Pair, ...]:
        """Return the pairs of a network and its own start."""
        wanted = ({"P", "P-T"}, {"RI", "RI-T"})
        return tuple(
            pair
            for pair in self.pairs
            if (a := self.members[pair.a]).group == (b := self.members[pair.b]).group and {a.role, b.role} in wanted
        )

    def untrained(self, pair: Pair) -> bool:
        """Whether a pair has a random start in it that is not the other's own: two draws, and no question."""
        return "RI" in {self.members[pair.a].role, self.members[pair.b].role} and pair not in self.starts()

    def frame(self) -> pd.DataFrame:
        """Return one row for each module of each pair, then for ``(without head)`` and ``(whole)``."""
        import pandas as pd

        rows = []
        for p, (pair, whole, body, deviation) in enumerate(
            zip(self.pairs, self.whole(), self.body(), self.deviation(), strict=True)
        ):
            named = {
                "pair": pair.kind,
                "a": self.members[pair.a].label,
                "b": self.members[pair.b].label,
            }
            left_out = ", ".join(self.missing[p])
            for m, module in enumerate(self.modules):
                rows.append(
                    named
                    | {
                        "module": module,
                        "distance": self.distance[p, m],
                        "norm_a": self.norm[pair.a, m],
                        "norm_b": self.norm[pair.b, m],
                        "parameters": int(self.numel[m]),
                    }
                )
            for module, total, chosen in (("(without head)", body, ~self.heads), ("(whole)", whole, self.heads >= 0)):
                rows.append(
                    named
                    | {
                        "module": module,
                        "distance": total,
                        "norm_a": _total(self.norm[pair.a : pair.a + 1, chosen])[0],
                        "norm_b": _total(self.norm[pair.b : pair.b + 1, chosen])[0],
                        "parameters": int(self.numel[chosen].sum()),
                        "deviation": deviation if module == "(whole)" else math.nan,
                        "left_out": left_out,
                    }
                )
        return pd.DataFrame(rows)

    def trajectory_frame(self) -> pd.DataFrame:
        """Return one row for each snapshot of each run: distance to the start, by module and whole, and deviation."""
        import pandas as pd

        scale = math.sqrt(self.examples) if self.examples else math.nan
        frames = [
            pd.DataFrame(
                {
                    "run": t.label,
                    "role": t.role,
                    "epoch": t.epochs,
                    "(whole)": t.whole(),
                    "deviation": t.layer_sum / scale,
                }
                | {module: t.distance[:, m] for m, module in enumerate(self.modules)}
            )
            for t in self.trajectories
        ]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def distance(
    net: Network,
    solutions: Solutions,
    *,
    granularity: Granularity = "stage",
    runs: Sequence[Run] = (),
    examples: int | None = None,
    witnesses: Sequence[Witness] = (),
    progress: Progress = silent,
) -> Distance:
    """Measure ‖θ_a − θ_b‖₂ between networks, by module and whole, and along training (Neyshabur et al. 2020, §3.2;
    Liu et al. 2019, §3).

    Args:
        net: the network; its modules are those compared.
        solutions: two or more; give starts among them with the group of what was trained from them. A head of another
            size is left out, and the result says so.
        granularity: ``layer``, ``block`` or ``stage``.
        runs: runs to follow from their start through their epoch snapshots.
        examples: number of training examples of the target, for Liu et al.'s deviation.
        witnesses: what is known of the runs and pre-trainings that the networks are from.
        progress: told the number of pairs and runs done.

    Returns:
        Distances between all pairs.

    Raises:
        UsageError: for fewer than two solutions, or networks that differ in more than their heads.
    """
    named = as_solutions(solutions, net=net)
    compare = _Compare(net, granularity)
    pairs, total = pairs_of(named), len(named) * (len(named) - 1) // 2 + len(runs)
    measured = []
    for done, pair in enumerate(pairs, 1):
        measured.append(compare(named[pair.a], named[pair.b]))
        progress(done, total, "pairs and runs")
    trajectories = []
    for done, run in enumerate(runs, len(pairs) + 1):
        trajectories.append(_follow(compare, run))
        progress(done, total, "pairs and runs")
    members, missing = as_members(named), tuple(m.left_out for m in measured)
    witnesses = found_unfit(members, witnesses)
    return Distance(
        members=members,
        pairs=pairs,
        modules=tuple(m.name for m in compare.modules),
        heads=compare.heads,
        numel=compare.numel,
        distance=np.stack([m.by_module for m in measured]),
        norm=np.stack([compare.norm(s.params) for s in named]),
        layer_sum=np.array([m.layer_sum for m in measured]),
        missing=missing,
        examples=examples,
        trajectories=tuple(trajectories),
        left_out=(*unlearned(members, witnesses), *_tensors(missing)),
        witnesses=witnesses,
    )


def _tensors(missing: Sequence[Sequence[str]]) -> list[LeftOut]:
    """Return the tensors that some pairs cannot compare."""
    count = Counter(name for names in missing for name in names)
    return [
        LeftOut(name, f"missing or of another shape in {n} of {len(missing)} pairs; distances are without the head")
        for name, n in sorted(count.items())
    ]


@dataclass(frozen=True, eq=False)
class _Measured:
    by_module: np.ndarray
    layer_sum: float
    left_out: tuple[str, ...]


class _Compare:
    """Distances between weights of one network, module by module."""

    def __init__(self, net: Network, granularity: Granularity) -> None:
        self.net = net
        shapes = {name: p.shape for name, p in net.module.named_parameters()}
        held = [(m, tuple(t for t in m.tensors if t in shapes)) for m in net.modules(granularity)]
        self.modules: tuple[Module, ...] = tuple(m for m, names in held if names)
        self.tensors = tuple(names for _, names in held if names)
        head = set(net.head_tensors())
        self.heads = np.array([head.issuperset(names) for names in self.tensors])
        self.numel = np.array([sum(shapes[t].numel() for t in names) for names in self.tensors], dtype=np.int64)
        self.head = head

    def __call__(self, a: Solution, b: Solution) -> _Measured:
        squares = np.full(len(self.modules), math.nan)
        layer_sum, left_out = 0.0, []
        for m, names in enumerate(self.tensors):
            different = [name for name in names if not self._same(name, a, b)]
            left_out += different
            found = {name: _square(a.params[name], b.params[name]) for name in names if name not in different}
            layer_sum += math.fsum(math.sqrt(x) for name, x in found.items() if a.params[name].ndim >= 2)
            if not different:
                squares[m] = math.fsum(found.values())
        return _Measured(np.sqrt(squares), layer_sum, tuple(left_out))

    def norm(self, params: Params) -> np.ndarray:
        """Norms by module; nan where the tensors are not there."""
        return np.array(
            [
                math.sqrt(math.fsum(_square(params[name]) for name in names))
                if all(name in params for name in names)
                else math.nan
                for names in self.tensors
            ]
        )

    def _same(self, name: str, a: Solution, b: Solution) -> bool:
        in_a, in_b = (None if name not in s.params else tuple(s.params[name].shape) for s in (a, b))
        if in_a == in_b and in_a is not None:
            return True
        if name in self.head:
            return False
        told = [f"{s.label} has {'none' if x is None else x}" for s, x in ((a, in_a), (b, in_b))]
        raise UsageError(
            f"{name!r} of {self.net.name} differs: {told[0]}, {told[1]}; only heads may, "
            "give weights of one architecture"
        )


def _follow(compare: _Compare, run: Run) -> Trajectory:
    """Distance of every epoch snapshot to the start of the run."""
    start = run.start
    at = {tag: int(tag.split()[1]) for tag in run.snapshots if tag.startswith("epoch ")}
    if "final" in run.snapshots and (last := int(run.epochs["epoch"][-1])) not in at.values():
        at["final"] = last
    epochs = sorted((epoch, tag) for tag, epoch in at.items())
    measured = [compare(start, Solution(f"{run.label} {tag}", run.snapshots[tag])) for _, tag in epochs]
    return Trajectory(
        label=run.label,
        role=run.role,
        group=run.group,
        epochs=np.array([epoch for epoch, _ in epochs], dtype=np.int64),
        distance=np.array([m.by_module for m in measured]).reshape(len(measured), len(compare.modules)),
        layer_sum=np.array([m.layer_sum for m in measured], dtype=np.float64),
        unfit=run.unfit or (run.ended if run.diverged else ""),
    )


def _square(a: Tensor, b: Tensor | None = None) -> float:
    difference = a.double() if b is None else a.double() - b.to(a.device, copy=False).double()
    return float(difference.square().sum())


def _total(by_module: np.ndarray) -> np.ndarray:
    """Root of the sum of squares over modules, without those that could not be compared."""
    total: np.ndarray = np.sqrt(np.nansum(by_module**2, 1))
    return total
