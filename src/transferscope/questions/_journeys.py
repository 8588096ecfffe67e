"""Training runs as paths through weight space, and the modules that are moved along them.

What ``criticality`` and ``rewind`` share.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, cast

import numpy as np
import torch
from torch import Tensor

from ..errors import TooFewError, UsageError, nearest
from ..evidence.left_out import LeftOut
from ..evidence.phrases import count
from ..models.modules import GRANULARITIES
from ..models.network import Granularity, Module, Network
from ..models.solution import Solution, Weights, as_solution
from ..params import Params, check_same
from ..train.run import Run

__all__ = ["Chosen", "Journey", "Moving", "Passage", "journeys_of", "modules_of"]


Passage: TypeAlias = Run | Weights
"""Where a network came from and got to: a training run, or weights in order of time, the first and the trained ones
at the ends."""


@dataclass(frozen=True, eq=False)
class Journey:
    """The weights of one training run, from its start to its ends.

    Attributes:
        label: what to call the network.
        role: ``P-T``, ``RI-T`` or empty.
        group: the same for networks trained from one and the same start.
        start: θ⁰.
        ends: ``best`` (θ*) and ``final`` (θᶠ), or one ``end``; all other modules stay where the first is.
        recorded: weights kept on the way, by tag, in order of time.
        until: for each end, how many of the recorded came before it.
        missing: for each end to which there is no optimisation path, why, and what to record for it.
        omissions: what else the run cannot give.
        fixed: tensors that have no start of their own (a head of another size) and cannot be moved.
        unfit: why it is no witness for claims about networks that learned; empty for nothing known against it.
    """

    label: str
    role: str
    group: str
    start: Params
    ends: Mapping[str, Params]
    recorded: Mapping[str, Params] = field(default_factory=dict)
    until: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    omissions: tuple[LeftOut, ...] = ()
    fixed: frozenset[str] = frozenset()
    unfit: str = ""

    @property
    def trained(self) -> Params:
        """The weights of the network whose modules are moved one at a time."""
        return next(iter(self.ends.values()))

    def before(self, end: str) -> dict[str, Params]:
        """Return what was recorded before an end."""
        return dict(list(self.recorded.items())[: self.until.get(end, 0)])

    @classmethod
    def through(cls, net: Network, weights: Weights) -> Journey:
        """Return the path of plain weights.

        Args:
            net: the network.
            weights: in order of time: θ⁰ first, then what was recorded on the way, the trained weights last; by name
                or without, then numbered from 1. Where the head of θ⁰ is missing or of another size, the head stays
                where it is.

        Raises:
            UsageError: when they are fewer than two, not all of one network, or the end is not finite.
        """
        named = weights if isinstance(weights, Mapping) else {str(i): w for i, w in enumerate(weights)}
        if len(named) < 2:
            raise UsageError(f"{len(named)} weights of a network; give those at its start and those at its end")
        (_, first), *between, (_, end) = named.items()
        start, last = as_solution(first, "start", net).params, as_solution(end, "network", net)
        check_same(net.module.state_dict(), last.params)
        head = net.head_tensors()
        fixed = frozenset(k for k in head if k not in start or start[k].shape != last.params[k].shape)
        begin = (
            {k: v for k, v in start.items() if k not in head} | {k: last.params[k] for k in head} if fixed else start
        )
        kept = {tag: as_solution(w, tag, net).params for tag, w in between}
        found = cls(
            last.label, last.role, last.group, dict(begin), {"end": last.params}, kept, {"end": len(kept)},
            fixed=fixed, unfit=last.unfit,
        )  # fmt: skip
        return found._checked(net)

    @classmethod
    def of(cls, net: Network, run: Run, ends: Sequence[str] = ("best", "final")) -> Journey:
        """Return the path of a training run.

        Args:
            net: the network.
            run: with its weights at the start and at the ends.
            ends: ``best``, ``final`` or both; the second is left out when it is the same as the first.

        Raises:
            UsageError: when the run did not keep its start or an end, or an end is not known.
        """
        _check(ends)
        reached = {end: run.at(end).params for end in ends}
        if "epoch 0" not in run.snapshots:
            raise UsageError(
                f"run {run.label!r} on {run.target} kept no start; record epoch 0, e.g. epochs=(0, 1, 2)"
            )
        kept_on_way = [tag for tag in run.snapshots if tag not in ("best", "final")]
        times = {tag: when for tag in kept_on_way if (when := _time(run, tag)) is not None and when > 0}
        order = sorted(times, key=lambda tag: times[tag])
        order = [tag for i, tag in enumerate(order) if not i or times[tag] != times[order[i - 1]]]
        omissions: list[LeftOut] = []
        if len(reached) > 1 and _equal(*reached.values()):
            first, second = reached
            del reached[second]
            omissions.append(LeftOut(run.label, f"the {second} weights are the {first} ones, and are shown once"))
        until: dict[str, int] = {}
        missing: dict[str, str] = {}
        for end in reached:
            at = _time(run, f"epoch {run.best_epoch}") if end == "best" else _time(run, "final")
            until[end] = 0 if at is None else sum(times[tag] < at for tag in order)
            if not until[end]:
                missing[end] = _what_to_record(run, end, at)
        kept = {tag: dict(run.snapshots[tag]) for tag in order[: max(until.values())]}
        start = dict(run.start.params)
        found = cls(
            run.label, run.role, run.group, start, reached, kept, until, missing, tuple(omissions), unfit=run.unfit
        )  # fmt: skip
        return found._checked(net)

    def _checked(self, net: Network) -> Journey:
        for weights in (self.start, *self.recorded.values(), *self.ends.values()):
            check_same(net.module.state_dict(), weights)
        for end, weights in self.ends.items():
            wrong = [k for k, v in weights.items() if v.is_floating_point() and not bool(v.isfinite().all())]
            if wrong:
                raise UsageError(
                    f"{self.label}: {wrong[0]!r} of the {end} weights is not finite; give a trained network"
                )
        return self


def journeys_of(
    net: Network, passages: Run | Sequence[Passage], ends: Sequence[str]
) -> tuple[tuple[Journey, ...], tuple[LeftOut, ...]]:
    """Return the paths of runs or of plain weights, and what of them cannot be measured.

    Args:
        net: the network of all.
        passages: each a run, or weights in order of time; a run alone is a list of one.
        ends: of runs: ``best``, ``final`` or both.

    Raises:
        UsageError: when there is no path, two have one label, or a run that ended well lacks its start or an end.
    """
    _check(ends)  # of plain weights, too, which have no others
    every = _each(passages)
    if not every:
        raise UsageError("no runs given")
    gone = tuple(
        LeftOut(run.label, f"{run.ended} and has no trained weights")
        for run in every
        if isinstance(run, Run) and run.diverged
    )
    found = tuple(
        Journey.of(net, one, ends) if isinstance(one, Run) else Journey.through(net, one)
        for one in every
        if not (isinstance(one, Run) and one.diverged)
    )
    labels = [one.subject for one in gone] + [journey.label for journey in found]
    if twice := [label for label, times in Counter(labels).items() if times > 1]:
        raise UsageError(f"two networks are called {twice[0]!r}; give each a label of its own")
    if not found:
        raise TooFewError(f"{gone[0].subject} {gone[0].reason}; no run is left")
    return found, (*gone, *(o for journey in found for o in journey.omissions))


def _check(ends: Sequence[str]) -> None:
    for end in ends:
        if end not in ("best", "final"):
            raise UsageError(f"end {end!r}{nearest(end, ('best', 'final'))}")
    if not ends:
        raise UsageError("no end is asked for; give 'best', 'final' or both")


def _each(passages: Run | Sequence[Passage]) -> tuple[Passage, ...]:
    """Refuse the weights of one network where a list of networks is expected."""
    every = (passages,) if isinstance(passages, (Run, Mapping)) else tuple(passages)
    if any(isinstance(x, Solution) or (isinstance(x, Mapping) and _is_weights(x)) for x in every):
        raise UsageError("runs: expected a list of runs, or of weights in order of time, such as [(start, end)]")
    return every


def _is_weights(x: Mapping[str, object]) -> bool:
    return all(isinstance(value, Tensor) for value in x.values())


@dataclass(frozen=True)
class Moving:
    """A module that is moved.

    Attributes:
        name: of the module.
        tensors: its floating tensors: parameters and running statistics, which go with them.
        parameters: those that are parameters; norms, distances and noise are of these.
    """

    name: str
    tensors: tuple[str, ...]
    parameters: tuple[str, ...]


@dataclass(frozen=True)
class Chosen:
    """The modules that are moved, one at a time.

    Attributes:
        moving: in forward order.
        left_out: those that cannot be moved.
        first: name of the one with the network's first layer, empty when it is not among them.
        head: name of the one with the final classifier, empty when it is not among them.
    """

    moving: tuple[Moving, ...]
    left_out: tuple[LeftOut, ...]
    first: str
    head: str


def modules_of(net: Network, modules: Granularity | Sequence[str]) -> Chosen:
    """Choose modules, and say which of them cannot be moved.

    Args:
        net: the network.
        modules: a granularity, or names of modules of any granularity; where a name stands for two, the larger one.

    Raises:
        UsageError: for names that do not exist, come twice, or of which none can be moved.
    """
    if isinstance(modules, str):
        chosen: tuple[Module, ...] = net.modules(cast(Granularity, modules))
    else:
        known: dict[str, Module] = {}
        for module in (m for granularity in GRANULARITIES for m in net.modules(granularity)):
            if module.name not in known or len(module.tensors) > len(known[module.name].tensors):
                known[module.name] = module
        for name in modules:
            if name not in known:
                raise UsageError(f"{net.name} has no module {name!r}{nearest(name, known)}")
        if twice := [name for name, times in Counter(modules).items() if times > 1]:
            raise UsageError(f"module {twice[0]!r} is asked for twice; name each module once")
        order = {tensor: i for i, layer in enumerate(net.modules("layer")) for tensor in layer.tensors}
        chosen = tuple(sorted((known[name] for name in modules), key=lambda m: min(order[t] for t in m.tensors)))
    if not chosen:
        raise UsageError(f"no modules of {net.name} are asked for; give names, or 'layer', 'block' or 'stage'")
    state = net.module.state_dict()
    trainable = {name for name, _ in net.module.named_parameters(remove_duplicate=False)}
    found, left_out = [], []
    for module in chosen:
        tensors = tuple(t for t in module.tensors if state[t].is_floating_point())
        parameters = tuple(t for t in tensors if t in trainable)
        if not module.runs:
            left_out.append(LeftOut(module.name, "never runs in the forward pass, so nothing depends on its weights"))
        elif not parameters:
            left_out.append(LeftOut(module.name, "has no parameters"))
        else:
            found.append(Moving(module.name, tensors, parameters))
    if not found:
        raise UsageError(f"{net.name}: module {left_out[0].subject!r} {left_out[0].reason}; name another")
    stem, head = set(net.modules("layer")[0].tensors), set(net.head_tensors())
    first, last = (
        next((m.name for m in found if tensors & set(m.parameters)), "") for tensors in (stem, head)
    )  # fmt: skip
    return Chosen(tuple(found), tuple(left_out), first, last)


def _time(run: Run, tag: str) -> int | None:
    """Steps done when weights were kept (epochs, when steps are not known); ``None`` for tags that are no time."""
    rows = run.steps if len(run.steps.get("step", ())) else run.epochs
    epochs, steps = rows.get("epoch", np.zeros(0, int)), rows.get("step", np.zeros(0, int))
    if tag == "final":
        return int(steps.max()) if len(steps) else run.recipe.epochs
    kind, _, number = tag.partition(" ")
    if kind not in ("epoch", "step") or not number.isdigit() or (kind == "step" and not len(steps)):
        return None
    if kind == "step" or not len(steps):
        return int(number)
    done = steps[epochs <= int(number)]
    return int(done.max()) if int(number) and len(done) else 0


def _what_to_record(run: Run, end: str, at: int | None) -> str:
    if at is None:
        return f"it is not known when the {end} weights were reached, so there is no optimisation path to them"
    last = run.recipe.epochs if end == "final" else int(run.best_epoch or 0)
    epochs = [2**i for i in range(10) if 2**i < last]
    if epochs:
        advice = f"record.epochs: {epochs}"
    else:
        advice = f"record.steps: {sorted({max(1, at * i // 4) for i in (1, 2, 3)})}" if at > 1 else "more training"
    return (
        f"no weights were kept between the start and the {end} ones ({count(last, 'epoch')}), so there is no "
        f"optimisation path to them; it needs, for example, {advice}"
    )


def _equal(a: Params, b: Params) -> bool:
    return all(torch.equal(value, b[name]) for name, value in a.items())
